// Runs searches and shows the hits: the grid, the summary above it, notices and messages. Only the newest search counts.

import * as api from './api.js';
import { byId, element, icon } from './dom.js';
import * as format from './format.js';
import { meetsMinConfidence } from './confidence.js';
import { Grid } from './grid.js';
import { noHits, problem } from './messages.js';
import { MinConfidenceSlider } from './min-confidence.js';
import { EMPTY, PAGE_SIZE, keyOf } from './query.js';

// Faster answers replace the old hits without a progress bar, so that the page does not flicker.
const PROGRESS_DELAY = 150;
const CACHE_SIZE = 24;
const MAX_HITS = PAGE_SIZE * 16;

/** The confidence from which a hit counts as a match. */
const PROBABLE = 0.5;

export class Results {
  #grid;
  #cache = new Map();
  #running = new AbortController();
  #slider;
  #hits = [];
  #current = null;
  #on;

  /** `on`: open(image), more(k), found(hits), minConfidence(percent), failed(), total(), retry(), clearFilters(). */
  constructor(on) {
    this.#on = on;
    this.#grid = new Grid(byId('grid'), on.open);
    this.#slider = new MinConfidenceSlider({ input: (percent) => this.#filter(percent), change: on.minConfidence });
  }

  get hits() {
    return this.#hits;
  }

  get grid() {
    return this.#grid;
  }

  /** Aborts a running search and clears the view. */
  clear() {
    this.#abort();
    this.#current = null;
    this.#showHits([], EMPTY);
    this.#announce('');
    byId('confidence-tools').hidden = true;
    byId('notice').hidden = true;
    showMessage(null);
  }

  /** Searches for `query` and shows `k` hits. With `mayReuse`, as when going back, a cached answer is shown instead if it has
      every hit that the query's minimum confidence allows. */
  async search(query, k, { mayReuse }) {
    const signal = this.#abort();
    const cached = mayReuse ? this.#cache.get(cacheKey(query, k)) : undefined;
    if (cached && cached.minConfidence <= query.minConfidence) return this.#show(query, cached, k);
    const progress = setTimeout(() => this.#showProgress(), PROGRESS_DELAY);
    try {
      const answer = { ...(await api.search(query, k, signal)), minConfidence: query.minConfidence };
      this.#store(cacheKey(query, k), answer);
      this.#show(query, answer, k);
    } catch (error) {
      if (error.name !== 'AbortError') this.#fail(error);
    } finally {
      clearTimeout(progress);
      if (!signal.aborted) this.#hideProgress();
    }
    return undefined;
  }

  /** Shows images without scores. */
  showPlain(hits) {
    this.#showHits(hits.map((hit) => ({ ...hit, score: null, confidence: null })), EMPTY);
    byId('grid').classList.add('is-plain');
  }

  #abort() {
    this.#running.abort();
    this.#running = new AbortController();
    this.#hideProgress();
    return this.#running.signal;
  }

  #show(query, answer, k) {
    const hits = answer.hits.filter((hit) => meetsMinConfidence(hit, query.minConfidence));
    this.#current = { query, answer, k };
    this.#hideProgress();
    this.#showHits(hits, query);
    this.#on.found(answer.hits);
    this.#announce(summaryOf(hits, answer), answer);
    showMessage(hits.length === 0 ? noHits(query, { ...this.#on, showAll: () => this.#showAll() }) : null);
    showNotice(query, answer, hits);
    this.#slider.show(query.minConfidence);
    byId('confidence-tools').hidden = query.minConfidence === 0 && answer.hits.every(({ confidence, similarity_level: level }) => confidence === null || level);
    byId('more').hidden = !this.#mayBeMore(hits, answer, k);
    byId('more-button').onclick = () => this.#on.more(Math.min(k * 2, MAX_HITS));
  }

  #showHits(hits, query) {
    this.#hits = hits;
    byId('grid').classList.remove('is-plain');
    this.#grid.show(hits, query);
    byId('more').hidden = true;
  }

  // Filters the hits at hand; the changed address then searches for those that are missing.
  #filter(minConfidence) {
    if (!this.#current) return;
    const { query, answer, k } = this.#current;
    this.#show({ ...query, minConfidence }, answer, k);
  }

  // An answer without a minimum confidence is complete already.
  #showAll() {
    this.#slider.set(0);
    if (this.#current.answer.minConfidence === 0) this.#filter(0);
    this.#on.minConfidence(0);
  }

  // The server leaves out hits below the minimum confidence, so a short answer need not be the last page.
  #mayBeMore(hits, answer, k) {
    const isCut = answer.hits.length >= k || answer.minConfidence > 0;
    return isCut && hits.length > 0 && k < Math.min(MAX_HITS, this.#on.total());
  }

  #fail(error) {
    this.clear();
    this.#on.failed();
    showMessage(problem(error, this.#on));
  }

  #announce(text, answer) {
    const took = text && ` · ${Math.max(1, Math.round(answer.took_ms.encode + answer.took_ms.search))} ms`;
    byId('summary').textContent = text + took;
  }

  #showProgress() {
    byId('progress').hidden = false;
    byId('grid').setAttribute('aria-busy', 'true');
    showMessage(null);
    if (this.#hits.length === 0) this.#grid.showSkeleton();
    else byId('grid').classList.add('is-stale');
  }

  #hideProgress() {
    byId('progress').hidden = true;
    byId('grid').removeAttribute('aria-busy');
    byId('grid').classList.remove('is-stale');
  }

  #store(key, answer) {
    this.#cache.set(key, answer);
    if (this.#cache.size > CACHE_SIZE) this.#cache.delete(this.#cache.keys().next().value);
  }
}

/** Shows `content` in place of hits; null hides it. */
export function showMessage(content) {
  byId('message').hidden = content === null;
  byId('message').replaceChildren(...(content ?? []));
}

// One entry for all minimum confidences of a query: an answer with a lower one has all hits of a higher one.
const cacheKey = (query, k) => keyOf({ ...query, minConfidence: 0 }, k);

function summaryOf(hits, answer) {
  if (hits.length === 0) return '';
  const hidden = answer.hits.length - hits.length;
  const number = hidden === 0 ? format.pictures(hits.length) : `${format.count(hits.length)} of ${format.pictures(answer.hits.length)}`;
  return `${number}, closest first`;
}

function showNotice({ text }, { verdict, unknown_words: unknown = [] }, hits) {
  const sentences = [];
  if (unknown.length > 0) sentences.push(`The model does not know ${format.quoted(unknown)} and searched without.`);
  if (verdict === 'no_match' && hits.length > 0) sentences.push(`Probably no match; showing the closest ${hits.length === 1 ? 'picture' : 'pictures'}.`);
  const isProbable = ({ confidence }) => confidence === null || confidence >= PROBABLE;
  if (verdict === 'match' && text && !hits.some(isProbable)) sentences.push('Probably none matches the words; these are similar to the query picture.');
  byId('notice').hidden = sentences.length === 0;
  if (sentences.length > 0) byId('notice').replaceChildren(icon('nothing'), element('p', {}, sentences.join(' ')));
}
