// Runs searches and shows their answers: the grid, the line above it, notices, messages. Only the newest search counts.

import * as api from './api.js';
import { byId, element } from './dom.js';
import * as format from './format.js';
import { Grid, standing } from './grid.js';
import { noHits, problem } from './messages.js';
import { PAGE_SIZE, keyOf } from './query.js';

// An answer within this time replaces the old one without any sign of work, so that quick answers do not flicker.
const PATIENCE = 150;
const KEPT_ANSWERS = 24;
const MOST_HITS = PAGE_SIZE * 16;

export class Results {
  #grid;
  #answers = new Map();
  #running = new AbortController();
  #hits = [];
  #on;

  /** `on`: open(image), more(k), found(hits), failed(), total(), retry(), clearFilters(). */
  constructor(on) {
    this.#on = on;
    this.#grid = new Grid(byId('grid'), on.open);
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
    this.#showHits([], false);
    this.#say('');
    byId('notice').hidden = true;
    showMessage(null);
  }

  /** Searches for `query` and shows `k` hits. An answer that is kept is shown at once if `mayReuse`, as when somebody goes back. */
  async search(query, k, { mayReuse }) {
    const signal = this.#abort();
    const kept = mayReuse ? this.#answers.get(keyOf(query, k)) : undefined;
    if (kept) return this.#show(query, kept, k);
    const waiting = setTimeout(() => this.#showWork(), PATIENCE);
    try {
      const answer = await api.search(query, k, signal);
      this.#keep(keyOf(query, k), answer);
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
    this.#showHits(hits.map((hit) => ({ ...hit, score: null, confidence: null })), true);
  }

  #abort() {
    this.#running.abort();
    this.#running = new AbortController();
    this.#showRest();
    return this.#running.signal;
  }

  #show(query, answer, k) {
    const { hits } = answer;
    this.#showRest();
    this.#showHits(hits, false);
    this.#on.found(hits);
    this.#say(hits.length === 0 ? '' : `${format.pictures(hits.length)}, closest first`, answer);
    showMessage(hits.length === 0 ? noHits(query, this.#on) : null);
    showVerdict(answer);
    const mayBeMore = hits.length >= k && hits.length < Math.min(MOST_HITS, this.#on.total());
    byId('more').hidden = !mayBeMore;
    byId('more-button').onclick = () => this.#on.more(Math.min(k * 2, MOST_HITS));
  }

  #showHits(hits, isPlain) {
    this.#hits = hits;
    byId('grid').classList.toggle('is-plain', isPlain);
    this.#grid.show(hits);
    byId('more').hidden = true;
  }

  #fail(error) {
    this.clear();
    this.#on.failed();
    showMessage(problem(error, this.#on));
  }

  #say(text, answer) {
    const mark = answer?.hits[0] && standing(answer.hits[0]);
    const order = mark && element('abbr', { title: mark.hint }, mark.label.toLowerCase());
    const took = answer && ` · ${Math.max(1, Math.round(answer.took_ms.encode + answer.took_ms.search))} ms`;
    const parts = mark ? [text, ' by ', order, took] : [text];
    byId('summary').replaceChildren(...parts);
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

function showVerdict({ verdict, hits }) {
  const isNotice = verdict === 'no_match' && hits.length > 0;
  byId('notice').hidden = !isNotice;
  if (!isNotice) return;
  byId('notice').replaceChildren(
    element('p', {}, 'Probably nothing in this library shows that.'),
    element('p', {}, 'The pictures below are merely the closest ones.'),
  );
}
