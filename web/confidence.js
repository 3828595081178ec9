// Confidence and similarity of a hit as labels, and the link to the calibration report.

import { element, icon } from './dom.js';
import * as format from './format.js';

const SCORE_HINT = 'Cosine similarity to the query: 1 is closest, around 0 is unrelated. It ranks pictures; it is not a probability.';
const CONFIDENCE_HINT = 'Probability that the picture matches the query.';
const LEVEL_HINT = 'Similarity to the query picture, compared with how similar pictures of the library usually are.';
const LEVELS = {
  almost_identical: 'almost identical',
  very_similar: 'very similar',
  similar: 'similar',
  somewhat_similar: 'somewhat similar',
  different: 'different',
};

/** Whether a hit's confidence is at least `percent`; an unknown confidence meets only 0. */
export const meetsMinConfidence = (hit, percent) => percent === 0 || (hit.confidence !== null && hit.confidence >= percent / 100);

/** Label, value and hint for a hit, with `share` of a bar for one found by a picture: its similarity to the query
    picture or its confidence if known, otherwise its score; null for a hit without a score. */
export function badge(hit) {
  if (hit.score === null) return null;
  const level = LEVELS[hit.similarity_level];
  if (level) return { label: 'Similarity', value: level, hint: LEVEL_HINT, share: hit.similarity };
  if (hit.confidence === null) return similarity(hit);
  return { label: 'Confidence', value: format.percent(hit.confidence), hint: CONFIDENCE_HINT };
}

/** Label, value and hint for the raw score. */
export const similarity = ({ score }) => ({ label: 'Similarity', value: format.score(score), hint: SCORE_HINT });

/** A link to the calibration report, in a new tab. */
export function reportLink() {
  const attributes = { class: 'report-link', href: '/v1/calibration/report', target: '_blank', rel: 'noopener' };
  return element('a', attributes, 'Calibration report', icon('open'), element('span', { class: 'visually-hidden' }, ' (opens a new tab)'));
}
