// The page's views, search, match and review, of which one is shown at a time.

import { byId } from './dom.js';

const PARTS = { search: ['search', 'search-view'], match: ['match-view'], review: ['review-view'] };
const DROP_TEXTS = { search: 'Drop the picture to search by it', match: 'Drop the picture to match it with your words', review: 'Drop the picture to search by it' };

/** Shows the view `name`, 'search', 'match' or 'review', and hides the others. */
export function showView(name) {
  Object.entries(PARTS).forEach(([view, ids]) => ids.forEach((id) => (byId(id).hidden = view !== name)));
  Object.keys(PARTS).forEach((view) => (byId(`to-${view}`).ariaCurrent = view === name ? 'page' : null));
  byId('drop-text').textContent = DROP_TEXTS[name];
}

/** Calls `on.search`, `on.match` or `on.review` for an unmodified click on a view's link. */
export function enableViewLinks(on) {
  Object.keys(PARTS).forEach((view) =>
    byId(`to-${view}`).addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      on[view]();
    }),
  );
}

/** Sets the addresses of the view links, for opening them in a new tab. */
export function linkViews({ search, match, review }) {
  byId('to-search').href = search;
  byId('to-match').href = match;
  byId('to-review').href = review;
}
