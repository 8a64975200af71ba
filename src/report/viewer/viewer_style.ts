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
