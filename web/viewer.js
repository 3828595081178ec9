// The dialog with one image at full size and its details. app.js opens and closes it by way of the page's address.

import * as api from './api.js';
import { copyButton } from './clipboard.js';
import { badge, reportLink, similarity } from './confidence.js';
import { byId, element } from './dom.js';
import { thumbs } from './feedback.js';
import * as format from './format.js';
import { subjectOf } from './query.js';

const MIN_SWIPE = 48;

export class Viewer {
  #dialog = byId('viewer');
  #hits = [];
  #query;
  #shown = null;
  #records = new Map();
  #loading = new AbortController();
  #on;

  /** `on`: close(), move(image), similar(image), match(image). */
  constructor(on) {
    this.#on = on;
    this.#dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      on.close();
    });
    // Browsers close a dialog on a second Escape without a cancelable event.
    this.#dialog.addEventListener('close', () => this.#shown && on.close());
    document.addEventListener('keydown', (event) => this.#dialog.open && this.#onKey(event));
    byId('viewer-close').addEventListener('click', on.close);
    byId('viewer-previous').addEventListener('click', () => this.#step(-1));
    byId('viewer-next').addEventListener('click', () => this.#step(1));
    byId('viewer-similar').addEventListener('click', () => on.similar(this.#shown));
    byId('viewer-match').addEventListener('click', () => on.match(this.#shown));
    this.#stepOnSwipe(byId('viewer-stage'));
  }

  /** The image being shown, or null. */
  get shown() {
    return this.#shown;
  }

  /** Shows `image`. `hits` of `query` are its neighbors for previous and next; they need not contain it. */
  show(image, hits, query) {
    this.#hits = hits;
    this.#query = query;
    this.#shown = image;
    this.#loading.abort();
    this.#loading = new AbortController();
    if (!this.#dialog.open) this.#dialog.showModal();
    const hit = hits.find((hit) => hit.image === image);
    this.#showDetails({ image, score: null, confidence: null, ...hit, ...this.#records.get(image) });
    this.#showFeedback(hit);
    this.#setButtons(image);
    byId('viewer-details').scrollTop = 0;
    this.#loadRecord(image, hit, this.#loading.signal);
  }

  hide() {
    this.#loading.abort();
    this.#shown = null;
    this.#endVideo();
    if (this.#dialog.open) this.#dialog.close();
  }

  async #loadRecord(image, hit, signal) {
    if (this.#records.has(image)) return;
    try {
      this.#records.set(image, await api.image(image, signal));
      if (signal.aborted) return;
      this.#showDetails({ score: null, confidence: null, ...hit, ...this.#records.get(image) });
    } catch (error) {
      if (error.name !== 'AbortError' && !hit) this.#fail(error);
    }
  }

  #showDetails(about) {
    byId('viewer-name').textContent = about.path ? format.visible(format.pictureName(about.path)) : '';
    byId('viewer-facts').replaceChildren(...factsOf(about));
    if (about.width) this.#showImage(about);
  }

  // Only for hits of a search.
  #showFeedback(hit) {
    const buttons = hit ? thumbs(this.#query, hit.image) : null;
    byId('viewer-feedback').hidden = buttons === null;
    byId('viewer-thumbs').replaceChildren(...(buttons ? [buttons] : []));
    if (buttons) byId('viewer-question').textContent = questionOf(subjectOf(this.#query));
  }

  #showImage({ image, path, width, height, part }) {
    const img = byId('viewer-image');
    if (img.dataset.image === image) return;
    img.dataset.image = image;
    img.alt = format.visible(format.pictureName(path));
    img.hidden = false;
    byId('viewer-failure').hidden = true;
    img.style.setProperty('--ratio', width / height);
    img.style.setProperty('--natural', width);
    img.src = api.thumbnailAddress(image);
    this.#endVideo();
    if (part?.second === undefined) this.#loadOriginal(img, image);
    else this.#showVideo(img, image, part.second);
  }

  // The video takes the place of the frame as soon as the browser has it; a browser that cannot play it shows the frame.
  #showVideo(img, image, second) {
    const video = byId('viewer-video');
    video.style.cssText = img.style.cssText;
    video.setAttribute('aria-label', img.alt);
    video.onloadedmetadata = () => {
      video.hidden = false;
      img.hidden = true;
    };
    video.onerror = () => this.#shown === image && this.#loadOriginal(img, image);
    video.src = `${api.videoAddress(image)}#t=${second}`;
  }

  #endVideo() {
    const video = byId('viewer-video');
    video.onloadedmetadata = null;
    video.onerror = null;
    video.pause();
    video.hidden = true;
    if (!video.hasAttribute('src')) return;
    video.removeAttribute('src');
    video.load();
  }

  // Replaces the thumbnail once the original is decoded.
  async #loadOriginal(img, image) {
    const original = new Image();
    original.src = api.viewAddress(image);
    const isLoaded = await original.decode().then(() => true, () => false);
    if (img.dataset.image !== image) return;
    if (isLoaded) img.src = original.src;
    byId('viewer-failure').hidden = isLoaded;
  }

  #fail(error) {
    const img = byId('viewer-image');
    img.hidden = true;
    delete img.dataset.image;
    byId('viewer-name').textContent = 'No such picture';
    byId('viewer-failure').textContent = error.detail || error.title;
    byId('viewer-failure').hidden = false;
  }

  #setButtons(image) {
    const at = this.#hits.findIndex((hit) => hit.image === image);
    byId('viewer-previous').disabled = at <= 0;
    byId('viewer-next').disabled = at < 0 || at + 1 >= this.#hits.length;
    byId('viewer-original').href = api.fileAddress(image);
    // Disabling the focused button would move the focus out of the dialog.
    if (!this.#dialog.contains(document.activeElement) || document.activeElement.disabled) byId('viewer-close').focus();
  }

  #step(by) {
    const at = this.#hits.findIndex((hit) => hit.image === this.#shown);
    const next = at < 0 ? undefined : this.#hits[at + by];
    if (next) this.#on.move(next.image);
  }

  #onKey(event) {
    // Within a video the arrows seek.
    if (event.altKey || event.ctrlKey || event.metaKey || event.target === byId('viewer-video')) return;
    if (event.key === 'ArrowLeft') this.#step(-1);
    if (event.key === 'ArrowRight') this.#step(1);
  }

  #stepOnSwipe(stage) {
    let start = null;
    stage.addEventListener('pointerdown', (event) => (start = event.pointerType === 'touch' ? event.clientX : null));
    stage.addEventListener('pointercancel', () => (start = null));
    stage.addEventListener('pointerup', (event) => {
      if (start !== null && Math.abs(event.clientX - start) > MIN_SWIPE) this.#step(event.clientX < start ? 1 : -1);
      start = null;
    });
  }
}

function factsOf(about) {
  const { path, paths = [], stack = [], taken, width, height, position, copies = 1 } = about;
  const hitBadge = badge(about);
  const others = paths.filter((other) => other !== path);
  return [
    path && fact('Path', copyable(path, 'Copy the path')),
    others.length > 0 && fact(others.length === 1 ? 'Other path' : 'Other paths', ...others.map((other) => copyable(other, 'Copy this path'))),
    stack.length > 0 && fact('Same shot', ...stack.map((other) => copyable(other, 'Copy this path'))),
    copies > 1 && fact('Look the same', format.pictures(copies)),
    ...(hitBadge ? scoreFacts(about, hitBadge) : []),
    ...textFacts(about),
    taken && fact('Taken', format.moment(taken), ...(about.taken_source === 'file_time' ? [element('small', {}, 'The time of the file, which copying may change.')] : [])),
    ...exposureFacts(about),
    about.damage && fact('Damaged', format.visible(about.damage)),
    width && fact('Size', [format.dimensions(width, height), fileSize(about)].filter(Boolean).join(' · ')),
    placeOf(about) && fact('Place', format.visible(placeOf(about))),
    position && fact('Position', copyable(format.position(position), 'Copy the position')),
    about.copyright && fact('Copyright', format.visible(about.copyright)),
  ].filter(Boolean);
}

// What people wrote about the picture.
function textFacts({ title, description, keywords = [], people = [], rating, label, creators = [] }) {
  return [
    title && fact('Title', format.visible(title)),
    description && fact('Caption', format.visible(description.replace(/\s+/g, ' '))),
    people.length > 0 && fact('People', format.visible(people.join(', '))),
    keywords.length > 0 && fact('Keywords', format.visible(keywords.join(', '))),
    typeof rating === 'number' && fact('Rating', format.rating(rating)),
    label && fact('Label', format.visible(label)),
    creators.length > 0 && fact(creators.length === 1 ? 'Creator' : 'Creators', format.visible(creators.join(', '))),
  ].filter(Boolean);
}

function exposureFacts(about) {
  const exposure = format.exposure(about);
  return [
    about.camera && fact('Camera', format.visible(about.camera)),
    about.lens && fact('Lens', format.visible(about.lens)),
    exposure && fact('Exposure', exposure),
  ].filter(Boolean);
}

const placeOf = ({ place }) => place && [place.sublocation, place.city, place.state, place.country].filter(Boolean).join(', ');

// The similarity to the query picture or the confidence, followed by the raw score, or the score alone.
function scoreFacts(about, { label, value, hint, share }) {
  const raw = similarity(about);
  if (share !== undefined) return [fact(label, value, element('small', {}, hint)), fact('Score', raw.value, element('small', {}, raw.hint))];
  if (about.confidence === null) return [fact(label, value, element('small', {}, hint))];
  return [
    fact(label, value, element('small', {}, hint), reportLink()),
    fact(raw.label, raw.value, element('small', {}, raw.hint)),
  ];
}

const questionOf = ({ text }) => (text ? `Does it match “${text}”?` : 'Is it similar to the query picture?');
const fileSize = ({ format: kind, bytes }) => bytes && `${kind?.toUpperCase() ?? ''} ${format.bytes(bytes)}`.trim();
const fact = (term, ...details) => element('div', {}, element('dt', {}, term), element('dd', {}, ...details));
const copyable = (text, label) => element('div', { class: 'fact-line' }, element('span', {}, format.visible(text)), copyButton(text, label));
