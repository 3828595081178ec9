// Pictures that were added to a search. They live in this tab's memory only, so an address or a reload does not bring them back.

const pictures = new Map();

/** Keeps a file; the key is not used again, not even after a reload. */
export function keep(file) {
  const key = `${performance.timeOrigin}-${pictures.size}`;
  pictures.set(key, { file, address: URL.createObjectURL(file) });
  return key;
}

/** The file and an address for its preview; undefined where the page was reloaded since. */
export const find = (key) => pictures.get(key);
