// Texts held against a picture, as horizontal bars: the longer and the stronger its colour, the more probable the text.

import { similarity } from './confidence.js';
import { element } from './dom.js';
import * as format from './format.js';

/** One list item a result of POST /v1/match. */
export const bars = (results) => results.map(bar);

function bar({ text, score, confidence, level }) {
  const fill = element('span', { class: 'bar-fill' });
  // Where no confidence is known the bar stays empty: a score is no share of anything.
  fill.style.setProperty('--share', confidence ?? 0);
  const mark = similarity({ score });
  const share = confidence === null ? 'not known' : format.percent(confidence);
  return element(
    'li',
    { class: 'bar', 'data-level': level },
    element('span', { class: 'bar-text' }, text),
    element('span', { class: 'bar-share', title: `${mark.label} ${mark.value}` }, share),
    element('span', { class: 'bar-level' }, level),
    element('span', { class: 'bar-track', 'aria-hidden': 'true' }, fill),
  );
}
