// The Match view: one picture, lines of text, and how probably each line describes the picture, live while somebody types.

import * as api from './api.js';
import { bars } from './bars.js';
import { reportLink } from './confidence.js';
import { byId, element } from './dom.js';
import { EMPTY_MATCH, matchKey, textsOf } from './matchquery.js';
import { problem } from './messages.js';
import * as uploads from './uploads.js';

// A model's work follows every change: long enough for a word or two.
const TYPING_PAUSE = 350;
const PATIENCE = 150;

export class MatchView {
  #match = EMPTY_MATCH;
  #shownKey = null;
  #typing;
  #running = new AbortController();
  #on;

  /** `on`: changed(match) when the picture changes, typed(match) while somebody writes. */
  constructor(on) {
    this.#on = on;
    byId('match-lines').addEventListener('input', () => this.#onInput());
    ['match-pick', 'match-empty'].forEach((id) => byId(id).addEventListener('click', () => byId('file').click()));
    byId('match-picture').addEventListener('error', () => this.#showThumbnail());
    byId('match-remove').addEventListener('click', () => this.#removePicture());
    byId('match-report').append(reportLink());
  }

  /** What is on show, with what stands in the field even if nothing was asked for it yet. */
  get match() {
    return { ...this.#match, lines: byId('match-lines').value };
  }

  /** Shows `match` and asks for its answer; `isLost` says that its picture was in another life of the tab. */
  show(match, { isLost }) {
    clearTimeout(this.#typing);
    this.#match = match;
    if (textsOf(this.match).join('\n') !== textsOf(match).join('\n')) byId('match-lines').value = match.lines;
    this.#showPicture(isLost);
    if (matchKey(match) !== this.#shownKey) this.#ask(match);
  }

  /** Gives up what still runs, as when somebody goes to another view. */
  leave() {
    clearTimeout(this.#typing);
    if (byId('match-results').ariaBusy === 'true') this.#shownKey = null;
    this.#running.abort();
    this.#showRest();
  }

  focus() {
    byId('match-title').focus();
  }

  #onInput() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#on.typed(this.match), TYPING_PAUSE);
  }

  #removePicture() {
    byId('match-pick').focus();
    this.#on.changed({ ...this.match, like: null, upload: null });
  }

  #showPicture(isLost) {
    const { like, upload } = this.#match;
    const preview = byId('match-picture');
    const isThere = like !== null || upload !== null;
    preview.hidden = !isThere;
    byId('match-empty').hidden = isThere;
    byId('match-remove').hidden = !isThere;
    byId('match-pick-text').textContent = isThere ? 'Another picture' : 'Choose a picture';
    byId('match-lost').hidden = !isLost || isThere;
    if (!isThere) return preview.removeAttribute('src');
    const address = upload === null ? api.viewAddress(like) : uploads.find(upload).address;
    preview.alt = upload === null ? 'Picture of the library' : `Added picture ${uploads.find(upload).file.name}`;
    if (preview.getAttribute('src') !== address) preview.src = address;
    return undefined;
  }

  // The picture's own file may be gone while the library still knows it.
  #showThumbnail() {
    const { like } = this.#match;
    const preview = byId('match-picture');
    if (like && preview.getAttribute('src') === api.viewAddress(like)) preview.src = api.thumbnailAddress(like);
  }

  async #ask(match) {
    this.#running.abort();
    this.#running = new AbortController();
    this.#showRest();
    this.#shownKey = matchKey(match);
    const missing = missingOf(match);
    if (missing) return this.#showResults([], missing);
    const { signal } = this.#running;
    byId('match-results').ariaBusy = 'true';
    const waiting = setTimeout(() => showWork(), PATIENCE);
    try {
      const { results } = await api.match(match, textsOf(match), signal);
      this.#showResults(results, results.length === 1 ? '1 text' : `${results.length} texts, the most probable first`);
    } catch (error) {
      if (error.name !== 'AbortError') this.#fail(error);
    } finally {
      clearTimeout(waiting);
      if (!signal.aborted) this.#showRest();
    }
    return undefined;
  }

  #showResults(results, said) {
    byId('match-summary').textContent = said;
    byId('match-problem').replaceChildren();
    byId('match-results').replaceChildren(...bars(results));
    byId('match-key').hidden = results.length === 0;
  }

  #fail(error) {
    this.#showResults([], '');
    const again = () => this.#ask(this.#match);
    byId('match-problem').replaceChildren(element('div', { class: 'message' }, ...problem(error, { retry: again })));
  }

  #showRest() {
    byId('progress').hidden = true;
    byId('match-results').ariaBusy = null;
    byId('match-results').classList.remove('is-stale');
  }
}

function showWork() {
  byId('progress').hidden = false;
  byId('match-results').classList.add('is-stale');
}

/** What has to be added before there is anything to compare, or null. */
function missingOf(match) {
  const hasPicture = match.like !== null || match.upload !== null;
  const hasTexts = textsOf(match).length > 0;
  if (!hasPicture && !hasTexts) return 'Add a picture and write a line to see how well they fit.';
  if (!hasPicture) return 'Add a picture to see how well your lines fit it.';
  if (!hasTexts) return 'Write a line to see how well it fits the picture.';
  return null;
}
