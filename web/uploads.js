// Pictures that were added to a search. They live in this tab's memory only, so an address or a reload does not bring them back.

// The server takes 32 MiB. Larger files, and those near it, are made smaller here: models look at a few hundred pixels.
const LARGE = 16 * 2 ** 20;
const SIDE = 2048;
// How far back in the history added pictures are kept.
const KEPT = 24;

const pictures = new Map();
let added = 0;

/** Keeps a file; the key is not used again, not even after a reload. */
export function keep(file) {
  added += 1;
  const key = `${performance.timeOrigin}-${added}`;
  pictures.set(key, { file, address: URL.createObjectURL(file) });
  if (pictures.size > KEPT) forgetOldest();
  return key;
}

/** The file and an address for its preview; undefined where the page was reloaded since. */
export const find = (key) => pictures.get(key);

/** The file as it should be sent: itself, or a smaller copy of a very large one. One that the browser cannot read is left to the server. */
export function sendable(key) {
  const picture = pictures.get(key);
  picture.sendable ??= reduced(picture.file);
  return picture.sendable;
}

async function reduced(file) {
  if (file.size <= LARGE) return file;
  const bitmap = await createImageBitmap(file).catch(() => null);
  return bitmap ? smaller(bitmap) : file;
}

async function smaller(bitmap) {
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
}

function forgetOldest() {
  const [key, { address }] = pictures.entries().next().value;
  URL.revokeObjectURL(address);
  pictures.delete(key);
}
