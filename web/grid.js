// The pictures of an answer in justified rows. The rows are CSS; this file makes the tiles and moves the focus between them.

import { thumbnailAddress } from './api.js';
import { standing } from './confidence.js';
import { element, icon } from './dom.js';
import { thumbs } from './feedback.js';
import * as format from './format.js';
import { EMPTY, subjectOf } from './query.js';

// Rows stay readable with panoramas and long strips among them: those are cropped to these limits in the grid.
const NARROWEST = 0.5;
const WIDEST = 2.6;

export class Grid {
  #list;
  #tiles = new Map();

  /** Fills `list`; `onOpen(image)` is called when a picture is chosen. */
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

  /** Shows these hits of `query` and no others. Tiles that are there already stay, so that showing more does not blink. */
  show(hits, query) {
    const kept = this.#tiles;
    this.#tiles = new Map(hits.map((hit) => [hit.image, this.#tileFor(hit, query, kept.get(hit.image))]));
    this.#list.replaceChildren(...[...this.#tiles.values()].map(({ node }) => node));
  }

  /** Grey tiles in the shape of a first answer, while it is not there yet. */
  showSkeleton() {
    this.#tiles = new Map();
    const ratios = [1.5, 0.75, 1.33, 1, 1.78, 1.5, 0.67, 1.33, 1, 1.5, 1.33, 0.75];
    this.#list.replaceChildren(...ratios.map(skeletonTile));
  }

  clear() {
    this.show([], EMPTY);
  }

  /** Puts the focus on an image's tile, if it is there. */
  focus(image) {
    this.#tiles.get(image)?.node.querySelector('a').focus();
  }

  focusFirst() {
    this.#list.querySelector('a')?.focus();
  }

  #tileFor(hit, query, known) {
    const content = JSON.stringify([hit.score, hit.confidence, subjectOf(query)]);
    return known?.content === content ? known : { node: makeTile(hit, query), content };
  }

  #moveFocus(event) {
    const tiles = [...this.#list.querySelectorAll('a')];
    const from = tiles.indexOf(document.activeElement);
    const to = from < 0 ? -1 : neighbour(tiles, from, event.key);
    if (to < 0) return;
    event.preventDefault();
    tiles[to].focus();
  }
}

function makeTile(hit, query) {
  const name = format.fileName(hit.path);
  const mark = standing(hit);
  const link = element(
    'a',
    { href: `#${hit.image}`, 'data-image': hit.image, title: hit.path, draggable: 'true' },
    element('span', { class: 'frame' }, thumbnail(hit, name)),
    element('span', { class: 'caption' }, element('span', { class: 'name', 'aria-hidden': 'true' }, name), mark && scoreOf(mark)),
  );
  return shaped(element('li', { class: 'tile' }, link, thumbs(query, hit.image)), hit.width / hit.height);
}

function scoreOf({ label, value, hint }) {
  return element('span', { class: 'score', title: hint }, element('span', { class: 'visually-hidden' }, `${label} `), value);
}

function thumbnail({ image, width, height }, name) {
  const picture = element('img', { alt: name, width, height, loading: 'lazy', decoding: 'async', class: 'is-pending' });
  picture.addEventListener('load', () => picture.classList.remove('is-pending'), { once: true });
  picture.addEventListener('error', () => picture.replaceWith(icon('picture')), { once: true });
  picture.src = thumbnailAddress(image);
  return picture;
}

function skeletonTile(ratio) {
  const parts = [element('span', { class: 'frame' }), element('span', { class: 'caption' }, '·')];
  return shaped(element('li', { class: 'tile is-skeleton', 'aria-hidden': 'true' }, ...parts), ratio);
}

function shaped(tile, ratio) {
  const within = Number.isFinite(ratio) ? Math.min(WIDEST, Math.max(NARROWEST, ratio)) : 1;
  tile.style.setProperty('--ratio', within.toFixed(4));
  return tile;
}

/** The tile that an arrow key leads to, or -1. */
function neighbour(tiles, from, key) {
  if (key === 'ArrowRight') return from + 1 < tiles.length ? from + 1 : -1;
  if (key === 'ArrowLeft') return from - 1;
  if (key === 'Home') return 0;
  if (key === 'End') return tiles.length - 1;
  if (key === 'ArrowDown') return nearestInRow(tiles, from, 1);
  if (key === 'ArrowUp') return nearestInRow(tiles, from, -1);
  return -1;
}

/** The tile of the next row in `direction` whose middle is closest to that of tile `from`, or -1. */
function nearestInRow(tiles, from, direction) {
  const boxes = tiles.map((tile) => tile.getBoundingClientRect());
  const middle = (box) => box.left + box.width / 2;
  const top = boxes[from].top;
  let at = from;
  while (boxes[at] && Math.abs(boxes[at].top - top) < 2) at += direction;
  if (!boxes[at]) return -1;
  const row = boxes.flatMap((box, index) => (Math.abs(box.top - boxes[at].top) < 2 ? [index] : []));
  const distance = (index) => Math.abs(middle(boxes[index]) - middle(boxes[from]));
  return row.reduce((best, index) => (distance(index) < distance(best) ? index : best));
}
