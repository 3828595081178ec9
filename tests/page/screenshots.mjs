// Takes screenshots of the page for review, desktop and phone, light and dark, into screenshots/ (ignored by git);
// with --views, of the match and review views only; with --readme, the README's screenshot instead.
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
// The page's controls are English; what people write, and the suggestions, may be Chinese.
const LANGUAGES = {
  en: {
    locale: 'en',
    texts: ['a red apple', 'fruit', 'an apple on a wooden table', 'a bicycle in the snow', 'a fluffy apple'],
    // The built-in model knows no word of the profile's own patterns but those for one of them.
    patterns: ['a boat\thigh', 'a red apple on a table\thigh', 'a dog in the snow\tmedium', 'a bicycle\tlow', 'an injured animal\thigh'],
  },
  zh: {
    locale: 'zh-CN',
    texts: ['红苹果', '水果', '木桌上的苹果', '雪中的自行车', '毛茸茸的苹果'],
    patterns: ['一艘船\thigh', '桌上的红苹果\thigh', '雪中的狗\tmedium', '自行车\tlow', '受伤的动物\thigh'],
  },
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
    for (const colorScheme of ['light', 'dark']) {
      const prefix = `${FOLDER}${name}-${colorScheme}`;
      if (!process.argv.includes('--views')) await takeScreens(prefix, { ...screen, colorScheme });
      for (const [language, words] of Object.entries(LANGUAGES)) {
        const options = { ...screen, colorScheme, locale: words.locale };
        await takeMatch(`${prefix}-${language}`, words, options);
        await takeReview(`${prefix}-${language}`, words, options);
      }
    }
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
  await page.goto('/?q=fish&from=2020-01-01&to=2020-12-31');
  await page.locator('#message h1').waitFor();
  await page.screenshot({ path: `${prefix}-nothing.png` });
  await context.close();
}

async function takeMatch(prefix, { texts }, options) {
  const { page, context } = await openPage(browser, server.address, { path: '/?view=match', ...options });
  const take = (name) => page.screenshot({ path: `${prefix}-match-${name}.png`, fullPage: true });
  await page.locator('#match-view').waitFor();
  await take('empty');
  await page.locator('#match-lines').fill(texts.join('\n'));
  await page.locator('#file').setInputFiles(`${GALLERY}red-apple-on-table.jpg`);
  await page.locator('.bar').nth(texts.length - 1).waitFor();
  await take('bars');
  await page.getByRole('checkbox', { name: 'Show the breakdown' }).check();
  await page.locator('.bar-views').nth(texts.length - 1).waitFor();
  await take('breakdown');
  await context.close();
}

async function takeReview(prefix, { patterns }, options) {
  const { page, context } = await openPage(browser, server.address, { path: '/?view=review&profile=moderation', ...options });
  const take = async (name, more = {}) => {
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${prefix}-review-${name}.png`, ...more });
  };
  const compare = () => page.getByRole('button', { name: 'Compare all pictures' }).click();
  await page.locator('#review-start:enabled').waitFor();
  await take('start');
  await compare();
  await page.getByText(/130 pictures compared/).waitFor();
  await take('nothing', { fullPage: true });
  await page.locator('.review-left-out summary').click();
  await take('left-out');
  await replacePatterns(page, patterns);
  await page.goto('/?view=review&profile=moderation');
  await page.locator('#review-start:enabled').waitFor();
  await compare();
  await page.locator('.finding').first().waitFor();
  await take('findings');
  await page.keyboard.press('j');
  await page.keyboard.press('c');
  await page.keyboard.press('d');
  await take('answered');
  await page.keyboard.press('k');
  await page.keyboard.press('u');
  await page.keyboard.press('k');
  await page.keyboard.press('u');
  await page.getByText(/^0 of \d+ findings/).waitFor();
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await take('end');
  await page.unrouteAll();
  await page.route('**/v1/jobs/*', (route) => route.fulfill({ json: { job: '1', kind: 'screen', state: 'running', done: 48_000, total: 130_000 } }));
  await compare();
  await page.getByText('48,000 of 130,000 pictures compared').waitFor();
  await take('running');
  await context.close();
  await takeManyFindings(prefix, options);
}

/** Screens with `patterns` in place of the profile's own, of which the built-in model knows one. */
async function replacePatterns(page, patterns) {
  await page.route('**/v1/screen', (route) => route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), patterns }) }));
  await page.route('**/v1/profiles', async (route) => {
    const { profiles } = await (await route.fetch()).json();
    await route.fulfill({ json: { profiles: profiles.map((profile) => (profile.patterns > 0 ? { ...profile, patterns: patterns.length } : profile)) } });
  });
}

/** A page of ten thousand findings, and a failed comparison. */
async function takeManyFindings(prefix, options) {
  const { page, context } = await openPage(browser, server.address, { path: '/?view=review', ...options });
  const { hits } = await (await fetch(`${server.address}/v1/search?text=dog&k=20`)).json();
  const finding = { text: 'a dog', risk: 'medium', score: 0.3, confidence: 0.4, verdict: { level: 'flag', action: 'check_by_hand', bar: null, reason: '' } };
  const pictures = Array.from({ length: 10_000 }, (_, index) => ({ ...hits[index % hits.length], level: 'flag', action: 'check_by_hand', findings: [finding] }));
  const report = { profile: 'moderation', images: 130_000, flagged: 10_000, skipped: 3, left_out: [], cancelled: true, pictures };
  let job = { job: '1', kind: 'screen', state: 'cancelled', screen_report: report };
  await page.route('**/v1/screen', (route) => route.fulfill({ status: 202, json: { job: '1' } }));
  await page.route('**/v1/jobs/*', (route) => route.fulfill({ json: job }));
  await page.locator('#review-start:enabled').click();
  await page.locator('.finding').first().waitFor();
  await page.locator('#review-next').click();
  await page.locator('#review-next').scrollIntoViewIfNeeded();
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${prefix}-review-pages.png` });
  job = { job: '1', kind: 'screen', state: 'failed', error: 'cannot read the vectors: input/output error' };
  await page.locator('#review-start').click();
  await page.getByRole('alert').waitFor();
  await page.screenshot({ path: `${prefix}-review-failed.png`, fullPage: true });
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
