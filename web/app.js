// Routing: every action changes the page's address, and the page shows what its address describes.

import * as api from './api.js';
import { acceptImages } from './add-image.js';
import { toast } from './clipboard.js';
import { byId } from './dom.js';
import { Filters } from './filters.js';
import { sampleHits, showStart, showStatus, showUnreachable } from './library.js';
import { EMPTY_MATCH, fromMatchAddress, isMatchAddress, matchKey, toMatchAddress } from './match-query.js';
import { MatchView } from './match-view.js';
import { emptyLibrary, lostUpload, problem } from './messages.js';
import { EMPTY, PAGE_SIZE, filtersOf, fromAddress, hasImage, isEmpty, isImageId, keyOf, title, toAddress } from './query.js';
import { Results, showMessage } from './results.js';
import { fromReviewAddress, isReviewAddress, toReviewAddress } from './review-query.js';
import { ReviewView } from './review-view.js';
import { SearchBar } from './search-bar.js';
import { enableThemeToggle } from './theme-toggle.js';
import * as uploads from './uploads.js';
import { Viewer } from './viewer.js';
import { enableViewLinks, linkViews, showView } from './views.js';

const STATUS_INTERVAL = 3000;

const results = new Results({
  open: (image) => openViewer(image),
  more: (k) => navigate(query, { k, replaces: true }),
  found: (hits) => filters.remember(hits),
  total: () => library?.images ?? Infinity,
  failed: () => (shownKey = null),
  retry: () => refresh(),
  minConfidence: (minConfidence) => navigate({ ...query, minConfidence }, { isTyping: true }),
  clearFilters: () => navigate({ ...query, ...filtersOf(EMPTY) }),
});
const searchBar = new SearchBar({
  typed: (next) => navigate(next, { isTyping: true }),
  submitted: (next) => navigate(next),
  down: () => results.grid.focusFirst(),
});
const filters = new Filters((next) => navigate({ ...query, ...filtersOf(next) }));
const viewer = new Viewer({
  close: () => closeViewer(),
  move: (image) => moveViewer(image),
  similar: (image) => navigate({ ...EMPTY, like: image, ...filtersOf(query), minConfidence: query.minConfidence }),
  match: (image) => goToMatch({ ...matchView.match, like: image, upload: null, lines: query.text.trim() || matchView.match.lines }),
});
const matchView = new MatchView({
  changed: (next) => goToMatch(next),
  typed: (next) => goToMatch(next, { isTyping: true }),
});

// Kept in the history, so that a comparison survives a reload.
const reviewView = new ReviewView({
  changed: (profile) => goToReview(profile),
  started: (job) => isReviewing() && history.replaceState({ job }, ''),
});

let query = EMPTY;
let shownKey = null;
let library = null;
let nextStatus;
let sampling = new AbortController();

enableThemeToggle();
acceptImages(
  (file) => addImage({ like: null, upload: uploads.keep(file) }),
  (image) => addImage({ like: image, upload: null }),
);
enableViewLinks({ search: () => navigate(query, { isView: true }), match: () => goToMatch(firstMatch()), review: () => goToReview(reviewView.profile) });
window.addEventListener('popstate', () => showAddress({ mayReuse: true }));
window.addEventListener('scroll', () => document.querySelector('.top').classList.toggle('is-lifted', scrollY > 4), { passive: true });
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && refreshStatus());
document.querySelector('.wordmark').addEventListener('click', (event) => {
  event.preventDefault();
  navigate(EMPTY);
});
showAddress({ mayReuse: true });
await refreshStatus();

/** Goes to `next`. Typing adds one entry to the history, showing more hits adds none. */
function navigate(next, { k = PAGE_SIZE, isTyping = false, replaces = false, isView = false } = {}) {
  const isSame = keyOf(next, k) === keyOf(query, k) && !location.hash && isSearching();
  const continuesTyping = isTyping && history.state?.isTyping;
  const state = { upload: next.upload, k, isTyping: isTyping && !isSame };
  if (replaces || isSame || continuesTyping) history.replaceState(state, '', toAddress(next));
  else history.pushState(state, '', toAddress(next));
  if (!isTyping && !replaces) scrollTo(0, 0);
  showAddress({ mayReuse: isSame || isTyping || isView });
}

/** Goes to the Match view. As in a search, typing adds one entry to the history. */
function goToMatch(next, { isTyping = false } = {}) {
  const isSame = isMatching() && matchKey(next) === matchKey(matchNow());
  const continuesTyping = isTyping && history.state?.isTyping;
  const state = { upload: next.upload, lines: next.lines, isTyping: isTyping && (!isSame || Boolean(continuesTyping)) };
  const isEntering = !isMatching();
  if (isSame || continuesTyping) history.replaceState(state, '', toMatchAddress(next));
  else history.pushState(state, '', toMatchAddress(next));
  showAddress({ mayReuse: true });
  if (!isEntering) return;
  scrollTo(0, 0);
  matchView.focus();
}

/** Goes to the Review view. */
function goToReview(profile) {
  const isEntering = !isReviewing();
  history.pushState({ job: profile === reviewView.profile ? reviewView.job : null }, '', toReviewAddress(profile));
  showAddress({ mayReuse: true });
  if (!isEntering) return;
  scrollTo(0, 0);
  reviewView.focus();
}

/** Shows what the address and the history's state describe. */
function showAddress({ mayReuse }) {
  const view = isMatching() ? 'match' : isReviewing() ? 'review' : 'search';
  showView(view);
  if (view === 'match') showMatch();
  else if (view === 'review') showReview();
  else showSearch(mayReuse);
  linkViews({ search: toAddress(query), match: toMatchAddress(matchView.match), review: toReviewAddress(reviewView.profile) });
}

function showReview() {
  matchView.leave();
  viewer.hide();
  document.title = 'Review · Eidetic';
  reviewView.show(fromReviewAddress(location.search), history.state?.job ?? null);
}

function showMatch() {
  const { upload = null } = history.state ?? {};
  viewer.hide();
  document.title = 'Match · Eidetic';
  matchView.show(matchNow(), { isLost: upload !== null && !uploads.find(upload) });
}

function showSearch(mayReuse) {
  matchView.leave();
  const { upload = null, k = PAGE_SIZE } = history.state ?? {};
  const isLost = upload !== null && !uploads.find(upload);
  query = { ...fromAddress(location.search), upload: isLost ? null : upload };
  document.title = title(query);
  searchBar.show(query);
  filters.show(query);
  if (shownKey !== keyOf(query, k) || !mayReuse) showQuery(k, mayReuse);
  if (isLost) showLostUpload();
  syncViewer();
}

function showQuery(k, mayReuse) {
  shownKey = keyOf(query, k);
  sampling.abort();
  byId('start').hidden = true;
  if (isEmpty(query)) return showStartView();
  return results.search(query, k, { mayReuse });
}

async function showStartView() {
  results.clear();
  if (!library) return;
  if (library.images === 0) return showMessage(emptyLibrary());
  showStart(library, navigate);
  byId('start').hidden = false;
  sampling = new AbortController();
  const { signal } = sampling;
  const hits = await sampleHits(library, signal).catch(() => []);
  if (signal.aborted) return;
  results.showPlain(hits);
  syncViewer();
}

function showLostUpload() {
  if (!isEmpty(query)) return toast('The added picture was lost in the reload; showing hits for the words only.');
  byId('start').hidden = true;
  sampling.abort();
  return showMessage(lostUpload());
}

async function refreshStatus() {
  const before = library?.images;
  try {
    library = await api.status();
    showStatus(library);
    filters.setSources(library.sources.map(({ path }) => path));
    if (isSearching() && isEmpty(query) && library.images !== before) showAddress({ mayReuse: false });
  } catch (error) {
    library = null;
    showUnreachable(error);
    if (isEmpty(query)) showMessage(problem(error, { retry: refresh }));
  }
  clearTimeout(nextStatus);
  if (library?.images === 0 || library?.switch) nextStatus = setTimeout(refreshStatus, STATUS_INTERVAL);
}

async function refresh() {
  showAddress({ mayReuse: false });
  await refreshStatus();
}

function openViewer(image) {
  history.pushState({ ...history.state, isViewer: true }, '', `#${image}`);
  syncViewer();
}

function moveViewer(image) {
  history.replaceState(history.state, '', `#${image}`);
  syncViewer();
}

// Leaves the history entry that opening added, so that the close button equals the back button.
function closeViewer() {
  if (history.state?.isViewer) return history.back();
  history.replaceState(history.state, '', location.pathname + location.search);
  return syncViewer();
}

function syncViewer() {
  const image = location.hash.slice(1);
  const { shown } = viewer;
  if (isImageId(image)) viewer.show(image, results.hits, query);
  else viewer.hide();
  if (shown && !isImageId(image)) results.grid.focus(shown);
}

function isReviewing() {
  return isReviewAddress(location.search);
}

function isSearching() {
  return !isMatching() && !isReviewing();
}

function isMatching() {
  return isMatchAddress(location.search);
}

/** The match that the address and the history's state describe. */
function matchNow() {
  const { upload = null, lines } = history.state ?? {};
  const match = fromMatchAddress(location.search);
  return { ...match, lines: lines ?? match.lines, upload: upload !== null && uploads.find(upload) ? upload : null };
}

// The last match, or the image and words of the search if there is none.
function firstMatch() {
  const { match } = matchView;
  const isUntouched = matchKey(match) === matchKey(EMPTY_MATCH);
  return isUntouched && hasImage(query) ? { ...match, like: query.like, upload: query.upload, lines: query.text } : match;
}

function addImage(image) {
  if (isMatching()) goToMatch({ ...matchView.match, ...image });
  else navigate({ ...currentText(), ...image });
}

// Includes text in the search field that was not searched for yet.
function currentText() {
  return { ...query, text: byId('text').value };
}
