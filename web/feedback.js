// Thumbs up and down for a hit. The server calibrates confidences with the answers.

import * as api from './api.js';
import { toast } from './clipboard.js';
import { element, icon } from './dom.js';
import { subjectOf } from './query.js';

// Answers given in this tab, and those that the server has confirmed.
const given = new Map();
const confirmed = new Map();
// Answers for one hit are sent one after the other, so that the last click is also the last request.
const requests = new Map();

/** Two buttons that answer whether `image` matches `query`; null for a query of several parts, which one answer cannot rate. */
export function thumbs(query, image) {
  const subject = subjectOf(query);
  if (subject === null || subject.like === image) return null;
  const key = JSON.stringify([subject, image]);
  const toggle = (right) => () => answer(key, subject, image, given.get(key) === right ? null : right);
  const group = element(
    'div',
    { class: 'thumbs', role: 'group', 'aria-label': 'Does this picture match?', 'data-answer': key },
    thumb('up', 'Yes', 'It matches', toggle(true)),
    thumb('down', 'No', 'It does not match', toggle(false)),
  );
  press(group, given.get(key) ?? null);
  return group;
}

// Shown at once; reverted if the server refuses it.
async function answer(key, subject, image, right) {
  show(key, right);
  const request = (requests.get(key) ?? Promise.resolve()).then(() => api.feedback(subject, image, right));
  requests.set(key, request.catch(() => {}));
  try {
    const { answers, needed } = await request;
    confirmed.set(key, right);
    if (right !== null) toast(thanks(answers, needed));
  } catch (error) {
    if ((given.get(key) ?? null) === right) show(key, confirmed.get(key) ?? null);
    toast(`Your answer was not saved: ${error.message}`);
  }
}

function show(key, right) {
  if (right === null) given.delete(key);
  else given.set(key, right);
  document.querySelectorAll('.thumbs').forEach((group) => group.dataset.answer === key && press(group, right));
}

function press(group, right) {
  group.classList.toggle('is-answered', right !== null);
  const [up, down] = group.children;
  up.setAttribute('aria-pressed', String(right === true));
  down.setAttribute('aria-pressed', String(right === false));
}

const thumb = (direction, text, label, onClick) =>
  element('button', { type: 'button', class: 'thumb', 'aria-label': label, title: label, click: onClick }, icon(`thumb-${direction}`), element('span', {}, text));

function thanks(answers, needed) {
  if (answers >= needed) return 'Thank you. Your answers adjust the confidences.';
  return `Thank you. ${needed} answers are needed to adjust the confidences; this library has ${answers}.`;
}
