import sharp from 'sharp';
import { canvasOf } from '../../plots/canvas';
import { escapeXml } from '../../plots/svg';
import { bundlePage } from './bundle';
import { packViewer, type ViewedImage } from './pack';
import { VIEWER_STYLE } from './viewer_style';

/** Longer sides are drawn from a smaller picture: browsers refuse larger ones. */
const LONGEST_SIDE = 8192;
/** Bytes of the picture, as base64, that leave room for the cells under 8 MB. */
const PICTURE_BYTES = 6_000_000;

/**
 * One page to look around in an image and its cells: zoom, classes, score threshold, each cell's row, truth where it is
 * known. All of it in one file that needs no network; keys are told on the page itself.
 */
export async function viewerHtml(viewed: ViewedImage): Promise<string> {
  const data = packViewer(viewed);
  const picture = await pictureUrl(viewed);
  const title = escapeXml(viewed.title);
  const size = `${viewed.width} × ${viewed.height} px${viewed.pixelSize ? `, ${viewed.pixelSize} µm a pixel` : ''}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Cytobench</title>
<style>${VIEWER_STYLE}</style>
</head>
<body>
<main class="view" aria-label="image">
  <canvas id="stage" tabindex="0" role="img" aria-label="${title} with the outlines of its cells" aria-describedby="summary"></canvas>
  <div id="tip" class="tip" hidden></div>
  <div class="zoom">
    <button id="zoom-out" type="button" aria-label="zoom out">−</button>
    <button id="zoom-in" type="button" aria-label="zoom in">+</button>
    <button id="zoom-fit" type="button" aria-label="show the whole image">⤢</button>
  </div>
</main>
<aside aria-label="cells and controls">
  <h1>${title}</h1>
  <p class="soft">${size}</p>
  <p id="summary" role="status"></p>
  <h2 id="classes-title">Classes</h2>
  <div id="classes" role="group" aria-labelledby="classes-title"></div>
  <div class="threshold"><h2><label for="threshold">Score at least</label></h2><output id="threshold-value" for="threshold"></output></div>
  <div id="histogram" class="histogram" aria-hidden="true"></div>
  <input id="threshold" type="range" min="0" max="1" step="0.01">
  <h2 id="layers-title">Shown</h2>
  <div id="layers" role="group" aria-labelledby="layers-title"></div>
  <h2>Cell</h2>
  <dl id="row"></dl>
  <p id="chosen" class="unseen" role="status"></p>
  <details open><summary>Keys</summary><dl id="keys" class="keys"></dl></details>
</aside>
<img id="picture" alt="" hidden src="${picture}">
<script id="data" type="application/json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>${bundlePage()}</script>
</body>
</html>
`;
}

/** The page within another one: a frame that brings its own style and script. */
export function viewerFrame(html: string, title: string, height = 640): string {
  return `<iframe title="${escapeXml(title)}" style="width:100%;height:${height}px;border:0" srcdoc="${escapeXml(html)}"></iframe>`;
}

/** The image as WebP in a data URL: as good as fits. */
async function pictureUrl({ image, height, width, channelOrder }: ViewedImage): Promise<string> {
  const { data } = canvasOf({ image, height, width }, channelOrder, 1);
  const picture = sharp(data, { raw: { width, height, channels: 3 } }).resize({
    width: LONGEST_SIDE,
    height: LONGEST_SIDE,
    fit: 'inside',
    withoutEnlargement: true,
  });
  let bytes = Buffer.alloc(0);
  for (const quality of [85, 70, 50, 30]) {
    bytes = await picture.clone().webp({ quality, effort: 2 }).toBuffer();
    if ((bytes.length * 4) / 3 <= PICTURE_BYTES) break;
  }
  return `data:image/webp;base64,${bytes.toString('base64')}`;
}
