// Runs searches and shows their answers: the grid, the line above it, notices, messages. Only the newest search counts.

import * as api from './api.js';
import { byId, element, icon } from './dom.js';
import * as format from './format.js';
import { isSure } from './confidence.js';
import { Grid } from './grid.js';
import { LeastSlider } from './least.js';
import { noHits, problem } from './messages.js';
import { EMPTY, PAGE_SIZE, keyOf } from './query.js';

// An answer within this time replaces the old one without any sign of work, so that quick answers do not flicker.
const PATIENCE = 150;
const KEPT_ANSWERS = 24;
const MOST_HITS = PAGE_SIZE * 16;

export class Results {
  #grid;
  #answers = new Map();
  #running = new AbortController();
  #slider;
  #hits = [];
  #held = null;
  #on;

  /** `on`: open(image), more(k), found(hits), least(percent), failed(), total(), retry(), clearFilters(). */
  constructor(on) {
    this.#on = on;
    this.#grid = new Grid(byId('grid'), on.open);
    this.#slider = new LeastSlider({ moved: (least) => this.#filter(least), settled: on.least });
  }

  get hits() {
    return this.#hits;
  }

  get grid() {
    return this.#grid;
  }

  /** Stops a search that still runs and empties everything. */
  clear() {
    this.#abort();
    this.#held = null;
    this.#showHits([], EMPTY);
    this.#say('');
    byId('sureness').hidden = true;
    byId('notice').hidden = true;
    showMessage(null);
  }

  /** Searches for `query` and shows `k` hits. An answer that is kept is shown at once if `mayReuse`, as when somebody goes back or
      asks for the more probable ones of its hits. */
  async search(query, k, { mayReuse }) {
    const signal = this.#abort();
    const kept = mayReuse ? this.#answers.get(answerKey(query, k)) : undefined;
    if (kept && kept.least <= query.least) return this.#show(query, kept, k);
    const waiting = setTimeout(() => this.#showWork(), PATIENCE);
    try {
      const answer = { ...(await api.search(query, k, signal)), least: query.least };
      this.#keep(answerKey(query, k), answer);
      this.#show(query, answer, k);
    } catch (error) {
      if (error.name !== 'AbortError') this.#fail(error);
    } finally {
      clearTimeout(waiting);
      if (!signal.aborted) this.#showRest();
    }
    return undefined;
  }

  /** Shows pictures that nobody searched for, without scores. */
  showPlain(hits) {
    this.#showHits(hits.map((hit) => ({ ...hit, score: null, confidence: null })), EMPTY);
    byId('grid').classList.add('is-plain');
  }

  #abort() {
    this.#running.abort();
    this.#running = new AbortController();
    this.#showRest();
    return this.#running.signal;
  }

  #show(query, answer, k) {
    const hits = answer.hits.filter((hit) => isSure(hit, query.least));
    this.#held = { query, answer, k };
    this.#showRest();
    this.#showHits(hits, query);
    this.#on.found(answer.hits);
    this.#say(summaryOf(hits, answer), answer);
    showMessage(hits.length === 0 ? noHits(query, { ...this.#on, anySureness: () => this.#anySureness() }) : null);
    showVerdict(answer, hits);
    this.#slider.show(query.least);
    byId('sureness').hidden = query.least === 0 && answer.hits.every((hit) => hit.confidence === null);
    byId('more').hidden = !this.#mayBeMore(hits, answer, k);
    byId('more-button').onclick = () => this.#on.more(Math.min(k * 2, MOST_HITS));
  }

  #showHits(hits, query) {
    this.#hits = hits;
    byId('grid').classList.remove('is-plain');
    this.#grid.show(hits, query);
    byId('more').hidden = true;
  }

  // At once, over what is there; the search for what is not there follows by way of the address.
  #filter(least) {
    if (!this.#held) return;
    const { query, answer, k } = this.#held;
    this.#show({ ...query, least }, answer, k);
  }

  // What is held may already be all there is to show.
  #anySureness() {
    if (this.#held.answer.least === 0) this.#filter(0);
    this.#on.least(0);
  }

  // The server keeps back what is not probable enough, so a short answer to a search with a bound says nothing about what follows.
  #mayBeMore(hits, answer, k) {
    const isCut = answer.hits.length >= k || answer.least > 0;
    return isCut && hits.length > 0 && k < Math.min(MOST_HITS, this.#on.total());
  }

  #fail(error) {
    this.clear();
    this.#on.failed();
    showMessage(problem(error, this.#on));
  }

  #say(text, answer) {
    const took = text && ` · ${Math.max(1, Math.round(answer.took_ms.encode + answer.took_ms.search))} ms`;
    byId('summary').textContent = text + took;
  }

  #showWork() {
    byId('progress').hidden = false;
    byId('grid').setAttribute('aria-busy', 'true');
    showMessage(null);
    if (this.#hits.length === 0) this.#grid.showSkeleton();
    else byId('grid').classList.add('is-stale');
  }

  #showRest() {
    byId('progress').hidden = true;
    byId('grid').removeAttribute('aria-busy');
    byId('grid').classList.remove('is-stale');
  }

  #keep(key, answer) {
    this.#answers.set(key, answer);
    if (this.#answers.size > KEPT_ANSWERS) this.#answers.delete(this.#answers.keys().next().value);
  }
}

/** Shows `content` in place of pictures; null hides it. */
export function showMessage(content) {
  byId('message').hidden = content === null;
  byId('message').replaceChildren(...(content ?? []));
}

// Answers with and without a bound are told apart by what they hold, so that one may serve for the other.
const answerKey = (query, k) => keyOf({ ...query, least: 0 }, k);

function summaryOf(hits, answer) {
  if (hits.length === 0) return '';
  const left = answer.hits.length - hits.length;
  const number = left === 0 ? format.pictures(hits.length) : `${format.count(hits.length)} of ${format.pictures(answer.hits.length)}`;
  return `${number}, closest first`;
}

function showVerdict({ verdict }, hits) {
  const isNotice = verdict === 'no_match' && hits.length > 0;
  byId('notice').hidden = !isNotice;
  if (!isNotice) return;
  byId('notice').replaceChildren(
    icon('nothing'),
    element('p', {}, `Probably nothing here matches; ${hits.length === 1 ? 'this is' : 'these are'} the nearest.`),
  );
}
