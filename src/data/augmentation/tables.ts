/** value * factor + shift for every grey level, cut to 0..255 and to whole numbers as albucore 0.0.24 does. */
export function linearTable(factor: number, shift: number): Uint8Array {
  const table = new Uint8Array(256);
  for (let value = 0; value < 256; value++)
    table[value] = Math.min(Math.max(Math.fround(Math.fround(value * factor) + shift), 0), 255);
  return table;
}

/** Images from this size on are looked up two bytes at a time. */
const PAIRED_BYTES = 1 << 17;

/** Looks every byte up, in place. */
export function applyTable(image: Uint8Array, table: Uint8Array): void {
  let from = 0;
  if (image.length >= PAIRED_BYTES && image.byteOffset % 2 === 0) {
    const pairs = new Uint16Array(65536);
    for (let high = 0; high < 256; high++)
      for (let low = 0; low < 256; low++) pairs[(high << 8) | low] = (table[high] << 8) | table[low];
    const words = new Uint16Array(image.buffer, image.byteOffset, image.length >> 1);
    for (let i = 0; i < words.length; i++) words[i] = pairs[words[i]];
    from = words.length * 2;
  }
  for (let i = from; i < image.length; i++) image[i] = table[image[i]];
}

/** One table a channel, in place. */
export function applyTables(image: Uint8Array, tables: readonly [Uint8Array, Uint8Array, Uint8Array]): void {
  const [first, second, third] = tables;
  for (let i = 0; i < image.length; i += 3) {
    image[i] = first[image[i]];
    image[i + 1] = second[image[i + 1]];
    image[i + 2] = third[image[i + 2]];
  }
}

/** Weights of red, green and blue in grey as OpenCV's 8-bit conversion has them, of 32768. */
const GREY = [9798, 19235, 3735] as const;

/** Grey of one RGB pixel, rounded. */
export function greyOf(red: number, green: number, blue: number): number {
  return (red * GREY[0] + green * GREY[1] + blue * GREY[2] + 16384) >> 15;
}

/** Mean grey level of an RGB image. */
export function meanGrey(image: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < image.length; i += 3) sum += greyOf(image[i], image[i + 1], image[i + 2]);
  return (3 * sum) / image.length;
}

/** Mean of all bytes. */
export function meanLevel(image: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < image.length; i++) sum += image[i];
  return sum / image.length;
}
