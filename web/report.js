// Moves the threshold in a calibration report. A classic script that is copied into the report, so that it runs from a file too.
(() => {
  'use strict';
  const PAIRS_PER_SIDE = 12;
  const calibrations = JSON.parse(document.getElementById('calibrations').textContent);

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  /** The fit's probability of a match at a score; null for a fit that needs more than the score. */
  const probability = (fit, score) => {
    if (fit.platt) return 1 / (1 + Math.exp(-(fit.platt.slope * score + fit.platt.intercept)));
    if (!fit.isotonic) return null;
    const knots = fit.isotonic.knots;
    const after = knots.findIndex(([at]) => at > score);
    if (after === 0) return knots[0][1];
    if (after < 0) return knots[knots.length - 1][1];
    const [[x0, y0], [x1, y1]] = [knots[after - 1], knots[after]];
    return y0 + ((y1 - y0) * (score - x0)) / (x1 - x0);
  };

  /** The confusion matrix at a threshold. */
  const confusion = (pairs, threshold) => {
    const counts = { tp: 0, fp: 0, fn: 0, tn: 0 };
    for (const [score, matches] of pairs) counts[score >= threshold ? (matches ? 'tp' : 'fp') : matches ? 'fn' : 'tn'] += 1;
    return counts;
  };

  const ratio = (of, rest, empty) => (of + rest > 0 ? of / (of + rest) : empty);

  const figure = (name, value) => {
    const made = element('div');
    made.append(element('b', '', value), element('span', '', name));
    return made;
  };

  /** Precision, recall and the other figures at a threshold, as elements. */
  const figuresAt = (threshold, confidence, { tp, fp, fn }) => [
    figure('threshold', threshold.toFixed(4)),
    figure('precision', ratio(tp, fp, 1).toFixed(3)),
    figure('recall', ratio(tp, fn, 1).toFixed(3)),
    figure('F1', ratio(2 * tp, fp + fn, 0).toFixed(3)),
    figure('confidence', confidence === null ? '–' : confidence.toFixed(2)),
    figure('false positives', String(fp)),
    figure('false negatives', String(fn)),
  ];

  /** A thumbnail, or the name of an image that has none. */
  const thumbnail = (thumbnails, index, name) => {
    if (index === null || index === undefined) return element('p', '', name);
    const made = element('img');
    made.src = thumbnails[index];
    made.alt = name;
    return made;
  };

  /** A tile for one labeled pair, marked if it is on the wrong side of the threshold. */
  const pairTile = ({ kind, thumbnails }, [score, matches, query, name, image, queryImage], isAbove) => {
    const isWrong = Boolean(matches) !== isAbove;
    const made = element('li', isWrong ? 'pair is-wrong' : 'pair');
    const shot = element('div', 'shot');
    if (kind === 'picture') shot.append(thumbnail(thumbnails, queryImage, query));
    shot.append(thumbnail(thumbnails, image, name));
    const verdict = element('div', 'verdict');
    verdict.append(element('span', '', score.toFixed(3)), element('b', '', matches ? 'match' : 'no match'));
    made.append(shot, element('div', 'text', query), verdict);
    return made;
  };

  /** Shows the pairs nearest to the threshold on one side of it. */
  const fillSide = (section, side, tiles) => {
    const list = section.querySelector(`[data-side="${side}"]`);
    list.replaceChildren(...(tiles.length ? tiles : [element('li', 'none', 'No pairs on this side.')]));
  };

  const showPairs = (section, calibration, threshold) => {
    const { pairs } = calibration;
    const first = pairs.findIndex(([score]) => score >= threshold);
    const split = first < 0 ? pairs.length : first;
    const below = pairs.slice(Math.max(0, split - PAIRS_PER_SIDE), split).reverse();
    const above = pairs.slice(split, split + PAIRS_PER_SIDE);
    fillSide(section, 'below', below.map((pair) => pairTile(calibration, pair, false)));
    fillSide(section, 'above', above.map((pair) => pairTile(calibration, pair, true)));
  };

  const moveMarker = (section, chart, x, y) => {
    const marker = section.querySelector(`[data-chart="${chart}"] .marker`);
    const { left, top, size } = marker.dataset;
    marker.setAttribute('cx', Number(left) + x * Number(size));
    marker.setAttribute('cy', Number(top) + (1 - y) * Number(size));
    marker.removeAttribute('hidden');
  };

  const moveLine = (section, threshold) => {
    const line = section.querySelector('.cut');
    const { from, to, left, right } = line.dataset;
    const at = Number(left) + ((threshold - from) / (to - from)) * (right - left);
    line.setAttribute('x1', at);
    line.setAttribute('x2', at);
  };

  /** Shows a threshold in the slider's text, the charts, the figures and the pairs of a section. */
  const showThreshold = (section, calibration, threshold) => {
    const counts = confusion(calibration.pairs, threshold);
    const precision = ratio(counts.tp, counts.fp, 1);
    const recall = ratio(counts.tp, counts.fn, 1);
    const valueText = `${threshold.toFixed(4)}: precision ${precision.toFixed(2)}, recall ${recall.toFixed(2)}`;
    section.querySelector('.slider input').setAttribute('aria-valuetext', valueText);
    section.querySelector('.figures').replaceChildren(...figuresAt(threshold, probability(calibration.fit, threshold), counts));
    moveLine(section, threshold);
    moveMarker(section, 'roc', ratio(counts.fp, counts.tn, 0), recall);
    moveMarker(section, 'pr', recall, precision);
    showPairs(section, calibration, threshold);
    for (const button of section.querySelectorAll('[data-cut]')) {
      button.closest('tr').classList.toggle('is-shown', Math.abs(button.dataset.cut - threshold) < 1e-9);
    }
  };

  const enable = (section, calibration) => {
    const slider = section.querySelector('.slider input');
    slider.addEventListener('input', () => showThreshold(section, calibration, Number(slider.value)));
    for (const button of section.querySelectorAll('[data-cut]')) {
      button.addEventListener('click', () => {
        slider.value = button.dataset.cut;
        showThreshold(section, calibration, Number(button.dataset.cut));
        section.querySelector('.panel').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
      });
    }
    showThreshold(section, calibration, calibration.cut);
  };

  for (const calibration of calibrations) {
    enable(document.querySelector(`section[data-version="${calibration.version}"]`), calibration);
  }
})();
