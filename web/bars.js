// Results of the Match view as horizontal bars: length is the confidence of a text, color its level.

import { similarity } from './confidence.js';
import { element } from './dom.js';
import * as format from './format.js';

const SCORE_HINT = 'Cosine similarity, and its position in the model’s range of scores, from 0 to 1';
// The views of a match, by their names in its breakdown.
const VIEWS = [
  ['direct', 'text to picture', 'How well the text describes the picture: its confidence, where it has one'],
  ['reverse', 'picture to text', 'How well the picture fits the text: by the model, or compared with the other pictures of the library'],
  ['keywords', 'words', 'Share of the text’s words that the tags, captions and names of the picture have'],
  ['fused', 'together', 'Weighted mean of the parts that are known'],
];

/** One list item for each result of POST /v1/match. */
export const bars = (results) => results.map(bar);

function bar({ text, score, normalized, confidence, level, unknown_words: unknown = [], breakdown }) {
  const fill = element('span', { class: 'bar-fill' });
  // Without a confidence the bar stays empty: a score is not a share.
  fill.style.setProperty('--share', confidence ?? 0);
  const { label, value } = similarity({ score });
  const share = confidence === null ? 'unknown' : format.percent(confidence);
  return element(
    'li',
    { class: 'bar', 'data-level': level },
    element('span', { class: 'bar-text' }, text),
    element('span', { class: 'bar-share', title: `${label} ${value}` }, share),
    element('span', { class: 'bar-level' }, level),
    element('span', { class: 'bar-track', 'aria-hidden': 'true' }, fill),
    unknown.length > 0 ? element('span', { class: 'bar-note' }, unknownNote(unknown, confidence)) : null,
    element('span', { class: 'bar-score', title: SCORE_HINT }, `score ${format.precise(score)} · normalized ${format.precise(normalized)}`),
    breakdown ? element('dl', { class: 'bar-views' }, ...VIEWS.map((view) => viewOf(breakdown, ...view))) : null,
  );
}

function unknownNote(words, confidence) {
  const unknown = `The model does not know ${format.quoted(words)}`;
  if (confidence === null) return `${unknown}, so there is no confidence.`;
  return `${unknown}: the text was compared without ${words.length === 1 ? 'it' : 'them'}, and its level is low at most.`;
}

function viewOf(breakdown, name, label, hint) {
  const share = breakdown[name] ?? null;
  const fill = element('span', { class: 'bar-view-fill' });
  fill.style.setProperty('--share', share ?? 0);
  const value = element('dd', {}, share === null ? 'unknown' : format.percent(share), element('span', { class: 'bar-view-track', 'aria-hidden': 'true' }, fill));
  return element('div', { class: 'bar-view', title: hint, 'data-view': name, 'data-unknown': share === null }, element('dt', {}, label), value);
}
