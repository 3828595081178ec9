// Formats numbers, dates and paths for display.

const COUNT = new Intl.NumberFormat('en');

/** 1234 → "1,234". */
export const count = (number) => COUNT.format(number);

/** "1 pattern", "2 patterns". */
export const counted = (number, thing) => `${count(number)} ${thing}${number === 1 ? '' : 's'}`;

/** "1 picture", "2 pictures". */
export const pictures = (number) => counted(number, 'picture');

/** A cosine with two decimals and a typographic minus sign. */
export const score = (number) => number.toFixed(2).replace('-', '−');

/** A cosine or a share with four decimals. */
export const precise = (number) => number.toFixed(4).replace('-', '−');

/** A probability in whole percent, "42 %": rounded down, so that 79.6 % does not pass for 80 %, and "<1 %" above zero. */
export function percent(number) {
  const whole = Math.floor(number * 100 + 1e-6);
  return whole === 0 && number > 0 ? '<1 %' : `${whole} %`;
}

/** 3200000 → "3.2 MB". */
export function bytes(number) {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let power = 0;
  while (number >= 1000 && power < units.length - 1) {
    number /= 1000;
    power += 1;
  }
  return `${power === 0 || number >= 100 ? Math.round(number) : number.toFixed(1)} ${units[power]}`;
}

/** A local time without zone, "2020-05-01T12:00:00" → "1 May 2020, 12:00". An invalid one is returned unchanged. */
export function moment(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const day = { day: 'numeric', month: 'long', year: 'numeric' };
  const time = { hour: '2-digit', minute: '2-digit' };
  return `${date.toLocaleDateString('en-GB', day)}, ${date.toLocaleTimeString('en-GB', time)}`;
}

/** "2020-05-01" → "1 May 2020". */
export function day(text) {
  const date = new Date(`${text}T00:00:00`);
  return Number.isNaN(date.getTime()) ? text : date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** "4000 × 3000 · 12 MP". */
export function dimensions(width, height) {
  const megapixels = (width * height) / 1e6;
  const size = `${width} × ${height}`;
  return megapixels < 0.1 ? size : `${size} · ${megapixels < 10 ? megapixels.toFixed(1) : Math.round(megapixels)} MP`;
}

/** "48.85837° N, 2.29448° E". */
export function position({ latitude, longitude }) {
  const part = (degrees, positive, negative) => `${Math.abs(degrees).toFixed(5)}° ${degrees < 0 ? negative : positive}`;
  return `${part(latitude, 'N', 'S')}, ${part(longitude, 'E', 'W')}`;
}

// Control characters, what reorders text, and characters without a shape.
const UNSAFE = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** A name from a disk as one line that shows what is in it, "a\u{202e}gpj" and not "ajpg". */
export const visible = (name) => name.replace(UNSAFE, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

const SEPARATORS = /[/\\]/;

/** The last part of a path. */
export const fileName = (path) => path.split(SEPARATORS).pop() || path;

// A page or a frame, below the name of its file.
const PART = /([^/\\]+)![/\\](?:(page \d+)|(\d+):(\d\d:\d\d)\.\d{3})$/;

/** The name of a picture: "a.jpg", "scan.pdf · page 3", "clip.mp4 · 1:23". */
export function pictureName(path) {
  const part = PART.exec(path);
  if (!part) return fileName(path);
  const [, file, page, hours, clock] = part;
  return `${file} · ${page ?? time(hours, clock)}`;
}

const time = (hours, clock) => (hours === '0' ? clock.replace(/^0/, '') : `${hours}:${clock}`);

/** A path without its last part. */
export function folderOf(path) {
  const name = fileName(path);
  return path.slice(0, path.length - name.length - 1) || '/';
}

/** Words such as “cute”, “fluffy”. */
export const quoted = (words) => words.map((word) => `“${word}”`).join(', ');

/** 4 → "4 stars", −1 → "rejected". */
export const rating = (stars) => (stars < 0 ? 'rejected' : counted(stars, 'star'));

/** "1/250 s · f/2.8 · ISO 400 · 85 mm"; empty where nothing is known. */
export function exposure({ exposure_seconds: seconds, f_number: aperture, iso, focal_length: length }) {
  const rounded = (number) => String(Math.round(number * 100) / 100);
  return [
    seconds && (seconds < 0.3 ? `1/${Math.round(1 / seconds)} s` : `${rounded(seconds)} s`),
    aperture && `f/${rounded(aperture)}`,
    iso && `ISO ${iso}`,
    length && `${rounded(length)} mm`,
  ]
    .filter(Boolean)
    .join(' · ');
}
