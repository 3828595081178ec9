// A search query as a value: to and from the page's address, and to a request to the server.

/** Hits of a first answer. */
export const PAGE_SIZE = 48;

/** An empty query. `like` is an image of the library, `upload` a key of uploads.js; at most one of them is set. Hits with a
    confidence below `minConfidence` percent are hidden. */
export const EMPTY = Object.freeze({
  text: '',
  negative: '',
  like: null,
  upload: null,
  mix: 0.5,
  folders: Object.freeze([]),
  from: '',
  to: '',
  minConfidence: 0,
});

const IMAGE_ID = /^[0-9a-f]{64}$/;
// Whole percents from 1 to 99.
const MIN_CONFIDENCE = /^[1-9]\d?$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export const isImageId = (text) => IMAGE_ID.test(text);
export const hasImage = (query) => query.like !== null || query.upload !== null;

/** Whether there is nothing to search for; negative words and filters alone are no query. */
export const isEmpty = (query) => query.text.trim() === '' && !hasImage(query);

/** The filters of a query. */
export const filtersOf = ({ folders, from, to }) => ({ folders, from, to });

/** The number of active filters. */
export const filterCount = (query) => query.folders.length + (query.from || query.to ? 1 : 0);

/** What feedback on a hit refers to: a text or an image of the library. Null for a query of several parts, and for an uploaded
    image, which the server does not store. */
export function subjectOf({ text, negative, like, upload }) {
  const words = text.trim();
  if (negative.trim() || upload !== null || Boolean(words) === (like !== null)) return null;
  return words ? { text: words, like: null } : { text: null, like };
}

/** The page's address for this query; it does not carry an uploaded image. */
export function toAddress(query) {
  const params = new URLSearchParams();
  const put = (name, value) => value && params.append(name, value);
  put('q', query.text.trim());
  put('without', query.negative.trim());
  put('like', query.like);
  if (hasImage(query) && query.text.trim() && query.mix !== EMPTY.mix) put('mix', String(query.mix));
  query.folders.forEach((folder) => put('folder', folder));
  put('from', query.from);
  put('to', query.to);
  put('least', query.minConfidence && String(query.minConfidence));
  const text = params.toString();
  return text ? `/?${text}` : '/';
}

/** The query of an address; invalid parameters are ignored. */
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
    minConfidence: MIN_CONFIDENCE.test(params.get('least') ?? '') ? Number(params.get('least')) : EMPTY.minConfidence,
  };
}

/** The query as [name, value] pairs of `GET /v1/search`, without an uploaded image. */
export function toRequest(query, k) {
  const pairs = [['k', String(k)]];
  const put = (name, value) => value && pairs.push([name, value]);
  put('text', query.text.trim());
  put('negative', query.negative.trim());
  put('image_id', query.like);
  if (hasImage(query) && query.text.trim()) put('text_weight', String(query.mix));
  query.folders.forEach((folder) => put('folder', folder));
  put('taken_from', query.from && `${query.from}T00:00:00`);
  put('taken_before', query.to && `${dayAfter(query.to)}T00:00:00`);
  put('min_confidence', query.minConfidence && String(query.minConfidence / 100));
  return pairs;
}

/** The filter in the form of `POST /v1/search`. */
export function toFilter(query) {
  return {
    folders: query.folders,
    taken: {
      from: query.from ? `${query.from}T00:00:00` : null,
      before: query.to ? `${dayAfter(query.to)}T00:00:00` : null,
    },
  };
}

/** Equal for queries with the same answer. */
export const keyOf = (query, k) => JSON.stringify([toRequest(query, k), query.upload]);

/** The window's title for this query. */
export function title(query) {
  const text = query.text.trim();
  if (text) return `${text} · Eidetic`;
  return hasImage(query) ? 'Similar pictures · Eidetic' : 'Eidetic';
}

// The page's range includes its last day; the server's range is half-open.
function dayAfter(day) {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}
