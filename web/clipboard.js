// Copying texts, and short messages that go away by themselves.

import { byId, element, icon, iconButton } from './dom.js';

let hideToast;

/** Says `text` at the bottom of the page, to screen readers too. */
export function toast(text) {
  // Only what lies within a modal dialog can be seen and read out while it is open.
  (document.querySelector('dialog[open]') ?? document.body).append(byId('toast'));
  byId('toast').textContent = text;
  clearTimeout(hideToast);
  hideToast = setTimeout(() => (byId('toast').textContent = ''), 4000);
}

/** A button that copies `text`. */
export function copyButton(text, label) {
  const button = iconButton('copy', label, async () => {
    if (!(await copy(text))) return toast('The browser did not allow copying.');
    button.replaceChildren(icon('check'));
    setTimeout(() => button.replaceChildren(icon('copy')), 1600);
    return toast('Copied');
  });
  return button;
}

/** A command line with its copy button. */
export const commandLine = (text) => element('span', { class: 'command' }, element('code', {}, text), copyButton(text, 'Copy the command'));

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

// navigator.clipboard is there on secure origins only; a server on the home network is none.
function copyBySelection(text) {
  const field = element('textarea', { class: 'visually-hidden', readonly: true }, text);
  const focused = document.activeElement;
  (document.querySelector('dialog[open]') ?? document.body).append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  focused?.focus();
  return done;
}
