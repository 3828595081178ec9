// What is said where no pictures can be shown.

import { commandLine } from './clipboard.js';
import { element, icon } from './dom.js';
import { filterCount } from './query.js';

const TITLES = new Map([
  [400, 'That search is not possible'],
  [404, 'That picture is not in the library'],
  [413, 'That picture is too large'],
  [415, 'That file is no picture that can be read'],
  [422, 'That search is not possible'],
  [429, 'The server is busy'],
  [503, 'The server is busy'],
]);

/** An answer without hits. */
export function noHits(query, on) {
  const isFiltered = filterCount(query) > 0;
  const reason = isFiltered ? 'No picture passes the filters.' : 'The library has no picture to compare with.';
  return [icon('search'), element('h1', {}, 'Nothing found'), element('p', {}, reason), isFiltered && action('Remove the filters', on.clearFilters)].filter(Boolean);
}

/** A search that failed. */
export function problem(error, on) {
  if (error.isUnreachable) return unreachable(on);
  const detail = error.detail || error.title || `The server answered with status ${error.status}.`;
  return [icon('picture'), heading(titleOf(error)), element('p', {}, detail), error.status >= 429 && action('Try again', on.retry)].filter(Boolean);
}

/** A link to a search with a picture that this tab does not have. */
export function lostUpload() {
  const reason = 'Pictures that you add stay in the tab’s memory and are gone after a reload. Add the picture again to repeat this search.';
  return [icon('picture'), element('h1', {}, 'The added picture is gone'), element('p', {}, reason)];
}

/** A library without pictures. */
export function emptyLibrary() {
  return [
    icon('picture'),
    element('h1', {}, 'No pictures yet'),
    element('p', {}, 'Tell Eidetic which folder to look into. It reads the pictures and never changes them.'),
    commandLine('eidetic index ~/Pictures'),
    element('p', {}, 'This page notices by itself when the first ones are there.'),
  ];
}

function unreachable(on) {
  const reason = 'It may have been stopped. Start it again, then repeat the search.';
  return [icon('search'), heading('Eidetic does not answer'), element('p', {}, reason), commandLine('eidetic serve'), action('Try again', on.retry)];
}

// An unreadable picture and an impossible query share a status; which it was stands in the detail.
const titleOf = ({ status, detail }) =>
  status === 422 && /picture|image|decode|format/i.test(detail) ? 'That picture could not be read' : (TITLES.get(status) ?? 'Something went wrong');

const heading = (text) => element('h1', { role: 'alert' }, text);
const action = (text, onClick) => element('div', { class: 'actions' }, element('button', { type: 'button', class: 'button', click: onClick }, text));
