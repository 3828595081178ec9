// Messages that take the place of hits: nothing found, a failed search, an empty library.

import { commandLine } from './clipboard.js';
import { element, icon } from './dom.js';
import { visible } from './format.js';
import { loginForm } from './login.js';
import { filterCount } from './query.js';

// The server's titles are written for developers; these replace those that users see.
const TITLES = new Map([
  ['too-large', 'That picture is too large'],
  ['unreadable-picture', 'That picture cannot be read'],
  ['unknown-image', 'That picture is not in the library'],
  ['contradictory-query', 'The search contradicts itself'],
  ['overloaded', 'The server is busy'],
]);

/** An answer without hits. `on`: showAll(), clearFilters(). */
export function noHits(query, on) {
  if (query.minConfidence > 0) {
    const reason = `None of the closest pictures reaches a confidence of ${query.minConfidence} %.`;
    return [icon('nothing'), alert('No confident match', reason), action('Show the closest anyway', on.showAll)];
  }
  const isFiltered = filterCount(query) > 0;
  const reason = isFiltered ? 'No picture passes the filters.' : 'The library has no pictures to search.';
  return [icon('search'), alert('Nothing found', reason), isFiltered && action('Remove the filters', on.clearFilters)].filter(Boolean);
}

/** A failed request. `on`: retry(). */
export function problem(error, on) {
  if (error.isUnreachable) return unreachable(on);
  if (error.isLocked) return loginForm(on);
  if (error.kind === 'unknown-filter-value') return unknownFilter(error, on);
  const title = TITLES.get(error.kind) ?? (error.title || 'Something went wrong');
  const detail = sentence(error.detail || `the server answered with status ${error.status}`);
  return [icon('image'), alert(title, detail), error.status >= 500 && action('Try again', on.retry)].filter(Boolean);
}

/** A search by an uploaded image that this tab no longer has. */
export function lostUpload() {
  const reason = 'Added pictures are kept in the tab’s memory and are lost in a reload. Add the picture again to repeat this search.';
  return [icon('image'), alert('The added picture is gone', reason)];
}

/** A library without images. */
export function emptyLibrary() {
  return [
    icon('image'),
    element('h1', {}, 'No pictures yet'),
    element('p', {}, 'Index a folder to search it. Eidetic reads your pictures and never changes them.'),
    commandLine('eidetic index ~/Pictures'),
    element('p', {}, 'This page updates when the first pictures are indexed.'),
  ];
}

function unknownFilter(error, on) {
  return [icon('search'), alert('Nothing found', sentence(error.detail)), on.clearFilters && action('Remove the filters', on.clearFilters)].filter(Boolean);
}

function unreachable(on) {
  const reason = 'The server may have been stopped. Start it again, then repeat the search.';
  return [icon('search'), alert('Eidetic does not respond', reason), commandLine('eidetic serve'), action('Try again', on.retry)];
}

const alert = (title, detail) => element('div', { role: 'alert' }, element('h1', {}, title), element('p', {}, detail));
const action = (text, onClick) => element('div', { class: 'actions' }, element('button', { type: 'button', class: 'button', click: onClick }, text));

// Details from the server begin with a small letter and end without a period.
const sentence = (detail) => {
  const text = visible(detail);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
};
