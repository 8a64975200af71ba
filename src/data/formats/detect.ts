import * as path from 'node:path';
import { DataError } from '../../core/errors';
import { openByteSource } from './tiff/byte_source';

export type ImageFormat = 'tiff' | 'png' | 'jpeg';

const EXTENSIONS: Record<string, ImageFormat> = {
  '.tif': 'tiff',
  '.tiff': 'tiff',
  // Aperio's slides are TIFF files.
  '.svs': 'tiff',
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
};

/** The extensions a reader knows, in order of preference. */
export const IMAGE_EXTENSIONS: readonly string[] = Object.keys(EXTENSIONS);

/** Whether the name is that of an image this library reads. */
export function isImageName(name: string): boolean {
  return path.extname(name).toLowerCase() in EXTENSIONS;
}

/** The format the first bytes tell, checked against the name. Errors: empty, unknown or misnamed files. */
export function detectFormat(file: string): ImageFormat {
  const source = openByteSource(file);
  let head: Buffer;
  try {
    head = source.read(0, Math.min(12, source.size));
  } finally {
    source.close();
  }
  const extension = path.extname(file).toLowerCase();
  const named = EXTENSIONS[extension];
  const { format, label } = identify(head);
  if (!format)
    throw new DataError(
      `is ${label}, not ${named ? `a ${named.toUpperCase()}` : 'an image this library reads'}`,
      {
        where: file,
        fix: 'Save it as TIFF, PNG or JPEG.',
      },
    );
  if (named && named !== format)
    throw new DataError(`is a ${format.toUpperCase()} file under the name ${extension}`, {
      where: file,
      fix: 'Give it the extension of its format, or convert it.',
    });
  return format;
}

function identify(head: Buffer): { format?: ImageFormat; label: string } {
  const text = head.toString('latin1');
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return { format: 'tiff', label: 'TIFF' };
  if (text.startsWith('\x89PNG')) return { format: 'png', label: 'PNG' };
  if (text.startsWith('\xff\xd8\xff')) return { format: 'jpeg', label: 'JPEG' };
  if (text.startsWith('BM')) return { label: 'a BMP file' };
  if (text.startsWith('GIF8')) return { label: 'a GIF file' };
  if (text.startsWith('RIFF')) return { label: 'a WebP or other RIFF file' };
  if (text.startsWith('PK')) return { label: 'a zip archive' };
  if (text.startsWith('%PDF')) return { label: 'a PDF file' };
  if (text.startsWith('\x93NUMPY')) return { label: 'a NumPy array' };
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return { label: 'a web page or XML text' };
  return { label: 'of an unknown format' };
}
