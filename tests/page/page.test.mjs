// The page in a real browser with the real program and its bundled gallery.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { launch, openPage } from './browser.mjs';
import { contrasts, overflow } from './visual-checks.mjs';
import { GALLERY, startDemo } from './server.mjs';

const APPLE = `${GALLERY}red-apple-on-table.jpg`;

let server;
let browser;
let open;

before(async () => {
  server = await startDemo();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Number of images in the bundled gallery. */
async function gallerySize() {
  return (await readdir(GALLERY)).filter((name) => name.endsWith('.jpg')).length;
}

/** Opens the page and waits for the start view or an answer. */
async function visit(path = '/', options = {}) {
  open = await openPage(browser, server.address, { path, ...options });
  await open.page.locator('.tile:not(.is-skeleton)').first().waitFor();
  return open.page;
}

/** Types `text`, presses Enter, waits for the answer. */
async function searchFor(page, text) {
  const answered = page.waitForResponse((response) => response.url().includes('/v1/search') && response.request().url().includes(encodeURIComponent(text).replaceAll('%20', '+')));
  await page.locator('#text').fill(text);
  await page.keyboard.press('Enter');
  await answered;
  await page.locator('#start').waitFor({ state: 'hidden' });
  await page.waitForFunction(() => document.querySelector('#summary').textContent.includes('closest first'));
}

const names = (page) => page.locator('.tile .name').allTextContents();
const focused = (page) => page.evaluate(() => document.activeElement.id);

/** Asserts that the page logged no errors and requested nothing from other servers. */
function assertQuiet({ errors, foreign }) {
  assert.deepEqual(errors, [], 'errors in the console');
  assert.deepEqual(foreign, [], 'requests to other servers');
}

beforeEach(() => (open = undefined));
afterEach(async () => {
  await open?.context.close();
  if (open) assertQuiet(open);
});

describe('words', () => {
  test('text finds images, closest first, with confidence', async () => {
    const page = await visit();
    await searchFor(page, 'red apple');
    assert.ok((await names(page)).slice(0, 5).includes('red-apple-on-table.jpg'), (await names(page)).slice(0, 5).join());
    const shown = await page.locator('.tile .score').allTextContents();
    assert.ok(shown.length > 10);
    for (const text of shown) assert.match(text, /^Confidence (<1|\d+) %$/);
    assert.match(await page.locator('.score').first().getAttribute('title'), /^Probability/);
    assert.equal(await page.title(), 'red apple · Eidetic');
  });

  test('typing searches and adds one history entry', async () => {
    const page = await visit();
    const entries = await page.evaluate(() => history.length);
    await page.locator('#text').pressSequentially('penguins', { delay: 60 });
    await page.waitForURL('**/?q=penguins');
    assert.equal(await page.evaluate(() => history.length), entries + 1);
    assert.equal(await focused(page), 'text');
  });

  test('negative words are sent', async () => {
    const page = await visit('/?q=sailboat');
    const request = page.waitForRequest(/negative=sunset/);
    await page.locator('#negative').fill('sunset');
    await page.keyboard.press('Enter');
    await request;
    await page.waitForURL('**/?q=sailboat&without=sunset');
  });

  test('suggestion of the start view is searched', async () => {
    const page = await visit();
    const text = await page.locator('.suggestion').first().textContent();
    await page.locator('.suggestion').first().click();
    await page.waitForURL((url) => url.searchParams.get('q') === text);
    assert.equal(await page.locator('#text').inputValue(), text);
  });

  test('show more appends hits', async () => {
    const page = await visit('/?q=red');
    const pictures = await gallerySize();
    let all = await names(page);
    while (all.length < pictures) {
      const before = all;
      await page.locator('#more-button').click();
      await page.waitForFunction((count) => document.querySelectorAll('.tile').length > count, before.length);
      all = await names(page);
      assert.deepEqual(all.slice(0, before.length), before);
    }
    assert.equal(new Set(all).size, all.length);
    assert.equal(all.length, pictures);
    assert.ok(await page.locator('#more').isHidden());
  });
});

describe('image queries', () => {
  /** Asserts that the gallery's apple was the query: its first hit is itself, with a score of 1. */
  async function assertFoundItself(page) {
    await page.waitForFunction(() => document.querySelector('.tile .name')?.textContent === 'red-apple-on-table.jpg');
    await page.locator('.tile a').first().click();
    await page.locator('#viewer-facts dd').filter({ hasText: /^1\.00Cosine/ }).waitFor();
    await page.locator('#viewer-close').click();
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    assert.ok(await page.locator('#query-image').isVisible());
    assert.ok(await page.locator('#upload-note').isVisible());
    assert.ok((await page.locator('#query-image-preview').evaluate((image) => image.decode().then(() => image.naturalWidth))) > 0);
  }

  test('picked file is searched', async () => {
    const page = await visit();
    const chooser = page.waitForEvent('filechooser');
    await page.locator('#pick').click();
    await (await chooser).setFiles(APPLE);
    await assertFoundItself(page);
  });

  test('dropped file is searched', async () => {
    const page = await visit();
    const data = await transferOf(page);
    await page.dispatchEvent('main', 'dragenter', { dataTransfer: data });
    assert.ok(await page.locator('#drop').isVisible());
    await page.dispatchEvent('main', 'drop', { dataTransfer: data });
    assert.ok(await page.locator('#drop').isHidden());
    await assertFoundItself(page);
  });

  test('pasted image is searched', async () => {
    const page = await visit();
    const clipboardData = await transferOf(page);
    await page.evaluate((clipboardData) => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })), clipboardData);
    await assertFoundItself(page);
  });

  test('dragged tile searches by its image', async () => {
    const page = await visit('/?q=fish');
    const link = await page.locator('.tile a').first().evaluate((tile) => tile.href);
    const data = await page.evaluateHandle((link) => {
      const data = new DataTransfer();
      data.setData('text/uri-list', link);
      return data;
    }, link);
    await page.dispatchEvent('main', 'drop', { dataTransfer: data });
    await page.waitForURL(`**/?q=fish&like=${link.split('#')[1]}`);
  });

  test('words with image have a weight', async () => {
    const page = await visit();
    await page.locator('#file').setInputFiles(APPLE);
    await assertFoundItself(page);
    assert.ok(await page.locator('#mix-field').isHidden());
    await page.evaluate(() => {
      const send = window.fetch;
      window.fetch = (address, options) => {
        window.sentWeight = options?.body?.get('text_weight');
        return send(address, options);
      };
    });
    await page.locator('#text').fill('yellow banana');
    await page.locator('#mix').fill('0.8');
    await page.waitForFunction(() => window.sentWeight === '0.8');
  });

  test('query image can be removed', async () => {
    const page = await visit();
    await page.locator('#file').setInputFiles(APPLE);
    await assertFoundItself(page);
    await page.locator('#query-image-remove').click();
    await page.locator('#start').waitFor();
    assert.ok(await page.locator('#query-image').isHidden());
  });

  test('back restores added image, reload loses it', async () => {
    const page = await visit();
    await page.locator('#file').setInputFiles(APPLE);
    await assertFoundItself(page);
    await page.locator('.wordmark').click();
    await page.locator('#start').waitFor();
    await page.goBack();
    await assertFoundItself(page);
    await page.reload();
    await page.getByRole('heading', { name: 'The added picture is gone' }).waitFor();
  });

  async function transferOf(page) {
    const bytes = (await readFile(APPLE)).toString('base64');
    return page.evaluateHandle((bytes) => {
      const data = new DataTransfer();
      const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
      data.items.add(new File([content], 'apple.jpg', { type: 'image/jpeg' }));
      return data;
    }, bytes);
  }
});

describe('viewer', () => {
  test('shows the image and its details', async () => {
    const page = await visit('/?q=red+apple');
    const name = (await names(page))[0];
    await page.locator('.tile a').first().click();
    const dialog = page.getByRole('dialog', { name });
    await dialog.waitFor();
    assert.match(await dialog.locator('.facts').innerText(), /\d+ × \d+/);
    assert.match(await dialog.locator('.facts').innerText(), new RegExp(`/${name.replaceAll('.', '\\.')}`));
    await page.waitForFunction(() => document.querySelector('#viewer-image').src.endsWith('/file?view=1'));
    assert.match(await page.locator('#viewer-original').getAttribute('href'), /^\/v1\/images\/[0-9a-f]{64}\/file$/);
  });

  test('arrow keys move, Escape closes and restores focus', async () => {
    const page = await visit('/?q=two+cats');
    const [first, second] = await names(page);
    await page.locator('.tile a').first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: first }).waitFor();
    assert.ok(await page.locator('#viewer-previous').isDisabled());
    await page.keyboard.press('ArrowRight');
    await page.getByRole('heading', { name: second }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('heading', { name: first }).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Escape');
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    assert.equal(await page.evaluate(() => document.activeElement.title.split('/').pop()), second);
    assert.ok(!page.url().includes('#'));
  });

  test('keeps the focus inside', async () => {
    const page = await visit('/?q=two+cats');
    await page.locator('.tile a').first().click();
    await page.locator('#viewer').waitFor();
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press('Tab');
      const place = await page.evaluate(() => document.activeElement.closest('#viewer')?.id ?? document.activeElement.tagName);
      assert.ok(['viewer', 'BODY'].includes(place), `the focus went to ${place}`);
    }
  });

  test('copies the path', async () => {
    const page = await visit('/?q=rocket', { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.locator('.tile a').first().click();
    await page.getByRole('button', { name: 'Copy the path' }).click();
    await page.getByText('Copied', { exact: true }).waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^\/.*\.jpg$/);
  });

  test('more like this searches by image', async () => {
    const page = await visit('/?q=three+penguins');
    const name = (await names(page))[0];
    await page.locator('.tile a').first().click();
    await page.getByRole('button', { name: 'More like this' }).click();
    await page.waitForURL(/\?like=[0-9a-f]{64}$/);
    await page.waitForFunction((name) => document.querySelector('.tile .name')?.textContent !== name, name);
    assert.ok(!(await names(page)).includes(name));
    assert.ok(await page.locator('#query-image').isVisible());
  });
});

describe('addresses', () => {
  test('address carries every part of a query', async () => {
    const page = await visit('/?q=red+apple');
    await page.locator('.tile a').first().click();
    await page.getByRole('button', { name: 'More like this' }).click();
    await page.waitForURL(/like=/);
    const like = new URL(page.url()).searchParams.get('like');
    const path = `/?q=on+a+table&without=night&like=${like}&mix=0.3&folder=%2F&from=2000-01-01&to=2000-12-31`;
    await page.goto(path);
    assert.equal(await page.locator('#text').inputValue(), 'on a table');
    assert.equal(await page.locator('#negative').inputValue(), 'night');
    assert.equal(await page.locator('#mix').inputValue(), '0.3');
    assert.match(await page.locator('#query-image-preview').getAttribute('src'), new RegExp(like));
    assert.deepEqual(await page.locator('.filter-chip').allInnerTexts(), ['/', '1 Jan 2000 – 31 Dec 2000']);
    await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
    await page.getByRole('button', { name: 'Remove the filters' }).click();
    await page.locator('.tile').first().waitFor();
    assert.equal(page.url(), `${server.address}/?q=on+a+table&without=night&like=${like}&mix=0.3`);
  });

  test('reload shows the same hits', async () => {
    const page = await visit('/?q=hot+air+balloon');
    const found = await names(page);
    await page.reload();
    await page.locator('.tile').first().waitFor();
    assert.deepEqual(await names(page), found);
  });

  test('back and forward restore queries and viewer', async () => {
    const page = await visit();
    await searchFor(page, 'rainbow');
    const rainbows = await names(page);
    await searchFor(page, 'snowman');
    await page.locator('.tile a').first().click();
    await page.locator('#viewer').waitFor();
    await page.goBack();
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    await page.goBack();
    await page.waitForFunction(() => document.querySelector('#text').value === 'rainbow');
    assert.deepEqual(await names(page), rainbows);
    await page.goBack();
    await page.locator('#start').waitFor();
    await page.goForward();
    await page.waitForFunction(() => document.querySelector('#text').value === 'rainbow');
    await page.waitForFunction((name) => document.querySelector('.tile .name')?.textContent === name, rainbows[0]);
  });

  test('address opens an image in the viewer', async () => {
    const page = await visit('/?q=blue+whale');
    const name = (await names(page))[1];
    await page.goto(await page.locator('.tile a').nth(1).evaluate((tile) => tile.href));
    await page.reload();
    await page.getByRole('dialog', { name }).waitFor();
    await page.locator('#viewer-close').click();
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    assert.equal(page.url(), `${server.address}/?q=blue+whale`);
  });

  test('invalid parameters are ignored', async () => {
    const page = await visit('/?q=fish&like=xyz&mix=9&from=yesterday&folder=#nothing');
    assert.ok(await page.locator('#query-image').isHidden());
    assert.deepEqual(await page.locator('.filter-chip').allInnerTexts(), []);
  });
});

describe('filters', () => {
  test('by folder', async () => {
    const page = await visit('/?q=red');
    await page.locator('#filters-button').click();
    await page.locator('.folder').first().click();
    await page.waitForURL(/folder=/);
    await page.keyboard.press('Escape');
    await page.locator('#filters').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('#filters-count').innerText(), '1');
    assert.ok((await names(page)).length > 10, 'all pictures lie in that folder');
    await page.locator('.filter-chip').click();
    await page.waitForURL('**/?q=red');
  });

  test('by date includes the last day', async () => {
    const page = await visit('/?q=red');
    const request = page.waitForRequest(/taken_from=2024-02-28T00%3A00%3A00&taken_before=2024-03-01T00%3A00%3A00/);
    await page.locator('#filters-button').click();
    await page.locator('#taken-from').fill('2024-02-28');
    await page.locator('#taken-to').fill('2024-02-29');
    await page.locator('#taken-to').blur();
    await request;
    await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
  });
});

describe('keyboard', () => {
  test('slash focuses the search field, Escape clears', async () => {
    const page = await visit('/?q=castle');
    await page.locator('.tile a').first().focus();
    await page.keyboard.press('/');
    assert.equal(await focused(page), 'text');
    assert.equal(await page.locator('#text').inputValue(), 'castle');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('#text').inputValue(), '');
    await page.locator('#start').waitFor();
    assert.equal(await focused(page), 'text');
  });

  test('arrow keys move through the grid', async () => {
    const page = await visit('/?q=castle');
    await page.locator('#text').focus();
    const index = () => page.evaluate(() => [...document.querySelectorAll('.tile a')].indexOf(document.activeElement));
    await page.keyboard.press('ArrowDown');
    assert.equal(await index(), 0);
    await page.keyboard.press('ArrowRight');
    assert.equal(await index(), 1);
    await page.keyboard.press('ArrowDown');
    assert.ok((await index()) > 2);
    await page.keyboard.press('ArrowUp');
    assert.ok((await index()) < 3);
  });

  test('Tab follows the reading order', async () => {
    const page = await visit('/?q=castle');
    await page.locator('#text').focus();
    const order = [];
    for (let step = 0; step < 8; step += 1) {
      await page.keyboard.press('Tab');
      order.push(await focused(page));
    }
    assert.deepEqual(order, ['clear', 'pick', 'filters-button', 'negative', 'to-search', 'to-match', 'to-review', 'theme']);
  });
});

describe('layout', () => {
  const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

  test('theme follows system or the stored choice', async () => {
    const page = await visit('/', { colorScheme: 'dark' });
    const dark = await ground(page);
    await page.getByRole('button', { name: 'Switch to the light theme' }).click();
    const light = await ground(page);
    assert.notEqual(light, dark);
    await page.reload();
    assert.equal(await ground(page), light);
    await page.getByRole('button', { name: 'Switch to the dark theme' }).click();
    assert.equal(await ground(page), dark);
  });

  test('nothing overflows at any width', async () => {
    for (const width of [320, 390, 768, 1280]) {
      const isPhone = width < 500;
      const page = await visit('/?q=a+sailboat+at+sunset&without=people&folder=%2F', { viewport: { width, height: 844 }, isMobile: isPhone, hasTouch: isPhone });
      assert.ok((await overflow(page)) <= 0, `results at ${width}`);
      await page.locator('.tile a').first().click();
      await page.locator('#viewer').waitFor();
      const within = await page.locator('#viewer-image').evaluate((picture) => picture.getBoundingClientRect().right <= innerWidth);
      assert.ok(within && (await overflow(page)) <= 0, `large view at ${width}`);
      await open.context.close();
    }
  });

  test('tiles have their size before images load', async () => {
    const page = await visit();
    await page.route('**/thumbnail', () => {});
    await page.goto('/?q=red');
    await page.locator('.tile').first().waitFor();
    const boxes = await page.locator('.frame').evaluateAll((frames) => frames.slice(0, 8).map((frame) => frame.getBoundingClientRect().height));
    assert.ok(boxes.every((height) => height > 100), boxes.join());
    const rows = await page.locator('.tile').evaluateAll((tiles) => tiles.slice(0, 3).map((tile) => Math.round(tile.getBoundingClientRect().height)));
    assert.equal(new Set(rows).size, 1, `one row, one height: ${rows}`);
  });
});

describe('accessibility', () => {
  test('controls and images have names', async () => {
    const page = await visit('/?q=red+apple');
    await page.locator('.tile a').first().click();
    await page.locator('#viewer').waitFor();
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, a[href], input:not([hidden])')]
        .filter((item) => !(item.getAttribute('aria-label') || item.textContent.trim() || item.labels?.length || item.querySelector('img[alt]:not([alt=""])')))
        .map((item) => item.outerHTML),
    );
    assert.deepEqual(nameless, []);
    const pictures = await page.locator('.tile img').evaluateAll((images) => images.filter((image) => !image.alt).length);
    assert.equal(pictures, 0);
  });

  test('number of hits is announced', async () => {
    const page = await visit('/?q=red+apple');
    const summary = page.getByRole('status').filter({ hasText: /pictures, closest first/ });
    assert.equal(await summary.getAttribute('aria-live'), 'polite');
  });

  test('page has its landmarks', async () => {
    const page = await visit();
    for (const role of ['banner', 'main', 'search', 'contentinfo']) assert.equal(await page.getByRole(role).count(), 1, role);
    assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`text has sufficient contrast, ${colorScheme}`, async () => {
      const page = await visit('/?q=red+apple', { colorScheme });
      const ratios = await page.evaluate(contrasts, ['#summary', '.name', '.score', '.without span', '#text', '.bottom', '.more .button', '.min-confidence span', '.min-confidence output', '.report-link', '#to-match', '#to-search']);
      for (const [selector, ratio] of ratios) assert.ok(ratio >= 4.5, `${selector}: ${ratio.toFixed(2)}`);
    });
  }
});

test('status line describes the model', async () => {
  const page = await visit();
  const line = await page.locator('#status').innerText();
  assert.ok(line.startsWith(`${await gallerySize()} pictures · built-in model`), line);
  assert.match(line, /everyday objects and simple scenes/);
  assert.match(line, /eidetic index .* --model default/);
});

test('feedback is stored and can be withdrawn', async () => {
  const page = await visit('/?q=red+apple');
  const stored = async () => (await (await fetch(`${server.address}/v1/feedback`)).json()).answers;
  const image = await page.locator('.tile a').first().getAttribute('data-image');
  await page.locator('.tile a').first().click();
  const up = page.locator('#viewer').getByRole('button', { name: 'It matches', exact: true });
  await up.click();
  await page.getByText('50 answers are needed to adjust the confidences; this library has 1.').waitFor();
  const [answer] = await stored();
  assert.deepEqual([answer.query, answer.image, answer.right], ['red apple', image, true]);
  const withdrawn = page.waitForResponse('**/v1/feedback');
  await up.click();
  await withdrawn;
  assert.deepEqual(await stored(), []);
});

test('calibration report opens from the page', async () => {
  const page = await visit('/?q=red+apple');
  const opened = open.context.waitForEvent('page');
  await page.locator('#confidence-tools').getByRole('link', { name: 'Calibration report' }).click();
  const report = await opened;
  await report.waitForLoadState();
  assert.match(await report.locator('h1').first().innerText(), /\S/);
  assert.match(await report.locator('body').innerText(), /builtin@/);
});
