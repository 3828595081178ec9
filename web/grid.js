// The hits of an answer as tiles in justified rows. CSS makes the rows; this file makes tiles and moves the focus.

import { thumbnailAddress } from './api.js';
import { badge } from './confidence.js';
import { element, icon } from './dom.js';
import { thumbs } from './feedback.js';
import * as format from './format.js';
import { EMPTY, subjectOf } from './query.js';

// Aspect ratios beyond these limits are cropped in the grid, so that panoramas do not break the rows.
const MIN_RATIO = 0.5;
const MAX_RATIO = 2.6;

export class Grid {
  #list;
  #tiles = new Map();

  /** Fills `list`; `onOpen(image)` is called when a tile is activated. */
  constructor(list, onOpen) {
    this.#list = list;
    list.addEventListener('click', (event) => {
      const tile = event.target.closest('a[data-image]');
      if (!tile || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      onOpen(tile.dataset.image);
    });
    list.addEventListener('keydown', (event) => this.#moveFocus(event));
  }

  /** Shows exactly these hits of `query`. Unchanged tiles are reused, so that showing more does not flicker. */
  show(hits, query) {
    const previous = this.#tiles;
    this.#tiles = new Map(hits.map((hit) => [hit.image, this.#tileFor(hit, query, previous.get(hit.image))]));
    this.#list.replaceChildren(...[...this.#tiles.values()].map(({ node }) => node));
  }

  /** Shows placeholder tiles until the first answer. */
  showSkeleton() {
    this.#tiles = new Map();
    const ratios = [1.5, 0.75, 1.33, 1, 1.78, 1.5, 0.67, 1.33, 1, 1.5, 1.33, 0.75];
    this.#list.replaceChildren(...ratios.map(skeletonTile));
  }

  clear() {
    this.show([], EMPTY);
  }

  /** Focuses the tile of an image, if there is one. */
  focus(image) {
    this.#tiles.get(image)?.node.querySelector('a').focus();
  }

  focusFirst() {
    this.#list.querySelector('a')?.focus();
  }

  #tileFor(hit, query, previous) {
    const content = JSON.stringify([hit.score, hit.confidence, hit.similarity, hit.copies, subjectOf(query)]);
    return previous?.content === content ? previous : { node: makeTile(hit, query), content };
  }

  #moveFocus(event) {
    const tiles = [...this.#list.querySelectorAll('a')];
    const from = tiles.indexOf(document.activeElement);
    const to = from < 0 ? -1 : neighbor(tiles, from, event.key);
    if (to < 0) return;
    event.preventDefault();
    tiles[to].focus();
  }
}

function makeTile(hit, query) {
  const name = format.visible(format.pictureName(hit.path));
  const hitBadge = badge(hit);
  const link = element(
    'a',
    { href: `#${hit.image}`, 'data-image': hit.image, title: format.visible(hit.path), draggable: 'true' },
    element('span', { class: 'frame' }, thumbnail(hit, name), hit.part?.second === undefined ? null : icon('play')),
    element('span', { class: 'caption' }, element('span', { class: 'name', 'aria-hidden': 'true' }, name), hit.copies > 1 ? copiesElement(hit.copies) : null, hitBadge && badgeElement(hitBadge)),
  );
  return withRatio(element('li', { class: 'tile' }, link, thumbs(query, hit.image)), hit.width / hit.height);
}

function badgeElement({ label, value, hint, share }) {
  const name = element('span', { class: 'visually-hidden' }, `${label} `);
  if (share === undefined) return element('span', { class: 'score', title: hint }, name, value);
  const bar = element('span', { class: 'similarity', title: `${value}. ${hint}` }, name, element('span', { class: 'visually-hidden' }, value));
  bar.style.setProperty('--share', share);
  return bar;
}

function copiesElement(count) {
  const hint = `${format.pictures(count)} that look the same`;
  return element('span', { class: 'copies', title: hint }, element('span', { class: 'visually-hidden' }, `${hint} `), element('span', { 'aria-hidden': 'true' }, `×${format.count(count)}`));
}

function thumbnail({ image, width, height }, name) {
  const img = element('img', { alt: name, width, height, loading: 'lazy', decoding: 'async', class: 'is-pending' });
  img.addEventListener('load', () => img.classList.remove('is-pending'), { once: true });
  img.addEventListener('error', () => img.replaceWith(icon('image')), { once: true });
  img.src = thumbnailAddress(image);
  return img;
}

function skeletonTile(ratio) {
  const parts = [element('span', { class: 'frame' }), element('span', { class: 'caption' }, '·')];
  return withRatio(element('li', { class: 'tile is-skeleton', 'aria-hidden': 'true' }, ...parts), ratio);
}

function withRatio(tile, ratio) {
  const clamped = Number.isFinite(ratio) ? Math.min(MAX_RATIO, Math.max(MIN_RATIO, ratio)) : 1;
  tile.style.setProperty('--ratio', clamped.toFixed(4));
  return tile;
}

/** The index of the tile that a key moves to, or -1. */
function neighbor(tiles, from, key) {
  if (key === 'ArrowRight') return from + 1 < tiles.length ? from + 1 : -1;
  if (key === 'ArrowLeft') return from - 1;
  if (key === 'Home') return 0;
  if (key === 'End') return tiles.length - 1;
  if (key === 'ArrowDown') return nearestInRow(tiles, from, 1);
  if (key === 'ArrowUp') return nearestInRow(tiles, from, -1);
  return -1;
}

/** The index of the tile in the next row of `direction` whose center is closest to that of tile `from`, or -1. */
function nearestInRow(tiles, from, direction) {
  const boxes = tiles.map((tile) => tile.getBoundingClientRect());
  const center = (box) => box.left + box.width / 2;
  const top = boxes[from].top;
  let at = from;
  while (boxes[at] && Math.abs(boxes[at].top - top) < 2) at += direction;
  if (!boxes[at]) return -1;
  const row = boxes.flatMap((box, index) => (Math.abs(box.top - boxes[at].top) < 2 ? [index] : []));
  const distance = (index) => Math.abs(center(boxes[index]) - center(boxes[from]));
  return row.reduce((best, index) => (distance(index) < distance(best) ? index : best));
}
