// The Review view: the library compared with the patterns of a profile; each finding is confirmed or dismissed, and the answers
// calibrate that profile.

import * as api from './api.js';
import { toast } from './clipboard.js';
import { byId, element, icon } from './dom.js';
import * as format from './format.js';
import { emptyLibrary, problem } from './messages.js';
import { ReviewAnswers } from './review-answers.js';
import { ReviewList } from './review-list.js';

const POLL_DELAY = 300;

export class ReviewView {
  #profiles = null;
  #profile = null;
  // The job whose result or progress is shown.
  #job = null;
  #running = new AbortController();
  #list;
  #answers;
  #on;

  /** `on`: changed(profile) when another profile is chosen, started(job) when its comparison has started. */
  constructor(on) {
    this.#on = on;
    this.#answers = new ReviewAnswers({
      changed: (image, text) => this.#list.showAnswer(image, text),
      refused: (error) => toast(`Your answer was not saved: ${error.message}`),
    });
    this.#list = new ReviewList(this.#answers);
    byId('review-profile').addEventListener('change', (event) => this.#on.changed(event.target.value));
    byId('review-start').addEventListener('click', () => this.#start());
    byId('review-cancel').addEventListener('click', () => this.#cancel());
  }

  /** The name of the chosen profile, or null. */
  get profile() {
    return this.#profile?.name ?? null;
  }

  /** The job whose result or progress is shown, or null. */
  get job() {
    return this.#job;
  }

  /** Shows the review of `profile`; null: of the first one that has patterns. `job`: the comparison to show, if the server still has it. */
  async show(profile, job) {
    try {
      this.#profiles ??= (await api.profiles()).profiles.filter(({ patterns }) => patterns > 0);
    } catch (error) {
      return this.#fail(error, () => this.show(profile, job));
    }
    if (this.#profiles.length === 0) return this.#showMessage('No profile has patterns', 'Start the server with profiles that have some:', element('code', {}, 'eidetic serve --profiles FILE.toml'));
    const known = this.#profiles.find(({ name }) => name === profile) ?? this.#profiles[0];
    byId('review-profile').replaceChildren(...this.#profiles.map(({ name }) => element('option', { value: name }, name)));
    byId('review-profile').value = known.name;
    byId('review-description').textContent = `${known.description} ${format.counted(known.patterns, 'pattern')}.`;
    byId('review-start').disabled = false;
    if (known.name !== this.profile) this.#clear();
    this.#profile = known;
    if (job && job !== this.#job) return this.#run(() => job);
    if (this.#job === null && byId('review-running').hidden) this.#showIdle();
    return undefined;
  }

  focus() {
    byId('review-title').focus();
  }

  #clear() {
    this.#running.abort();
    this.#job = null;
    this.#list.clear();
    ['review-left-out', 'review-problem'].forEach((id) => byId(id).replaceChildren());
    this.#summarize('');
    this.#setRunning(false);
  }

  #start() {
    return this.#run(async () => (await api.screen(this.profile)).job);
  }

  /** Waits for a job, which `jobOf` starts or names, and shows its result. */
  async #run(jobOf) {
    this.#clear();
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#setRunning(true);
    try {
      await this.#answers.load(this.profile, signal);
      const id = await jobOf();
      if (signal.aborted) return;
      this.#job = id;
      this.#on.started(id);
      const ended = await this.#ended(id, signal);
      this.#setRunning(false);
      this.#showEnded(ended);
    } catch (error) {
      if (signal.aborted) return;
      this.#setRunning(false);
      this.#showFailed(error);
    }
  }

  async #ended(id, signal) {
    for (;;) {
      const job = await api.job(id, signal);
      if (job.state !== 'running' && job.state !== 'queued') return job;
      showProgress(job);
      await new Promise((resolve) => setTimeout(resolve, POLL_DELAY));
    }
  }

  async #cancel() {
    if (this.#job === null) return;
    try {
      await api.cancelJob(this.#job);
    } catch (error) {
      toast(`It was not stopped: ${error.message}`);
    }
  }

  // The button that takes the place of the pressed one takes its focus too.
  #setRunning(isRunning) {
    const [shown, hidden] = isRunning ? ['review-cancel', 'review-start'] : ['review-start', 'review-cancel'];
    const hadFocus = document.activeElement === byId(hidden);
    byId(shown).hidden = false;
    if (hadFocus) byId(shown).focus();
    byId(hidden).hidden = true;
    byId('review-profile').disabled = isRunning;
    byId('review-running').hidden = !isRunning;
    byId('review-pictures').ariaBusy = isRunning ? 'true' : null;
    if (isRunning) showProgress({ done: 0, total: null });
  }

  #showEnded({ kind, state, error, screen_report: report }) {
    if (state === 'failed') throw new api.Problem({ status: 500, title: 'The comparison failed', detail: error });
    // After a restart of the server, its number may be that of another job.
    if (kind !== 'screen' || !report || report.profile !== this.profile) return this.#showIdle();
    this.#summarize(summaryOf(report));
    byId('review-left-out').replaceChildren(...leftOut(report.left_out, this.#profile.patterns));
    this.#list.show(report, this.#profile.levels);
    return report.pictures.length === 0 ? this.#showNothing(report) : undefined;
  }

  #showNothing({ images, cancelled, left_out: { length } }) {
    if (cancelled) return this.#showMessage('Nothing found so far', `It was stopped after ${format.pictures(images)}.`);
    if (images === 0) return this.#replaceProblem(...emptyLibrary());
    if (length >= this.#profile.patterns) return this.#showMessage('Nothing was compared', 'The model knows none of the patterns completely.');
    const known = this.#profile.patterns - length;
    const patterns = length === 0 ? 'a pattern' : known === 1 ? 'the one pattern that the model knows' : `one of the ${format.count(known)} patterns that the model knows`;
    return this.#showMessage('No findings', `No picture matches ${patterns}.`);
  }

  #showIdle() {
    this.#job = null;
    this.#showMessage('Nothing compared yet', 'Compare all pictures to see which ones match a pattern of this profile.');
  }

  #showMessage(title, ...texts) {
    this.#replaceProblem(icon('nothing'), element('h2', {}, title), element('p', {}, ...texts.flatMap((text) => [text, ' '])));
  }

  #replaceProblem(...parts) {
    byId('review-problem').replaceChildren(element('div', { class: 'message' }, ...parts));
  }

  // A comparison that still runs on the server is followed again; others are repeated.
  #showFailed(error) {
    const job = this.#job;
    if (error.kind === 'unknown-job') return this.#showIdle();
    return this.#fail(error, () => (job && error.isUnreachable ? this.#run(() => job) : this.#start()));
  }

  #summarize(text) {
    byId('review-summary').textContent = text;
  }

  #fail(error, retry) {
    this.#summarize('');
    this.#replaceProblem(...problem(error, { retry }));
  }
}

function showProgress({ done, state, total }) {
  const bar = byId('review-progress');
  if (total === null) bar.removeAttribute('value');
  else Object.assign(bar, { max: Math.max(total, 1), value: done });
  if (state === 'queued') byId('review-done').textContent = 'Waiting for another comparison to end …';
  else byId('review-done').textContent = total === null ? 'Starting …' : `${format.count(done)} of ${format.pictures(total)} compared`;
}

function summaryOf({ images, flagged, skipped, cancelled }) {
  const parts = [`${format.pictures(images)} compared, ${format.count(flagged)} with findings${cancelled ? ', stopped before the end' : ''}`];
  if (skipped > 0) parts.push(`${format.pictures(skipped)} skipped, with damaged vectors`);
  return parts.join(' · ');
}

/** What no picture was compared with, as a notice that can be unfolded. */
function leftOut(patterns, total) {
  if (patterns.length === 0) return [];
  const rows = patterns.map(({ text, unknown_words: words }) =>
    element('li', {}, element('span', {}, text), element('span', { class: 'review-unknown' }, words.length > 0 ? `unknown: ${format.quoted(words)}` : 'says nothing that a picture could show')),
  );
  const [was, their] = patterns.length === 1 ? ['was', 'its'] : ['were', 'their'];
  const summary = `${format.count(patterns.length)} of ${format.counted(total, 'pattern')} ${was} left out: the model does not know all of ${their} words`;
  return [element('details', { class: 'review-left-out notice' }, element('summary', {}, summary), element('ul', {}, ...rows))];
}
