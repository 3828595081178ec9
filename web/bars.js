// Results of the Match view as horizontal bars: length is the confidence of a text, color its level.

import { similarity } from './confidence.js';
import { element } from './dom.js';
import * as format from './format.js';

/** One list item for each result of POST /v1/match. */
export const bars = (results) => results.map(bar);

function bar({ text, score, normalized, confidence, level, unknown_words: unknown = [] }) {
  const fill = element('span', { class: 'bar-fill' });
  // Without a confidence the bar stays empty: a score is not a share.
  fill.style.setProperty('--share', confidence ?? 0);
  const { label, value } = similarity({ score });
  const share = confidence === null ? 'unknown' : format.percent(confidence);
  const note = unknown.length > 0 ? `The model does not know ${format.quoted(unknown)}` : null;
  return element(
    'li',
    { class: 'bar', 'data-level': level },
    element('span', { class: 'bar-text', title: note }, text),
    element('span', { class: 'bar-share', title: `${label} ${value}` }, share),
    element('span', { class: 'bar-level' }, level),
    element('span', { class: 'bar-track', 'aria-hidden': 'true' }, fill),
    element('span', { class: 'bar-score' }, `score ${format.precise(score)} · ${format.precise(normalized)} of the model’s range`),
  );
}
