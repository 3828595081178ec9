// Answers to the findings of a profile: those that the server has, and those given here.

import * as api from './api.js';

export class ReviewAnswers {
  #profile = null;
  #given = new Map();
  #confirmed = new Map();
  // Answers to one finding are sent one after the other, so that the last one given is also the last request.
  #requests = new Map();
  #on;

  /** `on`: changed(image, text) when an answer is given or reverted, refused(error) when the server did not store one. */
  constructor(on) {
    this.#on = on;
  }

  /** Loads the answers for `profile`. */
  async load(profile, signal) {
    const { answers } = await api.answersFor(profile, signal);
    this.#profile = profile;
    this.#given = new Map(answers.map(({ image, query, right }) => [keyOf(image, query), right]));
    this.#confirmed = new Map(this.#given);
    this.#requests = new Map();
  }

  /** Whether `image` shows `text`; null without an answer. */
  of(image, text) {
    return this.#given.get(keyOf(image, text)) ?? null;
  }

  /** Gives an answer, or withdraws it with null. It counts at once, and is reverted if the server refuses it. */
  async give(image, text, right) {
    const key = keyOf(image, text);
    const [profile, given, confirmed] = [this.#profile, this.#given, this.#confirmed];
    set(given, key, right);
    this.#on.changed(image, text);
    const request = (this.#requests.get(key) ?? Promise.resolve()).then(() => api.reviewed(profile, text, image, right));
    this.#requests.set(key, request.catch(() => {}));
    try {
      await request;
      set(confirmed, key, right);
    } catch (error) {
      if ((given.get(key) ?? null) === right) set(given, key, confirmed.get(key) ?? null);
      this.#on.changed(image, text);
      this.#on.refused(error);
    }
  }
}

const keyOf = (image, text) => `${image}\n${text}`;

const set = (answers, key, right) => (right === null ? answers.delete(key) : answers.set(key, right));
