// The Match view: one image, lines of text, and the confidence of each line, updated while typing.

import * as api from './api.js';
import { bars } from './bars.js';
import { reportLink } from './confidence.js';
import { byId, element } from './dom.js';
import * as format from './format.js';
import { EMPTY_MATCH, matchKey, repeatedOf, textsOf } from './match-query.js';
import { problem } from './messages.js';
import * as uploads from './uploads.js';

// Every request runs the model, so it waits for a word or two.
const TYPING_DELAY = 350;
const PROGRESS_DELAY = 150;
// Texts of one request: results appear while the rest is compared.
const TEXTS_AT_ONCE = 100;

export class MatchView {
  #match = EMPTY_MATCH;
  #shownKey = null;
  #typing;
  #running = new AbortController();
  #on;

  /** `on`: changed(match) when the image or what is shown changes, typed(match) while typing. */
  constructor(on) {
    this.#on = on;
    byId('match-lines').addEventListener('input', () => this.#onInput());
    byId('match-breakdown').addEventListener('change', ({ target }) => this.#on.changed({ ...this.match, hasBreakdown: target.checked }));
    ['match-pick', 'match-empty'].forEach((id) => byId(id).addEventListener('click', () => byId('file').click()));
    byId('match-image').addEventListener('error', () => this.#showThumbnail());
    byId('match-remove').addEventListener('click', () => this.#removeImage());
    byId('match-report').append(reportLink());
  }

  /** The match on show, with the field's current text even before it is requested. */
  get match() {
    return { ...this.#match, lines: byId('match-lines').value };
  }

  /** Shows `match` and requests its answer; `isLost` means that its uploaded image did not survive a reload. */
  show(match, { isLost }) {
    clearTimeout(this.#typing);
    this.#match = match;
    if (textsOf(this.match).join('\n') !== textsOf(match).join('\n')) byId('match-lines').value = match.lines;
    byId('match-breakdown').checked = match.hasBreakdown;
    showCount(this.match);
    this.#showImage(isLost);
    if (matchKey(match) !== this.#shownKey) this.#request(match);
  }

  /** Aborts a running request, as when another view is shown. */
  leave() {
    clearTimeout(this.#typing);
    if (byId('match-results').ariaBusy === 'true') this.#shownKey = null;
    this.#running.abort();
    this.#hideProgress();
  }

  focus() {
    byId('match-title').focus();
  }

  #onInput() {
    showCount(this.match);
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#on.typed(this.match), TYPING_DELAY);
  }

  #removeImage() {
    byId('match-pick').focus();
    this.#on.changed({ ...this.match, like: null, upload: null });
  }

  #showImage(isLost) {
    const { like, upload } = this.#match;
    const preview = byId('match-image');
    const isPresent = like !== null || upload !== null;
    preview.hidden = !isPresent;
    byId('match-empty').hidden = isPresent;
    byId('match-remove').hidden = !isPresent;
    byId('match-pick-text').textContent = isPresent ? 'Another picture' : 'Choose a picture';
    byId('match-lost').hidden = !isLost || isPresent;
    if (!isPresent) return preview.removeAttribute('src');
    const address = upload === null ? api.viewAddress(like) : uploads.find(upload).address;
    preview.alt = upload === null ? 'Picture of the library' : `Added picture ${uploads.find(upload).file.name}`;
    if (preview.getAttribute('src') !== address) preview.src = address;
    return undefined;
  }

  // The file may have been deleted while the library still has its thumbnail.
  #showThumbnail() {
    const { like } = this.#match;
    const preview = byId('match-image');
    if (like && preview.getAttribute('src') === api.viewAddress(like)) preview.src = api.thumbnailAddress(like);
  }

  async #request(match) {
    this.#running.abort();
    this.#running = new AbortController();
    this.#hideProgress();
    this.#shownKey = matchKey(match);
    const missing = missingOf(match);
    byId('match-option').hidden = missing !== null;
    if (missing) return this.#showResults([], missing);
    const { signal } = this.#running;
    byId('match-results').ariaBusy = 'true';
    const progress = setTimeout(() => showProgress(), PROGRESS_DELAY);
    try {
      await this.#compare(match, signal);
    } catch (error) {
      if (error.name !== 'AbortError') this.#fail(error);
    } finally {
      clearTimeout(progress);
      if (!signal.aborted) this.#hideProgress();
    }
    return undefined;
  }

  // The most probable first, as far as texts are compared.
  async #compare(match, signal) {
    const texts = textsOf(match);
    let results = [];
    let took = 0;
    for (let from = 0; from < texts.length; from += TEXTS_AT_ONCE) {
      const answer = await api.match(match, texts.slice(from, from + TEXTS_AT_ONCE), signal);
      results = sorted([...results, ...answer.results]);
      took += answer.took_ms ?? 0;
      const isLast = results.length >= texts.length;
      const order = texts.length === 1 ? '1 text compared' : 'Most probable first';
      const done = `${format.count(results.length)} of ${format.count(texts.length)} texts compared`;
      this.#showResults(results, isLast ? `${order} · ${format.count(Math.ceil(took))} ms` : done);
    }
  }

  #showResults(results, summary) {
    byId('match-summary').textContent = summary;
    byId('match-problem').replaceChildren();
    byId('match-results').replaceChildren(...bars(results));
    byId('match-key').hidden = results.length === 0;
    byId('match-views').hidden = !results.some(({ breakdown }) => breakdown);
  }

  #fail(error) {
    this.#showResults([], '');
    const retry = () => this.#request(this.#match);
    byId('match-problem').replaceChildren(element('div', { class: 'message' }, ...problem(error, { retry })));
  }

  #hideProgress() {
    byId('progress').hidden = true;
    byId('match-results').ariaBusy = null;
    byId('match-results').classList.remove('is-stale');
  }
}

function showProgress() {
  byId('progress').hidden = false;
  byId('match-results').classList.add('is-stale');
}

/** The order of one answer, over several. */
const sorted = (results) => results.toSorted((one, other) => rank(other) - rank(one) || other.score - one.score);

const rank = ({ confidence, normalized }) => confidence ?? normalized - 1;

/** The number of texts while typing, and how many lines are left out as repeated. */
function showCount(match) {
  const count = textsOf(match).length;
  const repeated = repeatedOf(match);
  const texts = format.counted(count, 'text');
  const merged = repeated > 0 ? ` · ${format.counted(repeated, 'repeated line')} left out` : '';
  byId('match-count').textContent = count === 0 ? '' : texts + merged;
}

/** What must be added before texts and an image can be compared, or null. */
function missingOf(match) {
  const hasImage = match.like !== null || match.upload !== null;
  const hasTexts = textsOf(match).length > 0;
  if (!hasImage && !hasTexts) return 'Add a picture and write a line to see how well they match.';
  if (!hasImage) return 'Add a picture to see how well your lines match it.';
  if (!hasTexts) return 'Write a line to see how well it matches the picture.';
  return null;
}
