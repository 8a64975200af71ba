import * as path from 'node:path';
import { DataError } from '../../core/errors';
import type { ImageFormat } from './image_format';
import { jpegFormat, pngFormat, webpFormat } from './sharp_format';
import { openByteSource } from './tiff/byte_source';
import { tiffFormat } from './tiff/tiff_format';

/** Every format that is read. One more is one entry here and the file it names. */
export const IMAGE_FORMATS: readonly ImageFormat[] = [tiffFormat, pngFormat, jpegFormat, webpFormat];

const BY_EXTENSION = new Map(
  IMAGE_FORMATS.flatMap((format) => format.extensions.map((extension) => [extension, format] as const)),
);

/** The extensions a reader knows, in order of preference. */
export const IMAGE_EXTENSIONS: readonly string[] = [...BY_EXTENSION.keys()];

/** Whether the name is that of an image this library reads. */
export function isImageName(name: string): boolean {
  return BY_EXTENSION.has(path.extname(name).toLowerCase());
}

/** The format the first bytes tell, checked against the name. Errors: empty, unknown or misnamed files. */
export function detectFormat(file: string): ImageFormat {
  const source = openByteSource(file);
  let head: string;
  try {
    head = source.read(0, Math.min(12, source.size)).toString('latin1');
  } finally {
    source.close();
  }
  const extension = path.extname(file).toLowerCase();
  const named = BY_EXTENSION.get(extension);
  const format = IMAGE_FORMATS.find(({ signature }) => signature.test(head));
  if (!format)
    throw new DataError(
      `is ${labelOf(head)}, not ${named ? `a ${named.name}` : 'an image this library reads'}`,
      {
        where: file,
        fix: 'Save it as TIFF, PNG or JPEG.',
      },
    );
  if (named && named !== format)
    throw new DataError(`is a ${format.name} file under the name ${extension}`, {
      where: file,
      fix: 'Give it the extension of its format, or convert it.',
    });
  return format;
}

function labelOf(head: string): string {
  if (head.startsWith('BM')) return 'a BMP file';
  if (head.startsWith('GIF8')) return 'a GIF file';
  if (head.startsWith('RIFF')) return 'a RIFF file of another kind';
  if (head.startsWith('PK')) return 'a zip archive';
  if (head.startsWith('%PDF')) return 'a PDF file';
  if (head.startsWith('\x93NUMPY')) return 'a NumPy array';
  if (/^\s*<(!doctype|html|\?xml)/i.test(head)) return 'a web page or XML text';
  return 'of an unknown format';
}
