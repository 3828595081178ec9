// Making elements. Text goes in as text nodes only, so nothing that comes from a file name or a server becomes markup.

const SVG = 'http://www.w3.org/2000/svg';

/** The element with this id, which index.html must have. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/** A new element: attributes whose value is null or false are left out, functions become listeners, `children` are nodes or texts. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A drawing from the page's sprite. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('class', 'icon');
  drawing.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  drawing.append(use);
  return drawing;
}

/** A button that shows only a drawing. */
export function iconButton(name, label, onClick) {
  return element('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, click: onClick }, icon(name));
}
