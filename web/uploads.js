// Images that were added to a search. They are kept in this tab's memory only and are lost in a reload.

// The server accepts 32 MiB. Large files are scaled down here: models see a few hundred pixels a side.
const MAX_UNSCALED_BYTES = 16 * 2 ** 20;
const SCALED_SIDE = 2048;
const MAX_UPLOADS = 24;

const uploads = new Map();
let added = 0;

/** Stores a file; its key is unique, also across reloads. */
export function keep(file) {
  added += 1;
  const key = `${performance.timeOrigin}-${added}`;
  uploads.set(key, { file, address: URL.createObjectURL(file) });
  if (uploads.size > MAX_UPLOADS) removeOldest();
  return key;
}

/** The file and an address for its preview; undefined after a reload. */
export const find = (key) => uploads.get(key);

/** The file to send: the original, or a scaled copy of a large one. A file that the browser cannot decode is sent as it is. */
export function sendable(key) {
  const upload = uploads.get(key);
  upload.sendable ??= reduced(upload.file);
  return upload.sendable;
}

async function reduced(file) {
  if (file.size <= MAX_UNSCALED_BYTES) return file;
  const bitmap = await createImageBitmap(file).catch(() => null);
  return bitmap ? scaled(bitmap) : file;
}

async function scaled(bitmap) {
  const scale = Math.min(1, SCALED_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
}

function removeOldest() {
  const [key, { address }] = uploads.entries().next().value;
  URL.revokeObjectURL(address);
  uploads.delete(key);
}
