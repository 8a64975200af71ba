// Slides as OpenSlide reads them against our reader, pixel by pixel; ends with 1 where one differs by over two grey levels.
//   node dist/bench/slides.js ../shared/data/monusac-raw
// OpenSlide comes into bench/.env on first use.

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { benchFile, peerPython, runJson } from '../src/cli/bench/peer';
import { readImage } from '../src/data/formats/image';

/** The largest difference of one channel of one pixel that two decoders of JPEG 2000 may show. */
const MOST = 2;

interface PeerSlide {
  readonly width: number;
  readonly height: number;
  readonly openslide: string;
}

async function main(dir: string): Promise<void> {
  const python = peerPython('openslide');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cytobench-bench-'));
  const raw = path.join(folder, 'slide.rgb');
  try {
    for (const name of fs.readdirSync(dir).filter((file) => file.endsWith('.svs'))) {
      const file = path.join(dir, name);
      const peer = runJson<PeerSlide>(python, [benchFile('peers', 'slide_openslide.py'), file, raw]);
      const ours = await readImage(file);
      const theirs = fs.readFileSync(raw);
      const sameSize = ours.width === peer.width && ours.height === peer.height;
      let [differ, most] = [0, sameSize ? 0 : 255];
      for (let i = 0; sameSize && i < theirs.length; i++) {
        const difference = Math.abs(ours.data[i] - theirs[i]);
        if (difference > 0) differ++;
        most = Math.max(most, difference);
      }
      console.log(
        JSON.stringify({ slide: name, ...peer, differ: differ / theirs.length, greatestDifference: most }),
      );
      if (most > MOST) process.exitCode = 1;
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

void main(process.argv[2]);
