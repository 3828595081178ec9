// The pictures of a screening with their findings: filtered by level, in pages, and answered by buttons or keys.

import * as api from './api.js';
import { byId, element, icon } from './dom.js';
import * as format from './format.js';

// Thousands of findings stay quick, since only one page of them is in the document.
const PICTURES_PER_PAGE = 50;

export class ReviewList {
  #report = null;
  #levels = [];
  #answers;
  #level = null;
  #isOpenOnly = false;
  // Those of all pages. An answer does not remove its picture from them, so that it can be changed.
  #pictures = [];
  #page = 0;

  /** `answers`: the ReviewAnswers to show and to give. */
  constructor(answers) {
    this.#answers = answers;
    byId('review-levels').addEventListener('click', (event) => this.#onFilter(event.target.closest('button')));
    byId('review-pictures').addEventListener('click', (event) => this.#onClick(event.target.closest('.review-answer')));
    byId('review-pictures').addEventListener('error', ({ target }) => target.replaceWith(missingImage()), { capture: true });
    byId('review-previous').addEventListener('click', () => this.#turn(-1));
    byId('review-next').addEventListener('click', () => this.#turn(1));
    document.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** Shows the pictures of a report; `levels` are the profile's, the strictest first. */
  show(report, levels) {
    this.#report = report;
    this.#levels = levels;
    this.#level = null;
    this.#isOpenOnly = false;
    this.#showFilters();
    this.#filter();
    byId('review-keys').hidden = report.pictures.length === 0;
  }

  clear() {
    this.#report = null;
    ['review-levels', 'review-pictures'].forEach((id) => byId(id).replaceChildren());
    ['review-keys', 'review-pages'].forEach((id) => (byId(id).hidden = true));
    byId('review-answered').textContent = '';
  }

  /** Shows a changed answer. */
  showAnswer(image, text) {
    if (!this.#report) return;
    const rows = [...byId('review-pictures').querySelectorAll('.finding')];
    rows.filter(({ dataset }) => dataset.image === image && dataset.text === text).forEach((row) => press(row, this.#answers.of(image, text)));
    this.#showAnswered();
  }

  #showFilters() {
    const { pictures } = this.#report;
    const all = new Set([...this.#levels, ...pictures.map(({ level }) => level)]);
    const found = [...all].filter((level) => pictures.some((picture) => picture.level === level));
    const count = (level) => format.count(pictures.filter((picture) => picture.level === level).length);
    const chips = found.length > 1 ? [chip('all', `All ${format.count(pictures.length)}`), ...found.map((level) => chip(`level:${level}`, `${level} ${count(level)}`))] : [];
    if (pictures.length > 0) chips.push(chip('open', 'Unanswered only'));
    byId('review-levels').replaceChildren(...chips);
  }

  #onFilter(button) {
    if (!button) return;
    const { filter } = button.dataset;
    if (filter === 'open') this.#isOpenOnly = !this.#isOpenOnly;
    else this.#level = filter === 'all' ? null : filter.slice('level:'.length);
    this.#filter();
  }

  #filter() {
    const isOpen = ({ image, findings }) => findings.some(({ text }) => this.#answers.of(image, text) === null);
    this.#pictures = this.#report.pictures.filter((picture) => (this.#level === null || picture.level === this.#level) && (!this.#isOpenOnly || isOpen(picture)));
    const pressed = new Set([this.#level === null ? 'all' : `level:${this.#level}`, ...(this.#isOpenOnly ? ['open'] : [])]);
    [...byId('review-levels').children].forEach((button) => button.setAttribute('aria-pressed', String(pressed.has(button.dataset.filter))));
    this.#showPage(0);
  }

  #showPage(page) {
    this.#page = page;
    const from = page * PICTURES_PER_PAGE;
    const shown = this.#pictures.slice(from, from + PICTURES_PER_PAGE);
    const nothing = this.#report.pictures.length > 0 ? [element('li', { class: 'review-nothing' }, 'All findings here are answered.')] : [];
    byId('review-pictures').replaceChildren(...(shown.length > 0 ? shown.map((picture) => this.#item(picture)) : nothing));
    byId('review-pages').hidden = this.#pictures.length <= PICTURES_PER_PAGE;
    byId('review-range').textContent = `${format.count(from + 1)}–${format.count(from + shown.length)} of ${format.pictures(this.#pictures.length)}`;
    byId('review-previous').disabled = page === 0;
    byId('review-next').disabled = from + PICTURES_PER_PAGE >= this.#pictures.length;
    this.#showAnswered();
  }

  #showAnswered() {
    const findings = this.#report.pictures.flatMap(({ image, findings }) => findings.map(({ text }) => this.#answers.of(image, text)));
    const answered = findings.filter((right) => right !== null).length;
    byId('review-answered').textContent = findings.length > 0 ? `${format.count(answered)} of ${format.count(findings.length)} findings answered` : '';
  }

  /** Shows the next or previous page and moves the focus to its first or last finding; false without such a page. */
  #turn(step) {
    const page = this.#page + step;
    if (page < 0 || page * PICTURES_PER_PAGE >= this.#pictures.length) return false;
    this.#showPage(page);
    const rows = byId('review-pictures').querySelectorAll('.finding');
    focusRow(rows[step > 0 ? 0 : rows.length - 1]);
    return true;
  }

  #item({ image, paths, findings }) {
    const name = format.visible(format.pictureName(paths[0] ?? image));
    const copies = paths.length > 1 ? ` and ${format.counted(paths.length - 1, 'more path')}` : '';
    const link = { class: 'reviewed-image', href: api.viewAddress(image), target: '_blank', rel: 'noopener', title: 'Open the picture in a new tab', 'aria-label': `Open ${name} in a new tab` };
    return element(
      'li',
      { class: 'reviewed' },
      element('a', link, element('img', { src: api.thumbnailAddress(image), alt: '', loading: 'lazy' })),
      element(
        'div',
        { class: 'reviewed-findings' },
        element('p', { class: 'reviewed-name', title: paths.map(format.visible).join('\n') }, name, copies),
        element('ul', {}, ...findings.map((finding) => this.#row(image, finding))),
      ),
    );
  }

  #row(image, { text, risk, confidence, verdict }) {
    const facts = `${confidence === null ? 'confidence unknown' : `${format.percent(confidence)} confidence`} · ${risk} risk`;
    const strictness = verdict.level === this.#levels[0] ? 'strictest' : 'lower';
    const row = element(
      'li',
      { class: 'finding', tabindex: '-1', 'aria-label': `${text}: ${verdict.level}, ${facts}`, 'data-image': image, 'data-text': text },
      element('p', { class: 'finding-text' }, element('span', { class: 'review-tag', 'data-strictness': strictness }, verdict.level), element('span', { class: 'finding-words' }, text)),
      element('p', { class: 'finding-facts', title: verdict.reason }, facts),
      element(
        'div',
        { class: 'finding-answers', role: 'group', 'aria-label': `Does the picture show ${text}?` },
        answerButton(true, 'check', 'Confirm', 'The picture shows it (C)', 'c'),
        answerButton(false, 'close', 'Dismiss', 'The picture does not show it (D)', 'd'),
      ),
    );
    press(row, this.#answers.of(image, text));
    return row;
  }

  #onClick(button) {
    if (!button) return;
    const { image, text } = button.closest('.finding').dataset;
    const right = button.dataset.right === 'true';
    // The same button again withdraws the answer.
    this.#answers.give(image, text, this.#answers.of(image, text) === right ? null : right);
  }

  #onKey(event) {
    const { key, target } = event;
    const isTyping = target.closest?.('input, select, textarea') !== null;
    if (byId('review-view').hidden || !this.#report || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    const row = document.activeElement.closest('.finding');
    const action = actionOf(key, row !== null);
    if (!action) return;
    event.preventDefault();
    if (action === 'open') row.closest('.reviewed').querySelector('.reviewed-image').click();
    else if (action === 'next' || action === 'previous') this.#move(row, action === 'next' ? 1 : -1);
    else {
      const right = { confirm: true, dismiss: false, withdraw: null }[action];
      if (this.#answers.of(row.dataset.image, row.dataset.text) !== right) this.#answers.give(row.dataset.image, row.dataset.text, right);
      if (right !== null) this.#move(row, 1);
    }
  }

  /** Moves the focus by one finding, across pages; without a focused one to the first in view. */
  #move(row, step) {
    const rows = [...byId('review-pictures').querySelectorAll('.finding')];
    if (!row) return focusRow(rows.find((each) => each.getBoundingClientRect().top > document.querySelector('.top').offsetHeight) ?? rows[0]);
    const next = rows[rows.indexOf(row) + step];
    return next ? focusRow(next) : this.#turn(step);
  }
}

// Arrow keys scroll until a finding has the focus.
function actionOf(key, hasRow) {
  const anywhere = { j: 'next', k: 'previous' }[key.toLowerCase()];
  if (anywhere || !hasRow) return anywhere;
  return { ArrowDown: 'next', ArrowUp: 'previous', c: 'confirm', d: 'dismiss', u: 'withdraw', o: 'open' }[key.length === 1 ? key.toLowerCase() : key];
}

function focusRow(row) {
  if (!row) return;
  row.focus({ preventScroll: true });
  const isFirst = row.previousElementSibling === null;
  (isFirst ? row.closest('.reviewed') : row).scrollIntoView({ block: 'nearest' });
}

function press(row, right) {
  row.dataset.answer = right === null ? '' : String(right);
  row.querySelectorAll('.review-answer').forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.right === String(right))));
}

const chip = (filter, label) => element('button', { type: 'button', class: 'review-level', 'data-filter': filter, 'aria-pressed': 'false' }, label);

const answerButton = (right, name, label, hint, key) =>
  element('button', { type: 'button', class: 'review-answer', title: hint, 'aria-keyshortcuts': key, 'data-right': String(right) }, icon(name), label);

const missingImage = () => element('span', { class: 'reviewed-missing' }, icon('image'));
