// How the library stands: the line at the bottom, and what the start view offers.

import * as api from './api.js';
import { commandLine } from './clipboard.js';
import { byId, element } from './dom.js';
import * as format from './format.js';
import { EMPTY, toAddress } from './query.js';

const FULL_MODEL = 'openai/clip-vit-base-patch32';

// What the bundled gallery shows, what the built-in model knows, and things of anybody's life for the models that know them.
const GALLERY_SUGGESTIONS = ['a sailboat at sunset', 'red bicycle in the snow', 'three penguins', 'a cat and a dog', 'hot air balloon'];
const BUILTIN_SUGGESTIONS = ['red apple', 'bananas', 'a white shirt', 'a sunflower', 'a grand piano', 'mushrooms'];
const GALLERY_IN_CHINESE = ['红色的公共汽车', '夜晚的灯塔', '蝴蝶'];
const BUILTIN_IN_CHINESE = ['苹果', '向日葵', '蘑菇'];
const SUGGESTIONS = ['sunset over the sea', 'people laughing', 'a dog in the snow', 'food on a table', 'handwriting', 'a narrow street'];
const SAMPLES = 5;
const SAMPLE_SIZE = 4;

const isDemo = (status) => status.sources.length === 1 && format.fileName(status.sources[0]) === 'gallery';
const isBuiltin = (status) => /^built-?in\b/i.test(status.model);

/** The line at the bottom of the page. */
export function showStatus(status) {
  const counts = `${format.pictures(status.images)} · ${isBuiltin(status) ? 'built-in model' : modelName(status.model)}`;
  const parts = [element('span', {}, counts)];
  if (status.switch) {
    const { model, done, total } = status.switch;
    parts.push(element('span', {}, `Switching to ${modelName(model)}: ${done} of ${total}`));
  } else if (isBuiltin(status)) {
    // The demo's library goes with the demo.
    const [step, command] = isDemo(status) ? ['Index with', `eidetic index ~/Pictures --model ${FULL_MODEL}`] : ['Switch to', `eidetic space switch ${FULL_MODEL}`];
    const hint = `It knows everyday objects and simple scenes, in English and Chinese. ${step} a full CLIP model for everything else:`;
    parts.push(element('span', {}, hint), commandLine(command));
  }
  byId('status').replaceChildren(...parts);
}

/** The line at the bottom while the server does not answer. */
export function showUnreachable() {
  byId('status').replaceChildren('The server does not answer.');
}

/** Suggestions as links, and how much there is to search. */
export function showStart(status, onChoose) {
  byId('start-note').textContent = `${format.pictures(status.images)} on this machine. Type words, or drop, paste or pick a picture.`;
  byId('suggestions').replaceChildren(...suggestionsFor(status).map((text) => suggestion(text, onChoose)));
}

/** A few pictures of the library: the best hits for some of the suggestions, each picture once, in turn. */
export async function samplePictures(status, signal) {
  const texts = suggestionsFor(status).slice(0, SAMPLES);
  const answers = await Promise.all(texts.map((text) => api.search({ ...EMPTY, text }, SAMPLE_SIZE, signal)));
  const inTurn = Array.from({ length: SAMPLE_SIZE }, (_, rank) => answers.map(({ hits }) => hits[rank])).flat();
  return [...new Map(inTurn.filter(Boolean).map((hit) => [hit.image, hit])).values()];
}

function suggestionsFor(status) {
  if (!isBuiltin(status)) return SUGGESTIONS;
  const [english, chinese] = isDemo(status) ? [GALLERY_SUGGESTIONS, GALLERY_IN_CHINESE] : [BUILTIN_SUGGESTIONS, BUILTIN_IN_CHINESE];
  // Whoever does not read Chinese may lack the font too.
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

// A model in a directory is named by the directory, one of the hub by its id.
const modelName = (model) => (model.startsWith('/') ? format.fileName(model) : model);
