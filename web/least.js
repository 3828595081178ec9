// The slider that leaves out hits less probable than somebody wants.

import { reportLink } from './confidence.js';
import { byId } from './dom.js';

// Moving filters what is there at once; the address follows when the hand rests.
const MOVING_PAUSE = 250;

export class LeastSlider {
  #settling;

  /** `on`: moved(percent) at every step, settled(percent) once it rests. */
  constructor(on) {
    byId('report').append(reportLink());
    byId('least').addEventListener('input', () => {
      on.moved(valueOf());
      this.#say();
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => on.settled(valueOf()), MOVING_PAUSE);
    });
  }

  /** Shows `percent`; a slider that somebody is moving is left alone. */
  show(percent) {
    if (byId('least').matches(':active')) return;
    clearTimeout(this.#settling);
    byId('least').value = String(percent);
    this.#say();
  }

  #say() {
    byId('least-value').textContent = `${valueOf()} %`;
    byId('least').setAttribute('aria-valuetext', `at least ${valueOf()} percent`);
  }
}

const valueOf = () => Number(byId('least').value);
