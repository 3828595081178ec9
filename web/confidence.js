// How probable a match is, in the words and digits in which the page says it.

import { element, icon } from './dom.js';
import * as format from './format.js';

const SCORE_HINT = 'Cosine similarity to the search: 1 is the closest, around 0 is unrelated. It orders pictures; it is no probability.';
const CONFIDENCE_HINT = 'How probable it is that the picture really matches the search.';

/** Whether a hit is at least `least` percent probable; one of which nothing is known is not. */
export const isSure = (hit, least) => least === 0 || (hit.confidence !== null && hit.confidence >= least / 100);

/** What stands beside a hit, and what it means: its confidence where one is known, else its score. */
export function standing(hit) {
  if (hit.score === null) return null;
  if (hit.confidence === null) return similarity(hit);
  return { label: 'Confidence', value: format.percent(hit.confidence), hint: CONFIDENCE_HINT };
}

/** The raw score behind a hit. */
export const similarity = ({ score }) => ({ label: 'Similarity', value: format.score(score), hint: SCORE_HINT });

/** The way to the report of how far the confidences can be trusted. */
export function reportLink() {
  const attributes = { class: 'report-link', href: '/v1/calibration/report', target: '_blank', rel: 'noopener' };
  return element('a', attributes, 'How sure is this?', icon('open'), element('span', { class: 'visually-hidden' }, ' (opens a new tab)'));
}
