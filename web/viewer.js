// One picture, large, with what is known about it. Opening and closing go through the page's address; see app.js.

import * as api from './api.js';
import { copyButton } from './clipboard.js';
import { reportLink, similarity, standing } from './confidence.js';
import { byId, element } from './dom.js';
import { thumbs } from './feedback.js';
import * as format from './format.js';
import { subjectOf } from './query.js';

const SWIPE = 48;

export class Viewer {
  #dialog = byId('viewer');
  #hits = [];
  #query;
  #shown = null;
  #known = new Map();
  #loading = new AbortController();
  #on;

  /** `on`: close(), move(image), similar(image), match(image). */
  constructor(on) {
    this.#on = on;
    this.#dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      on.close();
    });
    // Browsers close a dialog without asking at a second Escape in a row.
    this.#dialog.addEventListener('close', () => this.#shown && on.close());
    document.addEventListener('keydown', (event) => this.#dialog.open && this.#onKey(event));
    byId('viewer-close').addEventListener('click', on.close);
    byId('viewer-previous').addEventListener('click', () => this.#step(-1));
    byId('viewer-next').addEventListener('click', () => this.#step(1));
    byId('viewer-similar').addEventListener('click', () => on.similar(this.#shown));
    byId('viewer-match').addEventListener('click', () => on.match(this.#shown));
    this.#stepOnSwipe(byId('viewer-stage'));
  }

  /** The image on show, or null. */
  get shown() {
    return this.#shown;
  }

  /** Shows `image`; `hits` are the pictures around it, found by `query`, in which it may be missing. */
  show(image, hits, query) {
    this.#hits = hits;
    this.#query = query;
    this.#shown = image;
    this.#loading.abort();
    this.#loading = new AbortController();
    if (!this.#dialog.open) this.#dialog.showModal();
    const hit = hits.find((hit) => hit.image === image);
    this.#describe({ image, score: null, confidence: null, ...hit, ...this.#known.get(image) });
    this.#ask(hit);
    this.#setButtons(image);
    byId('viewer-details').scrollTop = 0;
    this.#complete(image, hit, this.#loading.signal);
  }

  hide() {
    this.#loading.abort();
    this.#shown = null;
    if (this.#dialog.open) this.#dialog.close();
  }

  async #complete(image, hit, signal) {
    if (this.#known.has(image)) return;
    try {
      this.#known.set(image, await api.image(image, signal));
      if (signal.aborted) return;
      this.#describe({ score: null, confidence: null, ...hit, ...this.#known.get(image) });
    } catch (error) {
      if (error.name !== 'AbortError' && !hit) this.#fail(error);
    }
  }

  #describe(about) {
    byId('viewer-name').textContent = about.path ? format.fileName(about.path) : '';
    byId('viewer-facts').replaceChildren(...factsOf(about));
    if (about.width) this.#draw(about);
  }

  // Only about pictures that the search found.
  #ask(hit) {
    const buttons = hit ? thumbs(this.#query, hit.image) : null;
    byId('viewer-judgement').hidden = buttons === null;
    byId('viewer-thumbs').replaceChildren(...(buttons ? [buttons] : []));
    if (buttons) byId('viewer-question').textContent = questionOf(subjectOf(this.#query));
  }

  #draw({ image, path, width, height }) {
    const picture = byId('viewer-picture');
    if (picture.dataset.image === image) return;
    picture.dataset.image = image;
    picture.alt = format.fileName(path);
    picture.hidden = false;
    byId('viewer-failure').hidden = true;
    picture.style.setProperty('--ratio', width / height);
    picture.style.setProperty('--natural', width);
    picture.src = api.thumbnailAddress(image);
    this.#sharpen(picture, image);
  }

  // The thumbnail is there at once; the whole picture takes its place when it has been decoded.
  async #sharpen(picture, image) {
    const whole = new Image();
    whole.src = api.viewAddress(image);
    const isThere = await whole.decode().then(() => true, () => false);
    if (picture.dataset.image !== image) return;
    if (isThere) picture.src = whole.src;
    byId('viewer-failure').hidden = isThere;
  }

  #fail(error) {
    const picture = byId('viewer-picture');
    picture.hidden = true;
    delete picture.dataset.image;
    byId('viewer-name').textContent = 'No such picture';
    byId('viewer-failure').textContent = error.detail || error.title;
    byId('viewer-failure').hidden = false;
  }

  #setButtons(image) {
    const at = this.#hits.findIndex((hit) => hit.image === image);
    byId('viewer-previous').disabled = at <= 0;
    byId('viewer-next').disabled = at < 0 || at + 1 >= this.#hits.length;
    byId('viewer-original').href = api.fileAddress(image);
    // A button that is switched off would take the focus out of the dialog with it.
    if (!this.#dialog.contains(document.activeElement) || document.activeElement.disabled) byId('viewer-close').focus();
  }

  #step(by) {
    const at = this.#hits.findIndex((hit) => hit.image === this.#shown);
    const next = at < 0 ? undefined : this.#hits[at + by];
    if (next) this.#on.move(next.image);
  }

  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowLeft') this.#step(-1);
    if (event.key === 'ArrowRight') this.#step(1);
  }

  #stepOnSwipe(stage) {
    let start = null;
    stage.addEventListener('pointerdown', (event) => (start = event.pointerType === 'touch' ? event.clientX : null));
    stage.addEventListener('pointercancel', () => (start = null));
    stage.addEventListener('pointerup', (event) => {
      if (start !== null && Math.abs(event.clientX - start) > SWIPE) this.#step(event.clientX < start ? 1 : -1);
      start = null;
    });
  }
}

function factsOf(about) {
  const { path, paths = [], taken, camera, width, height, position } = about;
  const mark = standing(about);
  const others = paths.filter((other) => other !== path);
  return [
    path && fact('Path', copyable(path, 'Copy the path')),
    others.length > 0 && fact(others.length === 1 ? 'The same picture also at' : 'The same picture also at these paths', ...others.map((other) => copyable(other, 'Copy this path'))),
    ...(mark ? marks(about, mark) : []),
    taken && fact('Taken', format.moment(taken)),
    camera && fact('Camera', camera),
    width && fact('Size', [format.dimensions(width, height), fileSize(about)].filter(Boolean).join(' · ')),
    position && fact('Position', copyable(format.position(position), 'Copy the position')),
  ].filter(Boolean);
}

// What the hit is worth; where a probability stands, the score that it came from follows.
function marks(about, mark) {
  if (about.confidence === null) return [fact(mark.label, mark.value, element('small', {}, mark.hint))];
  const raw = similarity(about);
  return [
    fact(mark.label, mark.value, element('small', {}, mark.hint), reportLink()),
    fact(raw.label, raw.value, element('small', {}, raw.hint)),
  ];
}

const questionOf = ({ text }) => (text ? `Does it match “${text}”?` : 'Is it like the picture searched by?');
const fileSize = ({ format: kind, bytes }) => bytes && `${kind?.toUpperCase() ?? ''} ${format.bytes(bytes)}`.trim();
const fact = (term, ...details) => element('div', {}, element('dt', {}, term), element('dd', {}, ...details));
const copyable = (text, label) => element('div', { class: 'fact-line' }, element('span', {}, text), copyButton(text, label));
