import { type Canvas, canvasOf, canvasToPng, drawContour, type Picture } from './canvas';
import { type LabelledContours, legendOf, type OverlayOptions, paste } from './overlay';
import { contourColour } from './palette';
import { svgToPng } from './png';
import { escapeXml } from './svg';

/** One picture of a sheet, with the contours of its cells. */
export interface SheetCell {
  readonly title: string;
  readonly picture: Picture;
  readonly contours: LabelledContours;
}

const GAP = 10;
const TITLE = 24;
const FOOTER = 34;

/** Rows of pictures with contours, titles and the legend of the classes. PNG bytes. */
export async function drawContactSheet(
  rows: readonly (readonly SheetCell[])[],
  options: OverlayOptions,
): Promise<Buffer> {
  const { classes, channelOrder = 'rgb' } = options;
  const cells = rows.flat();
  const widest = Math.max(...cells.map(({ picture }) => picture.width));
  const scale = options.scale ?? Math.max(1, Math.min(3, Math.round(360 / widest)));
  const columnWidth = widest * scale + GAP;
  const columns = Math.max(...rows.map((row) => row.length));
  const heights = rows.map(
    (row) => TITLE + GAP + Math.max(...row.map(({ picture }) => picture.height * scale)),
  );
  const width = Math.max(columns * columnWidth, 420);
  const height = heights.reduce((sum, value) => sum + value, 0) + FOOTER;
  const sheet: Canvas = { width, height, data: new Uint8Array(width * height * 3).fill(255) };
  const titles: string[] = [];
  let top = 0;
  rows.forEach((row, r) => {
    row.forEach(({ title, picture, contours }, c) => {
      const canvas = canvasOf(picture, channelOrder, scale);
      contours.masks.forEach((mask, k) => {
        drawContour(canvas, mask, contourColour(contours.labels[k]), scale, 1);
      });
      paste(sheet, canvas, c * columnWidth, top + TITLE);
      titles.push(`<text x="${c * columnWidth + 2}" y="${top + 17}">${escapeXml(title)}</text>`);
    });
    top += heights[r];
  });
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans" font-size="13" fill="#222">`,
    ...titles,
    ...legendOf(classes, height - 12),
    '</svg>',
  ];
  return await canvasToPng(sheet, [{ png: svgToPng(svg.join(''), 1), left: 0, top: 0 }]);
}
