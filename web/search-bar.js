// The search field with its query image, and the line below it that refines a search.

import { thumbnailAddress } from './api.js';
import { byId, element, icon } from './dom.js';
import { EMPTY, filterCount, filtersOf, hasImage, isEmpty } from './query.js';
import { filterLabels } from './filters.js';
import { visible } from './format.js';
import * as uploads from './uploads.js';

// Long enough to finish a word, short enough to feel immediate.
const TYPING_DELAY = 250;

export class SearchBar {
  #query = EMPTY;
  #typing;
  #on;

  /** `on`: typed(query) while typing, submitted(query), down() to move to the hits. */
  constructor(on) {
    this.#on = on;
    byId('search').addEventListener('submit', (event) => {
      event.preventDefault();
      clearTimeout(this.#typing);
      on.submitted(this.#read());
    });
    ['text', 'negative', 'mix'].forEach((id) => byId(id).addEventListener('input', () => this.#onInput()));
    byId('text').addEventListener('keydown', (event) => this.#onKey(event));
    byId('clear').addEventListener('click', () => this.clear());
    byId('query-image-remove').addEventListener('click', () => this.#change({ like: null, upload: null }));
    byId('filter-chips').addEventListener('click', (event) => this.#removeFilter(event));
    document.addEventListener('keydown', (event) => this.#onSlash(event));
  }

  /** Shows `query`. Fields that have its values already are not touched, as that would move the cursor. */
  show(query) {
    clearTimeout(this.#typing);
    this.#query = query;
    setValue('text', query.text);
    setValue('negative', query.negative);
    setValue('mix', String(query.mix));
    this.#showImage();
    this.#showFilters();
    this.#showParts();
  }

  focus() {
    byId('text').focus();
    byId('text').select();
  }

  /** Clears text and image; filters and the minimum confidence stay. */
  clear() {
    const { minConfidence } = this.#query;
    byId('text').focus();
    clearTimeout(this.#typing);
    this.#on.submitted({ ...EMPTY, ...filtersOf(this.#query), minConfidence });
  }

  #read() {
    return { ...this.#query, text: byId('text').value, negative: byId('negative').value, mix: Number(byId('mix').value) };
  }

  #change(parts) {
    clearTimeout(this.#typing);
    byId('text').focus();
    this.#on.submitted({ ...this.#read(), ...parts });
  }

  #onInput() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#on.typed(this.#read()), TYPING_DELAY);
    this.#showParts();
  }

  #onKey(event) {
    if (event.key === 'Escape') {
      event.preventDefault();
      if (isEmpty(this.#read())) byId('text').blur();
      else this.clear();
    }
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      this.#on.down();
    }
  }

  #onSlash(event) {
    const isTyping = event.target.closest?.('input, textarea, dialog[open]');
    if (event.key !== '/' || isTyping || byId('search').hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.focus();
  }

  #showParts() {
    const query = this.#read();
    byId('clear').hidden = isEmpty(query);
    byId('refine').hidden = isEmpty(query) && filterCount(query) === 0;
    byId('mix-field').hidden = !(hasImage(query) && query.text.trim());
    byId('upload-note').hidden = query.upload === null;
    byId('text').placeholder = hasImage(query) ? 'Add words' : 'Describe a picture';
  }

  #showImage() {
    const { like, upload } = this.#query;
    const preview = byId('query-image-preview');
    byId('query-image').hidden = !hasImage(this.#query);
    if (!hasImage(this.#query)) return preview.removeAttribute('src');
    preview.alt = upload === null ? 'Picture of the library to search by' : `Added picture ${uploads.find(upload).file.name}`;
    preview.src = upload === null ? thumbnailAddress(like) : uploads.find(upload).address;
    return undefined;
  }

  #showFilters() {
    const total = filterCount(this.#query);
    byId('filters-count').hidden = total === 0;
    byId('filters-count').textContent = total;
    byId('filters-button').setAttribute('aria-label', total === 0 ? 'Filters' : `Filters, ${total} in use`);
    byId('filter-chips').replaceChildren(...filterLabels(this.#query).map(filterChip));
  }

  #removeFilter(event) {
    const chip = event.target.closest('button');
    if (!chip) return;
    const { folder } = chip.dataset;
    const folders = this.#query.folders.filter((known) => known !== folder);
    this.#change(folder === undefined ? { from: '', to: '' } : { folders });
  }
}

function filterChip({ label, folder }) {
  const kind = folder === undefined ? 'date' : 'folder';
  const attributes = { type: 'button', class: 'filter-chip', 'data-folder': folder, title: folder && visible(folder), 'aria-label': `Remove the filter ${label}` };
  return element('li', {}, element('button', attributes, icon(kind), element('span', {}, label), icon('close')));
}

// Setting a value moves the cursor to the end, so only a different value is set.
function setValue(id, value) {
  if (byId(id).value !== value && byId(id).value.trim() !== value) byId(id).value = value;
}
