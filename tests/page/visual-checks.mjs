// Measures of the page's layout and contrast.

/** Horizontal overflow of the page, in pixels. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Runs in the page: the WCAG contrast of each selector's text with the nearest background behind it. */
export function contrasts(selectors) {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const pixel = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return context.getImageData(0, 0, 1, 1).data;
  };
  const luminance = (color) => {
    const [red, green, blue] = [...pixel(color)].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const groundOf = (item) => {
    while (item && pixel(getComputedStyle(item).backgroundColor)[3] === 0) item = item.parentElement;
    return getComputedStyle(item ?? document.body).backgroundColor;
  };
  return selectors.map((selector) => {
    const item = document.querySelector(selector);
    const [high, low] = [luminance(getComputedStyle(item).color), luminance(groundOf(item))].sort((one, other) => other - one);
    return [selector, (high + 0.05) / (low + 0.05)];
  });
}
