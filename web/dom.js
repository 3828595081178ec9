// Creating elements. Text becomes text nodes only, so file names and server responses are never parsed as markup.

const SVG = 'http://www.w3.org/2000/svg';

/** The element with this id; throws if index.html has none. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/** A new element. Attributes with the value null or false are omitted, functions become listeners, `children` are nodes or texts. */
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

/** An icon from the page's sprite. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** A button with an icon and no text. */
export function iconButton(name, label, onClick) {
  return element('button', { type: 'button', class: 'icon-button', 'aria-label': label, title: label, click: onClick }, icon(name));
}
