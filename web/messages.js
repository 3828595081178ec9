// What is said where no pictures can be shown.

import { commandLine } from './clipboard.js';
import { element, icon } from './dom.js';
import { filterCount } from './query.js';

// The server's titles speak to programs' authors; these kinds, which people meet, are said in their words.
const TITLES = new Map([
  ['too-large', 'That picture is too large'],
  ['unreadable-picture', 'That picture cannot be read'],
  ['unknown-image', 'That picture is not in the library'],
  ['contradictory-query', 'The search contradicts itself'],
  ['overloaded', 'The server is busy'],
]);

/** An answer without hits. */
export function noHits(query, on) {
  if (query.least > 0) {
    const reason = `None of the closest pictures is at least ${query.least} % probable.`;
    return [icon('nothing'), alert('Nothing that sure', reason), action('Show the nearest all the same', on.anySureness)];
  }
  const isFiltered = filterCount(query) > 0;
  const reason = isFiltered ? 'No picture passes the filters.' : 'The library has no picture to compare with.';
  return [icon('search'), alert('Nothing found', reason), isFiltered && action('Remove the filters', on.clearFilters)].filter(Boolean);
}

/** A search that failed. */
export function problem(error, on) {
  if (error.isUnreachable) return unreachable(on);
  const title = TITLES.get(error.kind) ?? (error.title || 'Something went wrong');
  const detail = sentence(error.detail || `the server answered with status ${error.status}`);
  return [icon('picture'), alert(title, detail), error.status >= 500 && action('Try again', on.retry)].filter(Boolean);
}

/** A link to a search with a picture that this tab does not have. */
export function lostUpload() {
  const reason = 'Pictures that you add stay in the tab’s memory and are gone after a reload. Add the picture again to repeat this search.';
  return [icon('picture'), alert('The added picture is gone', reason)];
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
  return [icon('search'), alert('Eidetic does not answer', reason), commandLine('eidetic serve'), action('Try again', on.retry)];
}

const alert = (title, detail) => element('div', { role: 'alert' }, element('h1', {}, title), element('p', {}, detail));
const action = (text, onClick) => element('div', { class: 'actions' }, element('button', { type: 'button', class: 'button', click: onClick }, text));

// The server's details begin small and end without a stop, as programs' messages do.
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
