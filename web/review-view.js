// The Review view: the library compared with the patterns of a profile; each finding is confirmed or dismissed, and the answers
// calibrate that profile.

import * as api from './api.js';
import { toast } from './clipboard.js';
import { byId, element } from './dom.js';
import * as format from './format.js';
import { problem } from './messages.js';

const POLL_DELAY = 300;
// Pictures that are added to the page at once.
const PICTURES_AT_ONCE = 60;

export class ReviewView {
  #profiles = null;
  #profile = null;
  #job = null;
  #report = null;
  #level = null;
  #shown = PICTURES_AT_ONCE;
  #running = new AbortController();
  #on;

  /** `on`: changed(profile) when another profile is chosen. */
  constructor(on) {
    this.#on = on;
    byId('review-profile').addEventListener('change', (event) => this.#on.changed(event.target.value));
    byId('review-start').addEventListener('click', () => this.#start());
    byId('review-cancel').addEventListener('click', () => this.#cancel());
    byId('review-more').addEventListener('click', () => this.#showMore());
  }

  /** The chosen profile, or null. */
  get profile() {
    return this.#profile;
  }

  /** Shows the review of `profile`; null: of the first one that has patterns. */
  async show(profile) {
    try {
      this.#profiles ??= (await api.profiles()).profiles.filter(({ patterns }) => patterns > 0);
    } catch (error) {
      return this.#fail(error, () => this.show(profile));
    }
    if (this.#profiles.length === 0) return this.#summarize('No profile has patterns. Start the server with --profiles FILE.');
    const known = this.#profiles.find(({ name }) => name === profile) ?? this.#profiles[0];
    byId('review-profile').replaceChildren(...this.#profiles.map(({ name }) => element('option', { value: name }, name)));
    byId('review-profile').value = known.name;
    byId('review-description').textContent = `${known.description} ${format.count(known.patterns)} patterns.`;
    byId('review-start').disabled = false;
    if (known.name !== this.#profile) this.#clear();
    this.#profile = known.name;
    return undefined;
  }

  focus() {
    byId('review-title').focus();
  }

  #clear() {
    this.#running.abort();
    this.#report = null;
    this.#level = null;
    byId('review-levels').replaceChildren();
    byId('review-pictures').replaceChildren();
    byId('review-more').hidden = true;
    byId('review-problem').replaceChildren();
    this.#summarize('');
  }

  async #start() {
    this.#clear();
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#setRunning(true);
    try {
      this.#job = (await api.screen(this.#profile)).job;
      const job = await this.#ended(signal);
      if (job.state === 'failed') throw new api.Problem({ status: 500, detail: job.error });
      this.#report = job.screen_report;
      this.#shown = PICTURES_AT_ONCE;
      if (this.#report) this.#showReport();
    } catch (error) {
      if (error.name !== 'AbortError') this.#fail(error, () => this.#start());
    } finally {
      if (!signal.aborted) this.#setRunning(false);
    }
  }

  async #ended(signal) {
    for (;;) {
      const job = await api.job(this.#job, signal);
      if (job.state !== 'running') return job;
      const of = job.total === null ? '' : ` of ${format.pictures(job.total)}`;
      this.#summarize(`${format.count(job.done)}${of} compared`);
      await new Promise((resolve) => setTimeout(resolve, POLL_DELAY));
    }
  }

  async #cancel() {
    try {
      await api.cancelJob(this.#job);
    } catch (error) {
      toast(`It was not stopped: ${error.message}`);
    }
  }

  #setRunning(isRunning) {
    byId('review-start').hidden = isRunning;
    byId('review-cancel').hidden = !isRunning;
    byId('review-pictures').ariaBusy = isRunning ? 'true' : null;
  }

  #showReport() {
    const { images, flagged, levels, cancelled, left_out: leftOut } = this.#report;
    const stopped = cancelled ? ', stopped before the end' : '';
    const without = leftOut.length > 0 ? ` · ${format.count(leftOut.length)} patterns left out, with words that the model does not know` : '';
    this.#summarize(`${format.pictures(images)} compared, ${format.count(flagged)} with findings${stopped}${without}`);
    const names = Object.keys(levels).filter((level) => this.#report.pictures.some((picture) => picture.level === level));
    const chip = (level, label, count) =>
      element('button', { type: 'button', class: 'review-level', 'aria-pressed': String(this.#level === level), click: () => this.#filter(level) }, `${label} ${format.count(count)}`);
    byId('review-levels').replaceChildren(
      ...(names.length > 1 ? [chip(null, 'all', this.#report.pictures.length)] : []),
      ...names.map((level) => chip(level, level, levels[level])),
    );
    this.#showPictures();
  }

  #filter(level) {
    this.#level = level;
    this.#shown = PICTURES_AT_ONCE;
    this.#showReport();
  }

  #showMore() {
    this.#shown += PICTURES_AT_ONCE;
    this.#showPictures();
  }

  #showPictures() {
    const pictures = this.#report.pictures.filter(({ level }) => this.#level === null || level === this.#level);
    byId('review-pictures').replaceChildren(...pictures.slice(0, this.#shown).map((picture) => reviewed(this.#profile, picture)));
    byId('review-more').hidden = pictures.length <= this.#shown;
  }

  #summarize(text) {
    byId('review-summary').textContent = text;
  }

  #fail(error, retry) {
    this.#summarize('');
    byId('review-problem').replaceChildren(element('div', { class: 'message' }, ...problem(error, { retry })));
  }
}

/** One picture with its findings. */
function reviewed(profile, { image, paths, level, findings }) {
  const name = format.visible(format.fileName(paths[0] ?? image));
  const preview = element('img', { src: api.thumbnailAddress(image), alt: '', loading: 'lazy', width: 160, height: 120 });
  return element(
    'li',
    { class: 'reviewed' },
    element('a', { class: 'reviewed-image', href: api.viewAddress(image), target: '_blank', rel: 'noopener', 'aria-label': `Open ${name}` }, preview),
    element(
      'div',
      { class: 'reviewed-findings' },
      element('p', { class: 'reviewed-name', title: format.visible(paths[0] ?? '') }, element('span', { class: 'review-tag' }, level), ` ${name}`),
      element('ul', {}, ...findings.map((finding) => found(profile, image, finding))),
    ),
  );
}

/** A finding with its two answers. */
function found(profile, image, { text, risk, confidence, verdict }) {
  const answers = [
    [true, 'Confirm'],
    [false, 'Dismiss'],
  ].map(([right, label]) => element('button', { type: 'button', class: 'review-answer', 'aria-pressed': 'false', 'data-right': String(right) }, label));
  const row = element(
    'li',
    { class: 'finding' },
    element('span', { class: 'finding-text' }, text),
    element('span', { class: 'finding-facts' }, `${verdict.level} · ${risk} risk · ${confidence === null ? 'unknown' : format.percent(confidence)}`),
    element('span', { class: 'finding-answers', role: 'group', 'aria-label': `Does the picture show ${text}?` }, ...answers),
  );
  let given = null;
  const press = (right) => {
    given = right;
    answers.forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.right === String(right))));
    row.dataset.answer = right === null ? '' : String(right);
  };
  answers.forEach((button) =>
    button.addEventListener('click', async () => {
      const before = given;
      const right = button.dataset.right === String(given) ? null : button.dataset.right === 'true';
      press(right);
      try {
        await api.reviewed(profile, text, image, right);
      } catch (error) {
        press(before);
        toast(`Your answer was not saved: ${error.message}`);
      }
    }),
  );
  return row;
}
