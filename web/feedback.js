// Thumbs: whether a hit was right. What is said goes to the server, which learns from it how sure it may be.

import * as api from './api.js';
import { toast } from './clipboard.js';
import { element, icon } from './dom.js';
import { subjectOf } from './query.js';

// What was said in this tab, and what of it the server has. It keeps answers for good, and is told again rather than asked.
const said = new Map();
const kept = new Map();
// Answers about one hit go out one after the other, so that the last click is also the last to arrive.
const sent = new Map();

/** Two buttons that say whether `image` was right for `query`; null where a query has parts that one answer cannot tell apart. */
export function thumbs(query, image) {
  const subject = subjectOf(query);
  if (subject === null || subject.like === image) return null;
  const key = JSON.stringify([subject, image]);
  const toggle = (right) => () => answer(key, subject, image, said.get(key) === right ? null : right);
  const group = element(
    'div',
    { class: 'thumbs', role: 'group', 'aria-label': 'Does this picture match?', 'data-answer': key },
    thumb('up', 'Yes', 'It matches', toggle(true)),
    thumb('down', 'No', 'It does not match', toggle(false)),
  );
  press(group, said.get(key) ?? null);
  return group;
}

// Shown as said at once; taken back where the server did not take it.
async function answer(key, subject, image, right) {
  show(key, right);
  const turn = (sent.get(key) ?? Promise.resolve()).then(() => api.feedback(subject, image, right));
  sent.set(key, turn.catch(() => {}));
  try {
    const { answers, needed } = await turn;
    kept.set(key, right);
    if (right !== null) toast(thanks(answers, needed));
  } catch (error) {
    if ((said.get(key) ?? null) === right) show(key, kept.get(key) ?? null);
    toast(`Your answer was not kept: ${error.message}`);
  }
}

function show(key, right) {
  if (right === null) said.delete(key);
  else said.set(key, right);
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
  if (answers >= needed) return 'Thank you. Your answers adjust how sure Eidetic is.';
  return `Thank you. From ${needed} answers on they adjust how sure Eidetic is; this library has ${answers}.`;
}
