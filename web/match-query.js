// The image and texts of the Match view as a value: to and from the page's address.

import { isImageId } from './query.js';

// Longer texts are kept in the tab's history only: not every program accepts longer addresses.
const MAX_ADDRESS_LENGTH = 6000;

/** An empty match. `like` is an image of the library, `upload` a key of uploads.js, at most one of them set; `lines` has one text a line;
    `hasBreakdown` asks for the views of each match. */
export const EMPTY_MATCH = Object.freeze({ like: null, upload: null, lines: '', hasBreakdown: false });

/** Whether an address shows the Match view. */
export const isMatchAddress = (search) => new URLSearchParams(search).get('view') === 'match';

const written = ({ lines }) => lines.split('\n').map((line) => line.trim()).filter(Boolean);

/** The texts of the lines, without empty and repeated ones. */
export const textsOf = (match) => [...new Set(written(match))];

/** How many lines repeat an earlier one. */
export const repeatedOf = (match) => written(match).length - textsOf(match).length;

/** The page's address for this match; it does not carry an uploaded image. */
export function toMatchAddress(match) {
  const params = new URLSearchParams({ view: 'match' });
  if (match.like) params.append('like', match.like);
  if (match.hasBreakdown) params.append('breakdown', '1');
  const withoutTexts = `/?${params}`;
  textsOf(match).forEach((text) => params.append('text', text));
  const whole = `/?${params}`;
  return whole.length <= MAX_ADDRESS_LENGTH ? whole : withoutTexts;
}

/** The match of an address; invalid parameters are ignored. */
export function fromMatchAddress(search) {
  const params = new URLSearchParams(search);
  const like = params.get('like') ?? '';
  return { ...EMPTY_MATCH, like: isImageId(like) ? like : null, lines: params.getAll('text').join('\n'), hasBreakdown: params.get('breakdown') === '1' };
}

/** Equal for matches with the same answer. */
export const matchKey = (match) => JSON.stringify([match.like, match.upload, textsOf(match), match.hasBreakdown]);
