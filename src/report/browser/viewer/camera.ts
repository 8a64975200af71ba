/** What part of the image is on the screen: screen = image * scale + offset, in CSS pixels. */
export interface Camera {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const LARGEST = 40;

/** The whole image in the middle of the screen. */
export function wholeImage(image: Size, screen: Size): Camera {
  const scale = Math.min(screen.width / image.width, screen.height / image.height) * 0.96;
  return {
    scale,
    x: (screen.width - image.width * scale) / 2,
    y: (screen.height - image.height * scale) / 2,
  };
}

/** Larger or smaller by `factor`, the point (x, y) of the screen staying where it is. */
export function zoomAt(camera: Camera, factor: number, x: number, y: number, smallest: number): Camera {
  const scale = Math.min(Math.max(camera.scale * factor, smallest), LARGEST);
  const ratio = scale / camera.scale;
  return { scale, x: x - (x - camera.x) * ratio, y: y - (y - camera.y) * ratio };
}

export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x + dx, y: camera.y + dy };
}

/** The point (x, y) of the image in the middle of the screen, at `scale` or larger. */
export function centreOn(camera: Camera, x: number, y: number, screen: Size, scale: number): Camera {
  const larger = Math.max(camera.scale, scale);
  return { scale: larger, x: screen.width / 2 - x * larger, y: screen.height / 2 - y * larger };
}

/** At least a fifth of the screen, or all of a smaller image, stays in sight. */
export function keepInSight(camera: Camera, image: Size, screen: Size): Camera {
  const along = (offset: number, size: number, room: number): number => {
    const shown = Math.min(size * camera.scale, room * 0.2);
    return Math.min(Math.max(offset, shown - size * camera.scale), room - shown);
  };
  return {
    scale: camera.scale,
    x: along(camera.x, image.width, screen.width),
    y: along(camera.y, image.height, screen.height),
  };
}

/** A length in the image that is round and about a fifth of the screen: pixels, and how many micrometres or pixels. */
export function scaleBar(
  camera: Camera,
  screen: Size,
  pixelSize: number | null,
): { pixels: number; text: string } {
  const unit = pixelSize ?? 1;
  const rough = (screen.width / 6 / camera.scale) * unit;
  const power = 10 ** Math.floor(Math.log10(rough));
  const length = [5, 2, 1].map((digit) => digit * power).find((value) => value <= rough) ?? power;
  return {
    pixels: length / unit,
    text: `${Number(length.toPrecision(3))} ${pixelSize === null ? 'px' : 'µm'}`,
  };
}
