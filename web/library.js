// The status line at the bottom of the page, and the suggestions of the start view.

import * as api from './api.js';
import { commandLine } from './clipboard.js';
import { byId, element } from './dom.js';
import * as format from './format.js';
import { EMPTY, toAddress } from './query.js';

const FULL_MODEL = 'default';

// Suggestions for the bundled gallery, for the classes of the built-in model, and for full models.
const GALLERY_SUGGESTIONS = ['a sailboat at sunset', 'red bicycle in the snow', 'three penguins', 'a cat and a dog', 'hot air balloon'];
const BUILTIN_SUGGESTIONS = ['red apple', 'bananas', 'a white shirt', 'a sunflower', 'a grand piano', 'mushrooms'];
const GALLERY_SUGGESTIONS_ZH = ['红色的公共汽车', '夜晚的灯塔', '蝴蝶'];
const BUILTIN_SUGGESTIONS_ZH = ['苹果', '向日葵', '蘑菇'];
const SUGGESTIONS = ['sunset over the sea', 'people laughing', 'a dog in the snow', 'food on a table', 'handwriting', 'a narrow street'];
const SAMPLE_QUERIES = 5;
const HITS_PER_QUERY = 4;

const isDemo = (status) => status.sources.length === 1 && format.fileName(status.sources[0].path) === 'gallery';
const isBuiltin = (status) => /^built-?in\b/i.test(status.model);

/** Shows the status line. */
export function showStatus(status) {
  const counts = `${format.pictures(status.images)} · ${isBuiltin(status) ? 'built-in model' : modelName(status.model)}`;
  const parts = [element('span', {}, counts)];
  if (status.switch) {
    const { model, done, total } = status.switch;
    parts.push(element('span', {}, `Switching to ${modelName(model)}: ${done} of ${total}`));
  } else if (isBuiltin(status)) {
    // The demo's library is temporary, so a switch would be lost.
    const [step, command] = isDemo(status) ? ['Index with', `eidetic index ~/Pictures --model ${FULL_MODEL}`] : ['Switch to', `eidetic space switch ${FULL_MODEL}`];
    const hint = `It recognizes everyday objects and simple scenes, in English and Chinese. ${step} a full model for everything else:`;
    parts.push(element('span', {}, hint), commandLine(command));
  }
  byId('status').replaceChildren(...parts);
}

/** Shows in the status line that there is no status. */
export function showUnreachable(error) {
  byId('status').replaceChildren(error.isLocked ? '' : 'The server does not respond.');
}

/** Shows the suggestions as links, and the number of images. */
export function showStart(status, onChoose) {
  byId('start-note').textContent = `${format.pictures(status.images)} on this machine. Type words, or drop, paste or pick a picture.`;
  byId('suggestions').replaceChildren(...suggestionsFor(status).map((text) => suggestion(text, onChoose)));
}

/** Distinct best hits of the first suggestions, interleaved. */
export async function sampleHits(status, signal) {
  const texts = suggestionsFor(status).slice(0, SAMPLE_QUERIES);
  const answers = await Promise.all(texts.map((text) => api.search({ ...EMPTY, text }, HITS_PER_QUERY, signal)));
  const interleaved = Array.from({ length: HITS_PER_QUERY }, (_, rank) => answers.map(({ hits }) => hits[rank])).flat();
  return [...new Map(interleaved.filter(Boolean).map((hit) => [hit.image, hit])).values()];
}

function suggestionsFor(status) {
  if (!isBuiltin(status)) return SUGGESTIONS;
  const [english, chinese] = isDemo(status) ? [GALLERY_SUGGESTIONS, GALLERY_SUGGESTIONS_ZH] : [BUILTIN_SUGGESTIONS, BUILTIN_SUGGESTIONS_ZH];
  // Systems of other languages may have no Chinese font.
  return navigator.languages.some((language) => language.startsWith('zh')) ? [...english, ...chinese] : english;
}

function suggestion(text, onChoose) {
  const query = { ...EMPTY, text };
  const choose = (event) => {
    event.preventDefault();
    onChoose(query);
  };
  return element('li', {}, element('a', { class: 'suggestion', href: toAddress(query), click: choose }, text));
}

// The directory's name for a local model, the id for a model of the hub.
const modelName = (model) => (model.startsWith('/') ? format.fileName(model) : model);
