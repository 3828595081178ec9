// Copy buttons, and toasts: short messages that disappear after a few seconds.

import { byId, element, icon, iconButton } from './dom.js';

let hideToast;

/** Shows `text` at the bottom of the page and announces it to screen readers. */
export function toast(text) {
  // Everything outside an open modal dialog is inert.
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

// navigator.clipboard exists on secure origins only, which excludes a server on the local network.
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
