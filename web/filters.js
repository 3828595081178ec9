// Filters by folder and date: the popover, and the labels of active filters.

import { byId, element } from './dom.js';
import { day, fileName, folderOf, visible } from './format.js';
import { EMPTY } from './query.js';

const MAX_FOLDERS = 40;
const GAP = 8;

/** The label of each filter of `query`, with its folder if it is one by folder. */
export function filterLabels({ folders, from, to }) {
  const labels = folders.map((folder) => ({ label: visible(fileName(folder)), folder }));
  if (from && to) labels.push({ label: from === to ? day(from) : `${day(from)} – ${day(to)}` });
  else if (from) labels.push({ label: `from ${day(from)}` });
  else if (to) labels.push({ label: `until ${day(to)}` });
  return labels;
}

export class Filters {
  #popover = byId('filters');
  #query = EMPTY;
  #sources = [];
  #hitFolders = new Set();
  #onChange;

  /** `onChange(query)` is called on every change. */
  constructor(onChange) {
    this.#onChange = onChange;
    this.#popover.addEventListener('beforetoggle', (event) => event.newState === 'open' && this.#fill());
    this.#popover.addEventListener('toggle', (event) => event.newState === 'open' && this.#place());
    window.addEventListener('resize', () => this.#place());
    byId('filters-form').addEventListener('change', () => this.#report());
    byId('filters-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#popover.hidePopover();
    });
    byId('filters-form').addEventListener('reset', (event) => {
      event.preventDefault();
      this.#change({ folders: [], from: '', to: '' });
      this.#fill();
    });
  }

  show(query) {
    this.#query = query;
  }

  /** Sets the folders that the library indexes. */
  setSources(sources) {
    this.#sources = sources;
  }

  /** Adds the folders of these hits to the list. */
  remember(hits) {
    hits.flatMap(nameablePaths).forEach((path) => this.#hitFolders.add(folderOf(path)));
  }

  #fill() {
    byId('folder-list').replaceChildren(...this.#listedFolders().map((folder) => this.#folderLine(folder)));
    byId('folder-other').value = '';
    byId('taken-from').value = this.#query.from;
    byId('taken-to').value = this.#query.to;
  }

  #listedFolders() {
    const chosen = this.#query.folders;
    const known = [...this.#hitFolders].sort().filter((folder) => !chosen.includes(folder) && !this.#sources.includes(folder));
    const sources = this.#sources.filter((folder) => !chosen.includes(folder));
    return [...chosen, ...sources, ...known].slice(0, Math.max(MAX_FOLDERS, chosen.length));
  }

  #folderLine(folder) {
    const box = element('input', { type: 'checkbox', value: folder, name: 'folder' });
    box.checked = this.#query.folders.includes(folder);
    return element('label', { class: 'folder', title: visible(folder) }, box, element('span', {}, visible(this.#labelOf(folder))));
  }

  // Folders within a source are shown relative to it.
  #labelOf(folder) {
    const source = this.#sources.find((source) => folder.startsWith(`${source}/`));
    return source ? `${fileName(source)}${folder.slice(source.length)}` : folder;
  }

  #report() {
    const boxes = [...byId('folder-list').querySelectorAll('input:checked')].map((box) => box.value);
    const other = byId('folder-other').checkValidity() ? byId('folder-other').value.trim().replace(/(.)[/\\]+$/, '$1') : '';
    const folders = other ? [...new Set([...boxes, other])] : boxes;
    this.#change({ folders, from: validDay('taken-from'), to: validDay('taken-to') });
    if (other) this.#fill();
  }

  #change(parts) {
    this.#query = { ...this.#query, ...parts };
    this.#onChange(this.#query);
  }

  // Below its button; on phones the style sheet places it at the bottom.
  #place() {
    const button = byId('filters-button').getBoundingClientRect();
    const isSheet = matchMedia('(max-width: 640px)').matches;
    this.#popover.style.top = isSheet ? '' : `${button.bottom + GAP}px`;
    this.#popover.style.right = isSheet ? '' : `${Math.max(GAP, document.documentElement.clientWidth - button.right)}px`;
  }
}

const validDay = (id) => (byId(id).checkValidity() ? byId(id).value : '');

// A path that is not UTF-8 cannot be sent as a filter.
const nameablePaths = ({ paths, paths_bytes: bytes }) => paths.filter((_, index) => !bytes?.[index]);
