// Moves the cut in a report of thresholds. A plain script, copied into the report: it runs from a file as well as from a server.
(() => {
  'use strict';
  const NEAREST = 12;
  const calibrations = JSON.parse(document.getElementById('calibrations').textContent);

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  /** The probability of a match at a score, as the fit has it; null where a score alone does not say. */
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

  /** Counts of right and wrong on both sides of a cut. */
  const outcome = (pairs, cut) => {
    const counts = { tp: 0, fp: 0, fn: 0, tn: 0 };
    for (const [score, matches] of pairs) counts[score >= cut ? (matches ? 'tp' : 'fp') : matches ? 'fn' : 'tn'] += 1;
    return counts;
  };

  const part = (of, rest, empty) => (of + rest > 0 ? of / (of + rest) : empty);

  const show = (section, { kind, fit, pairs, thumbnails }) => {
    const slider = section.querySelector('.slider input');
    const line = section.querySelector('.cut');
    const figures = section.querySelector('.figures');

    const figure = (name, value) => {
      const made = element('div');
      made.append(element('b', '', value), element('span', '', name));
      return made;
    };

    const picture = (place, name) => {
      if (place === null || place === undefined) return element('p', '', name);
      const made = element('img');
      made.src = thumbnails[place];
      made.alt = name;
      return made;
    };

    const tile = ([score, matches, query, name, shown, shownQuery], above) => {
      const wrong = Boolean(matches) !== above;
      const made = element('li', wrong ? 'pair is-wrong' : 'pair');
      const shot = element('div', 'shot');
      if (kind === 'picture') shot.append(picture(shownQuery, query));
      shot.append(picture(shown, name));
      const verdict = element('div', 'verdict');
      verdict.append(element('span', '', score.toFixed(3)), element('b', '', matches ? 'match' : 'no match'));
      made.append(shot, element('div', 'text', query), verdict);
      return made;
    };

    const fill = (side, near, above) => {
      const list = section.querySelector(`[data-side="${side}"]`);
      const tiles = near.map((pair) => tile(pair, above));
      list.replaceChildren(...(tiles.length ? tiles : [element('li', 'none', 'No pair on this side.')]));
    };

    const mark = (chart, x, y) => {
      const marker = section.querySelector(`[data-chart="${chart}"] .marker`);
      const { left, top, size } = marker.dataset;
      marker.setAttribute('cx', Number(left) + x * Number(size));
      marker.setAttribute('cy', Number(top) + (1 - y) * Number(size));
      marker.removeAttribute('hidden');
    };

    const moveLine = (cut) => {
      const { from, to, left, right } = line.dataset;
      const at = Number(left) + ((cut - from) / (to - from)) * (right - left);
      line.setAttribute('x1', at);
      line.setAttribute('x2', at);
    };

    const update = (cut) => {
      const { tp, fp, fn, tn } = outcome(pairs, cut);
      const precision = part(tp, fp, 1);
      const recall = part(tp, fn, 1);
      const confidence = probability(fit, cut);
      moveLine(cut);
      figures.replaceChildren(
        figure('threshold', cut.toFixed(4)),
        figure('precision', precision.toFixed(3)),
        figure('recall', recall.toFixed(3)),
        figure('F1', part(2 * tp, fp + fn, 0).toFixed(3)),
        figure('confidence there', confidence === null ? '–' : confidence.toFixed(2)),
        figure('wrongly taken', String(fp)),
        figure('missed', String(fn)),
      );
      slider.setAttribute('aria-valuetext', `${cut.toFixed(4)}: precision ${precision.toFixed(2)}, recall ${recall.toFixed(2)}`);
      const first = pairs.findIndex(([score]) => score >= cut);
      const split = first < 0 ? pairs.length : first;
      fill('below', pairs.slice(Math.max(0, split - NEAREST), split).reverse(), false);
      fill('above', pairs.slice(split, split + NEAREST), true);
      mark('roc', part(fp, tn, 0), recall);
      mark('pr', recall, precision);
      for (const button of section.querySelectorAll('[data-cut]')) {
        button.closest('tr').classList.toggle('is-shown', Math.abs(button.dataset.cut - cut) < 1e-9);
      }
    };

    slider.addEventListener('input', () => update(Number(slider.value)));
    for (const button of section.querySelectorAll('[data-cut]')) {
      button.addEventListener('click', () => {
        slider.value = button.dataset.cut;
        update(Number(button.dataset.cut));
        section.querySelector('.panel').scrollIntoView({ block: 'nearest', behavior: 'smooth' });
      });
    }
    return update;
  };

  for (const calibration of calibrations) {
    const section = document.querySelector(`section[data-kind="${calibration.kind}"]`);
    show(section, calibration)(calibration.cut);
  }
})();
