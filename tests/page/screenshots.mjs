// Takes screenshots of the page for review, desktop and phone, light and dark, into screenshots/ (ignored by git);
// with --readme, the README's screenshot instead.
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch, openPage } from './browser.mjs';
import { GALLERY, startDemo } from './server.mjs';

const FOLDER = fileURLToPath(new URL('screenshots/', import.meta.url));
const README_SCREENSHOT = fileURLToPath(new URL('../../docs/page.webp', import.meta.url));
const SCREENS = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};

const server = await startDemo();
const browser = await launch();
try {
  if (process.argv.includes('--readme')) await takeReadmeScreenshot();
  else await takeAll();
} finally {
  await browser.close();
  await server.stop();
}

async function takeAll() {
  await mkdir(FOLDER, { recursive: true });
  for (const [name, screen] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark']) await takeScreens(`${FOLDER}${name}-${colorScheme}`, { ...screen, colorScheme });
  }
}

async function takeScreens(prefix, options) {
  const { page, context } = await openPage(browser, server.address, options);
  const take = async (name) => {
    await settled(page);
    await page.screenshot({ path: `${prefix}-${name}.png` });
  };
  await take('start');
  await page.goto('/?q=a+sailboat+at+sunset');
  await take('results');
  await page.locator('.tile a').first().click();
  await take('large');
  await page.goto('/?q=on+a+table&without=fruit');
  await settled(page);
  await page.locator('#file').setInputFiles(`${GALLERY}red-apple-on-table.jpg`);
  await page.locator('#upload-note').waitFor();
  await take('picture');
  await page.locator('#filters-button').click();
  await take('filters');
  await page.goto('/?view=match&text=a+red+apple&text=fruit&text=an+apple+on+a+wooden+table&text=a+bicycle+in+the+snow');
  await page.locator('#file').setInputFiles(`${GALLERY}red-apple-on-table.jpg`);
  await page.locator('.bar').first().waitFor();
  await page.screenshot({ path: `${prefix}-match.png` });
  await page.goto('/?q=fish&from=2020-01-01&to=2020-12-31');
  await page.locator('#message h1').waitFor();
  await page.screenshot({ path: `${prefix}-nothing.png` });
  await context.close();
}

async function takeReadmeScreenshot() {
  const { page } = await openPage(browser, server.address, { path: '/?q=a+sailboat+at+sunset', viewport: { width: 1280, height: 800 } });
  await settled(page);
  await page.evaluate(() => document.activeElement.blur());
  const png = (await page.screenshot()).toString('base64');
  await writeFile(README_SCREENSHOT, Buffer.from(await page.evaluate(asWebp, png), 'base64'));
}

/** Runs in the page: a PNG as WebP, both in base64. */
async function asWebp(png) {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes]));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  const webp = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/webp', quality: 0.9 })).arrayBuffer());
  return btoa(Array.from(webp, (byte) => String.fromCharCode(byte)).join(''));
}

/** Waits for an answer and for the images in view. */
async function settled(page) {
  await page.locator('.tile:not(.is-skeleton) img').first().waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll('.tile img')].every((image) => image.complete || image.getBoundingClientRect().top > innerHeight * 1.5));
  await page.waitForTimeout(300);
}
