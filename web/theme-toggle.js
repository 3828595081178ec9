// The button that switches between dark and light. A choice is stored only while it differs from the system's theme.

import { byId } from './dom.js';

const KEY = 'eidetic.theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const root = document.documentElement;

export function enableThemeToggle() {
  byId('theme').addEventListener('click', () => choose(shade() === 'dark' ? 'light' : 'dark'));
  system.addEventListener('change', update);
  update();
}

const systemShade = () => (system.matches ? 'dark' : 'light');
const shade = () => root.dataset.theme ?? systemShade();

function choose(theme) {
  if (theme === systemShade()) delete root.dataset.theme;
  else root.dataset.theme = theme;
  try {
    if (root.dataset.theme) localStorage.setItem(KEY, theme);
    else localStorage.removeItem(KEY);
  } catch {
    // Without access to storage the choice lasts as long as the page.
  }
  update();
}

function update() {
  root.dataset.shade = shade();
  byId('theme').setAttribute('aria-label', shade() === 'dark' ? 'Switch to the light theme' : 'Switch to the dark theme');
  byId('theme').title = byId('theme').getAttribute('aria-label');
}
