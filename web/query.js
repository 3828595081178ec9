// What somebody looks for, as a value: to and from the page's address, and to a request of the server.

/** How many hits a first answer shows. */
export const PAGE_SIZE = 48;

/** A query without parts. `like` is an image of the library, `upload` a key of uploads.js; at most one of them is set. Hits less
    probable than `least` percent are left out. */
export const EMPTY = Object.freeze({
  text: '',
  negative: '',
  like: null,
  upload: null,
  mix: 0.5,
  folders: Object.freeze([]),
  from: '',
  to: '',
  least: 0,
});

const IMAGE_ID = /^[0-9a-f]{64}$/;
// Whole percents from 1 to 99.
const MOST_SURE = /^[1-9]\d?$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export const isImageId = (text) => IMAGE_ID.test(text);
export const hasPicture = (query) => query.like !== null || query.upload !== null;

/** Whether there is nothing to search for; negative words and filters alone find nothing. */
export const isEmpty = (query) => query.text.trim() === '' && !hasPicture(query);

/** How many filters are set. */
export const filterCount = (query) => query.folders.length + (query.from || query.to ? 1 : 0);

/** What a hit can be right or wrong for: words, or an image of the library. Null for a query of several parts, and for a picture
    that the server does not have. */
export function subjectOf({ text, negative, like, upload }) {
  const words = text.trim();
  if (negative.trim() || upload !== null || Boolean(words) === (like !== null)) return null;
  return words ? { text: words, like: null } : { text: null, like };
}

/** The query as the page's own parameters. An uploaded picture is not among them: it lives in the tab only. */
export function toAddress(query) {
  const params = new URLSearchParams();
  const put = (name, value) => value && params.append(name, value);
  put('q', query.text.trim());
  put('without', query.negative.trim());
  put('like', query.like);
  if (hasPicture(query) && query.text.trim() && query.mix !== EMPTY.mix) put('mix', String(query.mix));
  query.folders.forEach((folder) => put('folder', folder));
  put('from', query.from);
  put('to', query.to);
  put('least', query.least && String(query.least));
  const text = params.toString();
  return text ? `/?${text}` : '/';
}

/** The query that the page's parameters say; what cannot be read is left out. */
export function fromAddress(search) {
  const params = new URLSearchParams(search);
  const like = params.get('like') ?? '';
  const day = (name) => (DAY.test(params.get(name) ?? '') ? params.get(name) : '');
  const mix = Number.parseFloat(params.get('mix') ?? '');
  return {
    ...EMPTY,
    text: params.get('q') ?? '',
    negative: params.get('without') ?? '',
    like: isImageId(like) ? like : null,
    mix: mix >= 0 && mix <= 1 ? mix : EMPTY.mix,
    folders: [...new Set(params.getAll('folder'))].filter(Boolean),
    from: day('from'),
    to: day('to'),
    least: MOST_SURE.test(params.get('least') ?? '') ? Number(params.get('least')) : EMPTY.least,
  };
}

/** The query as [name, value] pairs of `GET /v1/search`, without an uploaded picture. */
export function toRequest(query, k) {
  const pairs = [['k', String(k)]];
  const put = (name, value) => value && pairs.push([name, value]);
  put('text', query.text.trim());
  put('negative', query.negative.trim());
  put('image_id', query.like);
  if (hasPicture(query) && query.text.trim()) put('text_weight', String(query.mix));
  query.folders.forEach((folder) => put('folder', folder));
  put('taken_from', query.from && `${query.from}T00:00:00`);
  put('taken_before', query.to && `${dayAfter(query.to)}T00:00:00`);
  put('min_confidence', query.least && String(query.least / 100));
  return pairs;
}

/** The filter part as `POST /v1/search` takes it. */
export function toFilter(query) {
  return {
    folders: query.folders,
    taken: {
      from: query.from ? `${query.from}T00:00:00` : null,
      before: query.to ? `${dayAfter(query.to)}T00:00:00` : null,
    },
  };
}

/** The same for every query that shows the same. */
export const keyOf = (query, k) => JSON.stringify([toRequest(query, k), query.upload]);

/** What the window is called while this query is shown. */
export function title(query) {
  const text = query.text.trim();
  if (text) return `${text} · Eidetic`;
  return hasPicture(query) ? 'Similar pictures · Eidetic' : 'Eidetic';
}

// The page's range includes its last day, the server's ends before its last moment.
function dayAfter(day) {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}
