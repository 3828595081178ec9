// The Match view: the work of it against the real program and its gallery, what goes wrong against the stand-in.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { launch, openPage } from './browser.mjs';
import { contrasts, overflow } from './looks.mjs';
import { GALLERY, startDemo } from './server.mjs';
import { startStandIn } from './standin.mjs';

const APPLE = `${GALLERY}red-apple-on-table.jpg`;

let browser;
let server;
let open;

before(async () => (browser = await launch()));
after(() => browser?.close());

async function visit(path = '/?view=match', options = {}) {
  open = await openPage(browser, server.address, { path, ...options });
  await open.page.locator(path.includes('view=match') ? '#match-view' : '.tile:not(.is-skeleton)').first().waitFor();
  return open.page;
}

/** Waits until the bars are those of `count` texts and no question is under way. */
const answered = (page, count) =>
  page.waitForFunction((count) => document.querySelectorAll('.bar').length === count && !document.querySelector('#match-results').ariaBusy, count);

/** What the bars say once they are there. */
async function bars(page, count) {
  await answered(page, count);
  const row = async (bar) => ({
    text: await bar.locator('.bar-text').innerText(),
    share: await bar.locator('.bar-share').innerText(),
    level: await bar.locator('.bar-level').innerText(),
    width: await bar.locator('.bar-fill').evaluate((fill) => fill.offsetWidth / fill.parentElement.offsetWidth),
    colour: await bar.locator('.bar-fill').evaluate((fill) => getComputedStyle(fill).backgroundColor),
  });
  return Promise.all((await page.locator('.bar').all()).map(row));
}

const addPicture = (page, file = APPLE) => page.locator('#file').setInputFiles(file);
const lines = (page) => page.locator('#match-lines');

describe('against the program', () => {
  before(async () => (server = await startDemo()));
  after(() => server?.stop());
  afterEach(async () => {
    await open.context.close();
    assert.deepEqual(open.errors, [], 'errors in the console');
    assert.deepEqual(open.foreign, [], 'requests to other servers');
  });

  test('a picture and lines of text become bars, the most probable first', async () => {
    const page = await visit();
    await page.getByText('Add a picture and write a line').waitFor();
    await addPicture(page);
    await page.getByText('Write a line to see how well it fits').waitFor();
    await lines(page).fill('a bicycle in the snow\na red apple on a wooden table\n\n  a bicycle in the snow \nfruit');
    const found = await bars(page, 3);
    const percent = ({ share }) => Number.parseInt(share.replace('<1', '0'), 10);
    assert.equal(found.at(-1).text, 'a bicycle in the snow');
    for (const bar of found) {
      const expected = percent(bar) >= 80 ? 'high' : percent(bar) >= 50 ? 'medium' : percent(bar) >= 20 ? 'low' : 'none';
      assert.equal(bar.level, expected, JSON.stringify(bar));
      assert.ok(Math.abs(bar.width - percent(bar) / 100) < 0.03, JSON.stringify(bar));
    }
    assert.deepEqual(found.map(percent), found.map(percent).toSorted((one, other) => other - one));
    await page.getByRole('status').filter({ hasText: '3 texts, the most probable first' }).waitFor();
  });

  test('is reached from the header and left again, and both views keep what they showed', async () => {
    const page = await visit('/?q=red+apple');
    await page.getByRole('link', { name: 'Match', exact: true }).click();
    await page.getByRole('heading', { name: 'How well do words fit a picture?' }).waitFor();
    await page.waitForURL('**/?view=match');
    assert.ok(await page.locator('#search').isHidden());
    assert.equal(await page.title(), 'Match · Eidetic');
    await lines(page).fill('an apple');
    await page.waitForURL('**/?view=match&text=an+apple');
    await page.getByRole('link', { name: 'Search', exact: true }).click();
    await page.waitForURL('**/?q=red+apple');
    assert.equal(await page.locator('#text').inputValue(), 'red apple');
    assert.ok((await page.locator('.tile').count()) > 10);
    await page.getByRole('link', { name: 'Match', exact: true }).click();
    await page.waitForURL('**/?view=match&text=an+apple');
    assert.equal(await lines(page).inputValue(), 'an apple');
  });

  test('a picture of the library comes from the large view with the words that found it', async () => {
    const page = await visit('/?q=red+apple+on+a+table');
    await page.locator('.tile a').first().click();
    await page.getByRole('button', { name: 'Match words' }).click();
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    await page.waitForURL(/\?view=match&like=[0-9a-f]{64}&text=red\+apple\+on\+a\+table$/);
    const [bar] = await bars(page, 1);
    assert.equal(bar.text, 'red apple on a table');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'match-title');
    assert.ok((await page.locator('#match-picture').evaluate((image) => image.decode().then(() => image.naturalWidth))) > 0);
    await page.reload();
    assert.deepEqual(await bars(page, 1), [bar]);
    await page.goBack();
    await page.waitForURL(/\?q=red\+apple\+on\+a\+table#[0-9a-f]{64}$/);
    await page.locator('#viewer').waitFor();
  });

  test('a dropped picture takes the place of the one before', async () => {
    const page = await visit('/?view=match&text=an+apple');
    const bytes = (await readFile(APPLE)).toString('base64');
    const data = await page.evaluateHandle((bytes) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], 'apple.jpg', { type: 'image/jpeg' }));
      return data;
    }, bytes);
    await page.dispatchEvent('main', 'dragenter', { dataTransfer: data });
    await page.getByText('Drop the picture to hold it against your words').waitFor();
    await page.dispatchEvent('main', 'drop', { dataTransfer: data });
    await bars(page, 1);
    assert.ok(page.url().includes('view=match'), 'dropping here does not search');
    assert.equal(await page.locator('#match-picture').getAttribute('alt'), 'Added picture apple.jpg');
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('Add a picture to see how well your lines fit it.').waitFor();
    assert.equal(await page.locator('.bar').count(), 0);
    await page.goBack();
    await bars(page, 1);
  });

  test('a pasted picture is taken, even while somebody writes', async () => {
    const page = await visit('/?view=match&text=an+apple');
    await lines(page).focus();
    const bytes = (await readFile(APPLE)).toString('base64');
    await page.evaluate((bytes) => {
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], 'apple.jpg', { type: 'image/jpeg' }));
      document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
    }, bytes);
    await bars(page, 1);
  });

  test('a picked picture and the lines come back with the back button; after a reload its loss is said', async () => {
    const page = await visit('/?view=match&text=an+apple');
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Choose a picture' }).click();
    await (await chooser).setFiles(APPLE);
    await bars(page, 1);
    await page.locator('.wordmark').click();
    await page.locator('#start').waitFor();
    await page.goBack();
    await bars(page, 1);
    await page.reload();
    await page.getByText('The added picture is gone after the reload.').waitFor();
    assert.equal(await lines(page).inputValue(), 'an apple');
  });
});

describe('against the stand-in', () => {
  beforeEach(async () => (server = await startStandIn()));
  afterEach(async () => {
    await open.context.close();
    await server.stop();
  });

  const image = () => server.behaviour.pictures[0].image;
  const at = (...texts) => `/?${new URLSearchParams([['view', 'match'], ['like', image()], ...texts.map((text) => ['text', text])])}`;

  test('each level has a colour and a word of its own', async () => {
    const page = await visit(at('red disc', 'red ball', 'a red small ball', 'nothing of it'));
    const found = await bars(page, 4);
    assert.deepEqual(found.map(({ share, level }) => `${share} ${level}`), ['100 % high', '50 % medium', '25 % low', '0 % none']);
    assert.equal(new Set(found.map(({ colour }) => colour)).size, 4);
    assert.equal(await page.locator('.bar-share').first().getAttribute('title'), 'Similarity 0.20');
  });

  test('follows what is typed, one question a pause, one entry in the history', async () => {
    const page = await visit(at('red'));
    await bars(page, 1);
    const entries = await page.evaluate(() => history.length);
    await lines(page).focus();
    await page.keyboard.press('Control+End');
    await page.keyboard.press('Enter');
    await lines(page).pressSequentially('blue ring', { delay: 20 });
    const found = await bars(page, 2);
    assert.deepEqual(found.map(({ text }) => text), ['red', 'blue ring']);
    assert.equal(await lines(page).inputValue(), 'red\nblue ring');
    assert.ok(server.behaviour.matches.length <= 3, JSON.stringify(server.behaviour.matches));
    assert.deepEqual(server.behaviour.matches.at(-1), ['red', 'blue ring']);
    assert.ok((await page.evaluate(() => history.length)) <= entries + 1);
    assert.ok(await lines(page).evaluate((field) => field === document.activeElement));
  });

  test('only the newest question counts', async () => {
    server.behaviour.delay = 4000;
    const page = await visit(at('red'));
    const givenUp = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/v1/match'));
    await lines(page).fill('blue');
    await givenUp;
    assert.deepEqual((await bars(page, 1)).map(({ text }) => text), ['blue']);
  });

  test('a failure is said in its place and can be tried again', async () => {
    server.behaviour.failure = { status: 503, type: 'urn:eidetic:problem:overloaded', title: 'Overloaded', detail: 'too many requests' };
    const page = await visit(at('red disc'));
    await page.getByRole('heading', { name: 'The server is busy' }).waitFor();
    server.behaviour.failure = null;
    await page.getByRole('button', { name: 'Try again' }).click();
    assert.equal((await bars(page, 1))[0].level, 'high');
    assert.equal(await page.getByRole('alert').count(), 0);
  });

  test('an unreadable picture is refused with the server’s reason', async () => {
    server.behaviour.failure = { status: 422, type: 'urn:eidetic:problem:unreadable-picture', title: 'Unprocessable', detail: 'the bytes are no picture' };
    const page = await visit('/?view=match&text=red');
    await addPicture(page, { name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') });
    await page.getByRole('heading', { name: 'That picture cannot be read' }).waitFor();
  });

  test('texts are text, never markup, and many of them do not break the address', async () => {
    const many = Array.from({ length: 400 }, (_, index) => `line ${index} <img src=x onerror=alert(1)>`).join('\n');
    const page = await visit(at('red'));
    await lines(page).fill(many);
    await answered(page, 400);
    assert.ok(page.url().length < 6200);
    assert.equal(await page.locator('.bar img').count(), 0);
    await page.reload();
    await answered(page, 400);
    assert.equal(await lines(page).inputValue(), many);
    assert.deepEqual(open.errors, []);
  });

  test('the report opens from here', async () => {
    const page = await visit(at('red'));
    await bars(page, 1);
    const link = page.locator('#match-view').getByRole('link', { name: 'How sure is this?' });
    assert.equal(await link.getAttribute('href'), '/v1/calibration/report');
    assert.equal(await link.getAttribute('target'), '_blank');
  });

  test('everything that can be used has a name, and the landmarks stay', async () => {
    const page = await visit(at('red'));
    await bars(page, 1);
    await page.getByRole('textbox', { name: 'Texts, one a line' }).waitFor();
    await page.getByRole('navigation', { name: 'Views' }).waitFor();
    assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
    assert.equal(await page.getByRole('link', { name: 'Match', exact: true }).getAttribute('aria-current'), 'page');
    assert.match(await page.getByRole('listitem').filter({ hasText: 'red' }).first().innerText(), /red\s+100 %\s+high/);
  });

  test('nothing reaches over the side at any width', async () => {
    for (const width of [320, 390, 768, 1280]) {
      const isPhone = width < 500;
      const page = await visit(at('a'.repeat(300), 'red disc'), { viewport: { width, height: 844 }, isMobile: isPhone, hasTouch: isPhone });
      await bars(page, 2);
      assert.ok((await overflow(page)) <= 0, `at ${width}`);
      await open.context.close();
    }
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`texts and bars stand out enough from their ground, ${colorScheme}`, async () => {
      const page = await visit(at('red disc', 'red ball', 'a red small ball', 'nothing of it'), { colorScheme });
      await bars(page, 4);
      const texts = ['#match-title', '.match-top p', '.match-words label', '#match-lines', '#match-summary', '.bar-share', '.bar-level', '.levels li', '.match-picture .button'];
      for (const [selector, ratio] of await page.evaluate(contrasts, texts)) assert.ok(ratio >= 4.5, `${selector}: ${ratio.toFixed(2)}`);
      // The fill's colour as a text's, so that it is measured against the track behind it.
      await page.locator('.bar-fill').evaluateAll((fills) => fills.forEach((fill) => {
        fill.style.color = getComputedStyle(fill).backgroundColor;
        fill.style.background = 'none';
      }));
      const fills = ['high', 'medium', 'low', 'none'].map((level) => `.bar[data-level="${level}"] .bar-fill`);
      for (const [selector, ratio] of await page.evaluate(contrasts, fills)) assert.ok(ratio >= 3, `${selector}: ${ratio.toFixed(2)}`);
    });
  }
});
