import { canvasOf, canvasToPng, type RasterImage } from './canvas';
import {
  blank,
  drawContours,
  LEGEND_ROW,
  legendOf,
  type OverlayOptions,
  type Panel,
  paste,
  scoreTexts,
} from './overlay';
import { escapeXml, svgToPng } from './svg';

/** One image of a sheet, with the contours of its cells. */
export interface SheetCell extends Panel {
  readonly picture: RasterImage;
}

const GAP = 10;
const TITLE = 24;

/** Rows of images with contours, titles and the legend of the classes. PNG bytes. */
export async function drawContactSheet(
  rows: readonly (readonly SheetCell[])[],
  options: OverlayOptions,
): Promise<Buffer> {
  const { channelOrder = 'rgb' } = options;
  const cells = rows.flat();
  const widest = Math.max(...cells.map(({ picture }) => picture.width));
  const scale = options.scale ?? Math.max(1, Math.min(3, Math.round(360 / widest)));
  const columnWidth = widest * scale + GAP;
  const columns = Math.max(...rows.map((row) => row.length));
  const heights = rows.map(
    (row) => TITLE + GAP + Math.max(...row.map(({ picture }) => picture.height * scale)),
  );
  const width = Math.max(columns * columnWidth, 420);
  const filled = heights.reduce((sum, value) => sum + value, 0);
  const legend = legendOf(options, filled + 4, width);
  const height = filled + 14 + legend.rows * LEGEND_ROW;
  const sheet = blank(width, height);
  const titles: string[] = [];
  let top = 0;
  rows.forEach((row, r) => {
    row.forEach(({ title, picture, contours }, c) => {
      const canvas = canvasOf(picture, channelOrder, scale);
      drawContours(canvas, contours, scale);
      paste(sheet, canvas, c * columnWidth, top + TITLE);
      titles.push(...scoreTexts(contours, c * columnWidth, top + TITLE, scale, canvas));
      titles.push(`<text x="${c * columnWidth + 2}" y="${top + 17}">${escapeXml(title)}</text>`);
    });
    top += heights[r];
  });
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans" font-size="13" fill="#222">`,
    ...titles,
    ...legend.svg,
    '</svg>',
  ];
  return await canvasToPng(sheet, [{ png: svgToPng(svg.join(''), 1), left: 0, top: 0 }]);
}
