// The page's two views, of which one is there at a time: the search with its pictures, and the match.

import { byId } from './dom.js';

const PARTS = { search: ['search', 'search-view'], match: ['match-view'] };
const DROP_TEXTS = { search: 'Drop the picture to search by it', match: 'Drop the picture to hold it against your words' };

/** Shows the view `name`, 'search' or 'match', and hides the other. */
export function showView(name) {
  Object.entries(PARTS).forEach(([view, ids]) => ids.forEach((id) => (byId(id).hidden = view !== name)));
  Object.keys(PARTS).forEach((view) => (byId(`to-${view}`).ariaCurrent = view === name ? 'page' : null));
  byId('drop-text').textContent = DROP_TEXTS[name];
}

/** A plain click on a link to a view calls `on.search` or `on.match`. */
export function enableViewLinks(on) {
  Object.keys(PARTS).forEach((view) =>
    byId(`to-${view}`).addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      on[view]();
    }),
  );
}

/** Where the links lead in a new tab. */
export function linkViews({ search, match }) {
  byId('to-search').href = search;
  byId('to-match').href = match;
}
