// Draws small images and encodes them as PNG, so that the stub server needs no files.
import { deflateSync } from 'node:zlib';

export const COLORS = {
  red: [214, 68, 60], orange: [232, 145, 52], yellow: [236, 200, 75], green: [88, 158, 92],
  blue: [64, 116, 196], purple: [134, 92, 178], grey: [140, 140, 136],
};

/** Shapes as predicates on a point in the square from -1 to 1. */
export const SHAPES = {
  disc: (x, y) => x * x + y * y < 0.5,
  square: (x, y) => Math.abs(x) < 0.6 && Math.abs(y) < 0.6,
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.6) < 0.16,
  stripe: (x, y) => Math.abs(y - x * 0.3) < 0.2,
};

/** A PNG of one shape on a paler background. */
export function drawing({ color, shape, width, height }) {
  const side = Math.min(width, height) / 2;
  const ink = COLORS[color];
  const ground = ink.map((part) => Math.round(part * 0.25 + 255 * 0.7));
  const pixel = (x, y) => (SHAPES[shape]((x - width / 2) / side, (y - height / 2) / side) ? ink : ground);
  return png(width, height, pixel);
}

/** A PNG whose pixels are `pixel(x, y)` as [red, green, blue]. */
export function png(width, height, pixel) {
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rows.set(pixel(x, y), y * (1 + width * 3) + 1 + x * 3);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

function crc32(data) {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
