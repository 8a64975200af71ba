import sharp from 'sharp';
import { canvasOf } from '../../plots/canvas';
import { escapeXml } from '../../plots/svg';
import { bundleScript } from '../bundle';
import { packViewer, type ViewedImage } from './pack';

/** Longer sides are drawn from a smaller image: browsers refuse larger ones. */
const LONGEST_SIDE = 8192;
/** Bytes of the image, as base64, that leave room for the cells under 8 MB. */
const PICTURE_BYTES = 6_000_000;

/**
 * One page to look around in an image and its cells: zoom, classes, score threshold, each cell's row, ground truth where it is
 * known. All of it in one file that needs no network; keys are told on the page itself.
 */
export async function viewerHtml(viewed: ViewedImage): Promise<string> {
  const data = packViewer(viewed);
  const picture = await imageUrl(viewed);
  const title = escapeXml(viewed.title);
  const size = `${viewed.width} × ${viewed.height} px${viewed.pixelSize ? `, ${viewed.pixelSize} µm a pixel` : ''}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="cytobench">
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
<img id="image" alt="" hidden src="${picture}">
<script id="data" type="application/json">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>${bundleScript('viewer')}</script>
</body>
</html>
`;
}

/** The page within another one: a frame that brings its own style and script. */
export function viewerFrame(html: string, title: string, height = 640): string {
  return `<iframe title="${escapeXml(title)}" style="width:100%;height:${height}px;border:0" srcdoc="${escapeXml(html)}"></iframe>`;
}

/** The image as WebP in a data URL: as good as fits. */
async function imageUrl({ image, height, width, channelOrder }: ViewedImage): Promise<string> {
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

/** How the viewer looks, in light and dark. Text has a contrast of 4.5 at least on what it stands on. */
export const VIEWER_STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1c2230; --soft: #545c6c; --line: #d9dde5; --paper: #ffffff; --stage: #e8ebf0; --hover: #f2f4f8;
  --accent: #0b62a8; --muted: #c3c9d4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ef; --soft: #a4acbb; --line: #2f3643; --paper: #181c24; --stage: #0e1116; --hover: #222834;
    --accent: #7cc0ff; --muted: #3b4352;
  }
}
* { box-sizing: border-box }
html, body { height: 100%; margin: 0 }
body { display: grid; grid-template-columns: minmax(0, 1fr) 300px; font: 14px/1.5 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: var(--paper) }
.view { position: relative; min-height: 0; background: var(--stage); overflow: hidden }
canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; cursor: crosshair; touch-action: none }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
canvas:focus-visible { outline-offset: -3px }
.tip { position: absolute; left: 0; top: 0; pointer-events: none; padding: 3px 10px; border-radius: 6px; background: #10141c; color: #fff; font-size: 13px; white-space: nowrap; box-shadow: 0 2px 8px #0006 }
.zoom { position: absolute; right: 14px; bottom: 14px; display: flex; gap: 6px }
.zoom button { width: 36px; height: 36px; border: 1px solid var(--line); border-radius: 8px; background: var(--paper); color: var(--ink); font: inherit; font-size: 17px; line-height: 1; cursor: pointer }
.zoom button:hover { background: var(--hover) }
aside { border-left: 1px solid var(--line); padding: 20px 20px 28px; overflow-y: auto; min-height: 0 }
h1 { font-size: 17px; line-height: 1.3; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 13px; font-weight: 600; color: var(--soft); margin: 22px 0 6px }
p { margin: 2px 0 }
.soft { color: var(--soft) }
.row { display: flex; align-items: center; gap: 9px; padding: 4px 6px; margin: 0 -6px; border-radius: 6px; cursor: pointer }
.row:hover { background: var(--hover) }
.row .name { flex: 1; overflow-wrap: anywhere }
.row input { width: 16px; height: 16px; margin: 0; accent-color: var(--accent) }
.count { font-variant-numeric: tabular-nums; color: var(--soft) }
.swatch { display: inline-block; flex: none; width: 12px; height: 12px; border-radius: 3px; border: 1px solid #0008 }
.legend { color: var(--soft); font-size: 12.5px; white-space: pre-wrap }
.legend .swatch { width: 10px; height: 10px }
.threshold { display: flex; justify-content: space-between; align-items: baseline }
.threshold output { font-variant-numeric: tabular-nums; font-weight: 600 }
.histogram { display: flex; align-items: flex-end; gap: 1px; height: 42px }
.histogram span { flex: 1; background: var(--accent); border-radius: 1px 1px 0 0 }
.histogram .under { background: var(--muted) }
input[type=range] { width: 100%; margin: 4px 0 0; accent-color: var(--accent) }
dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 14px; margin: 0 }
dt { color: var(--soft) }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
dt.hint { grid-column: 1 / -1 }
.keys dd { text-align: left }
#row { min-height: 11.5em; align-content: start }
kbd { font: inherit; font-size: 12.5px; padding: 0 5px; border: 1px solid var(--line); border-radius: 4px; white-space: nowrap }
details summary { cursor: pointer; font-size: 13px; font-weight: 600; color: var(--soft); margin: 20px 0 6px }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
@media (max-width: 720px) {
  body { grid-template-columns: none; grid-template-rows: 62vh auto; height: auto }
  aside { border-left: 0; border-top: 1px solid var(--line); overflow: visible }
}
`;
