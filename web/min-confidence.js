// The slider that hides hits below a minimum confidence.

import { reportLink } from './confidence.js';
import { byId } from './dom.js';

// Hits are filtered while the slider moves; the address changes only after a pause.
const CHANGE_DELAY = 250;

export class MinConfidenceSlider {
  #pendingChange;

  /** `on`: input(percent) on every move, change(percent) after the last one. */
  constructor(on) {
    byId('report').append(reportLink());
    byId('min-confidence').addEventListener('input', () => {
      on.input(currentValue());
      this.#announce();
      clearTimeout(this.#pendingChange);
      this.#pendingChange = setTimeout(() => {
        this.#pendingChange = undefined;
        on.change(currentValue());
      }, CHANGE_DELAY);
    });
  }

  /** Shows `percent`, unless the slider is being moved: an answer that arrives meanwhile must not reset it. */
  show(percent) {
    if (this.#pendingChange === undefined && !byId('min-confidence').matches(':active')) this.set(percent);
  }

  /** Sets the slider to `percent`; a move that was not reported yet is dropped. */
  set(percent) {
    clearTimeout(this.#pendingChange);
    this.#pendingChange = undefined;
    byId('min-confidence').value = String(percent);
    this.#announce();
  }

  #announce() {
    byId('min-confidence-value').textContent = `${currentValue()} %`;
    byId('min-confidence').setAttribute('aria-valuetext', `at least ${currentValue()} percent`);
  }
}

const currentValue = () => Number(byId('min-confidence').value);
