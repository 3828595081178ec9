// What is held against what in the Match view, as a value: to and from the page's address.

import { isImageId } from './query.js';

// Longer texts stay in the tab's history only: not every program passes on a longer address.
const LONGEST_ADDRESS = 6000;

/** Nothing held yet. `like` is an image of the library, `upload` a key of uploads.js, at most one of them set; `lines` has one text a line. */
export const EMPTY_MATCH = Object.freeze({ like: null, upload: null, lines: '' });

/** Whether an address shows the Match view. */
export const isMatchAddress = (search) => new URLSearchParams(search).get('view') === 'match';

/** The texts among the lines: empty ones are none, and one that stands twice counts once. */
export const textsOf = ({ lines }) => [...new Set(lines.split('\n').map((line) => line.trim()).filter(Boolean))];

/** The page's own parameters for this match; an uploaded picture is not among them. */
export function toMatchAddress(match) {
  const params = new URLSearchParams({ view: 'match' });
  if (match.like) params.append('like', match.like);
  const withoutTexts = `/?${params}`;
  textsOf(match).forEach((text) => params.append('text', text));
  const whole = `/?${params}`;
  return whole.length <= LONGEST_ADDRESS ? whole : withoutTexts;
}

/** The match that the page's parameters say; what cannot be read is left out. */
export function fromMatchAddress(search) {
  const params = new URLSearchParams(search);
  const like = params.get('like') ?? '';
  return { ...EMPTY_MATCH, like: isImageId(like) ? like : null, lines: params.getAll('text').join('\n') };
}

/** The same for every match with the same answer. */
export const matchKey = (match) => JSON.stringify([match.like, match.upload, textsOf(match)]);
