// The Match view: its function with the real program and gallery, its failures with the stub server.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { launch, openPage } from './browser.mjs';
import { contrasts, overflow } from './visual-checks.mjs';
import { GALLERY, startDemo } from './server.mjs';
import { startStubServer } from './stub-server.mjs';

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

/** Waits until there are `count` bars and no request is running. */
const answered = (page, count) =>
  page.waitForFunction((count) => document.querySelectorAll('.bar').length === count && !document.querySelector('#match-results').ariaBusy, count);

/** Texts, shares, levels, widths and colors of the bars. */
async function bars(page, count) {
  await answered(page, count);
  const row = async (bar) => ({
    text: await bar.locator('.bar-text').innerText(),
    share: await bar.locator('.bar-share').innerText(),
    level: await bar.locator('.bar-level').innerText(),
    width: await bar.locator('.bar-fill').evaluate((fill) => fill.offsetWidth / fill.parentElement.offsetWidth),
    color: await bar.locator('.bar-fill').evaluate((fill) => getComputedStyle(fill).backgroundColor),
  });
  return Promise.all((await page.locator('.bar').all()).map(row));
}

const addImage = (page, file = APPLE) => page.locator('#file').setInputFiles(file);
const lines = (page) => page.locator('#match-lines');

describe('with the program', () => {
  before(async () => (server = await startDemo()));
  after(() => server?.stop());
  afterEach(async () => {
    await open.context.close();
    assert.deepEqual(open.errors, [], 'errors in the console');
    assert.deepEqual(open.foreign, [], 'requests to other servers');
  });

  test('image and texts become bars, best first', async () => {
    const page = await visit();
    await page.getByText('Add a picture and write a line').waitFor();
    await addImage(page);
    await page.getByText('Write a line to see how well it matches').waitFor();
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
    await page.getByRole('status').filter({ hasText: 'Most probable first' }).waitFor();
    await page.getByText('3 texts · 1 repeated line left out').waitFor();
    assert.match(await page.locator('.bar-score').first().innerText(), /^score −?0\.\d{4} · normalized [01]\.\d{4}$/);
    assert.match(await page.locator('#match-summary').innerText(), / · \d+ ms$/);
  });

  test('breakdown shows views of each text', async () => {
    const page = await visit('/?view=match&text=a+red+apple&text=a+bicycle');
    assert.ok(await page.locator('#match-option').isHidden(), 'there is nothing to break down yet');
    await addImage(page);
    await bars(page, 2);
    assert.equal(await page.locator('.bar-views').count(), 0);
    await page.getByRole('checkbox', { name: 'Show the breakdown' }).check();
    await page.locator('.bar-views').nth(1).waitFor();
    assert.match(await page.locator('.bar-views').first().innerText(), /^text to picture\s+99 %\s+picture to text\s+99 %\s+words\s+100 %\s+together\s+99 %$/);
    await page.getByText('The breakdown moves a level by one').waitFor();
    await page.waitForURL('**/?view=match&breakdown=1&text=a+red+apple&text=a+bicycle');
    await page.goBack();
    await page.locator('.bar-views').first().waitFor({ state: 'detached' });
    assert.ok(!(await page.getByRole('checkbox', { name: 'Show the breakdown' }).isChecked()));
  });

  test('breakdown fits narrow phones', async () => {
    const page = await visit('/?q=red+apple');
    const image = await page.locator('.tile a').first().getAttribute('href');
    await open.context.close();
    const [like] = /[0-9a-f]{64}/.exec(image);
    for (const width of [320, 390]) {
      const page = await visit(`/?view=match&like=${like}&breakdown=1&text=${'a'.repeat(300)}&text=a+fluffy+apple`, { viewport: { width, height: 844 }, isMobile: true, hasTouch: true });
      await page.locator('.bar-views').nth(1).waitFor();
      assert.ok((await overflow(page)) <= 0, `at ${width}`);
      if (width === 320) await open.context.close();
    }
  });

  test('unknown words are named', async () => {
    const page = await visit('/?view=match&text=a+fluffy+apple&text=fluffy');
    await addImage(page);
    await answered(page, 2);
    assert.deepEqual(await page.locator('.bar-note').allInnerTexts(), [
      'The model does not know “fluffy”: the text was compared without it, and its level is low at most.',
      'The model does not know “fluffy”, so there is no confidence.',
    ]);
  });

  test('many texts are compared in parts', async () => {
    const page = await visit();
    await addImage(page);
    const texts = Array.from({ length: 250 }, (_, number) => `a red apple number ${number}`);
    const progress = page.waitForFunction(() => /^100 of 250 texts compared$/.test(document.querySelector('#match-summary').textContent));
    await lines(page).fill(['a bicycle', ...texts.slice(1)].join('\n'));
    await progress;
    const found = await bars(page, 250);
    const percent = ({ share }) => Number.parseInt(share.replace('<1', '0'), 10);
    assert.deepEqual(found.map(percent), found.map(percent).toSorted((one, other) => other - one));
    assert.ok(found.findIndex(({ text }) => text === 'a bicycle') > 100);
  });

  test('view links keep the state of both views', async () => {
    const page = await visit('/?q=red+apple');
    await page.getByRole('link', { name: 'Match', exact: true }).click();
    await page.getByRole('heading', { name: 'How well do words match a picture?' }).waitFor();
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

  test('viewer passes its image and query words', async () => {
    const page = await visit('/?q=red+apple+on+a+table');
    await page.locator('.tile a').first().click();
    await page.getByRole('button', { name: 'Match words' }).click();
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    await page.waitForURL(/\?view=match&like=[0-9a-f]{64}&text=red\+apple\+on\+a\+table$/);
    const [bar] = await bars(page, 1);
    assert.equal(bar.text, 'red apple on a table');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'match-title');
    assert.ok((await page.locator('#match-image').evaluate((image) => image.decode().then(() => image.naturalWidth))) > 0);
    await page.reload();
    assert.deepEqual(await bars(page, 1), [bar]);
    await page.goBack();
    await page.waitForURL(/\?q=red\+apple\+on\+a\+table#[0-9a-f]{64}$/);
    await page.locator('#viewer').waitFor();
  });

  test('dropped image replaces the previous one', async () => {
    const page = await visit('/?view=match&text=an+apple');
    const bytes = (await readFile(APPLE)).toString('base64');
    const data = await page.evaluateHandle((bytes) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], 'apple.jpg', { type: 'image/jpeg' }));
      return data;
    }, bytes);
    await page.dispatchEvent('main', 'dragenter', { dataTransfer: data });
    await page.getByText('Drop the picture to match it with your words').waitFor();
    await page.dispatchEvent('main', 'drop', { dataTransfer: data });
    await bars(page, 1);
    assert.ok(page.url().includes('view=match'), 'dropping here does not search');
    assert.equal(await page.locator('#match-image').getAttribute('alt'), 'Added picture apple.jpg');
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('Add a picture to see how well your lines match it.').waitFor();
    assert.equal(await page.locator('.bar').count(), 0);
    await page.goBack();
    await bars(page, 1);
  });

  test('pasted image is added while typing', async () => {
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

  test('back restores image and lines, reload loses image', async () => {
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
    await page.getByText('The added picture was lost in the reload. Add it again.').waitFor();
    assert.equal(await lines(page).inputValue(), 'an apple');
  });
});

describe('with the stub server', () => {
  beforeEach(async () => (server = await startStubServer()));
  afterEach(async () => {
    await open.context.close();
    await server.stop();
  });

  const image = () => server.behavior.images[0].image;
  const at = (...texts) => `/?${new URLSearchParams([['view', 'match'], ['like', image()], ...texts.map((text) => ['text', text])])}`;

  test('each level has its own color and label', async () => {
    const page = await visit(at('red disc', 'red ball', 'a red small ball', 'nothing of it'));
    const found = await bars(page, 4);
    assert.deepEqual(found.map(({ share, level }) => `${share} ${level}`), ['100 % high', '50 % medium', '25 % low', '0 % none']);
    assert.equal(new Set(found.map(({ color }) => color)).size, 4);
    assert.equal(await page.locator('.bar-share').first().getAttribute('title'), 'Similarity 0.20');
  });

  test('typing is debounced and adds one history entry', async () => {
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
    assert.ok(server.behavior.matches.length <= 3, JSON.stringify(server.behavior.matches));
    assert.deepEqual(server.behavior.matches.at(-1), ['red', 'blue ring']);
    assert.ok((await page.evaluate(() => history.length)) <= entries + 1);
    assert.ok(await lines(page).evaluate((field) => field === document.activeElement));
  });

  test('newer request aborts the previous one', async () => {
    server.behavior.delay = 4000;
    const page = await visit(at('red'));
    const aborted = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/v1/match'));
    await lines(page).fill('blue');
    await aborted;
    assert.deepEqual((await bars(page, 1)).map(({ text }) => text), ['blue']);
  });

  test('failure is shown and can be retried', async () => {
    server.behavior.failure = { status: 503, type: 'urn:eidetic:problem:overloaded', title: 'Overloaded', detail: 'too many requests' };
    const page = await visit(at('red disc'));
    await page.getByRole('heading', { name: 'The server is busy' }).waitFor();
    server.behavior.failure = null;
    await page.getByRole('button', { name: 'Try again' }).click();
    assert.equal((await bars(page, 1))[0].level, 'high');
    assert.equal(await page.getByRole('alert').count(), 0);
  });

  test('unreadable image shows the server’s reason', async () => {
    server.behavior.failure = { status: 422, type: 'urn:eidetic:problem:unreadable-picture', title: 'Unprocessable', detail: 'the bytes are no picture' };
    const page = await visit('/?view=match&text=red');
    await addImage(page, { name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') });
    await page.getByRole('heading', { name: 'That picture cannot be read' }).waitFor();
  });

  test('many texts stay text and fit the address', async () => {
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

  test('calibration report is linked', async () => {
    const page = await visit(at('red'));
    await bars(page, 1);
    const link = page.locator('#match-view').getByRole('link', { name: 'Calibration report' });
    assert.equal(await link.getAttribute('href'), '/v1/calibration/report');
    assert.equal(await link.getAttribute('target'), '_blank');
  });

  test('controls have names and landmarks remain', async () => {
    const page = await visit(at('red'));
    await bars(page, 1);
    await page.getByRole('textbox', { name: 'Texts, one per line' }).waitFor();
    await page.getByRole('navigation', { name: 'Views' }).waitFor();
    assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
    assert.equal(await page.getByRole('link', { name: 'Match', exact: true }).getAttribute('aria-current'), 'page');
    assert.match(await page.getByRole('listitem').filter({ hasText: 'red' }).first().innerText(), /red\s+100 %\s+high/);
  });

  test('nothing overflows at any width', async () => {
    for (const width of [320, 390, 768, 1280]) {
      const isPhone = width < 500;
      const page = await visit(at('a'.repeat(300), 'red disc'), { viewport: { width, height: 844 }, isMobile: isPhone, hasTouch: isPhone });
      await bars(page, 2);
      assert.ok((await overflow(page)) <= 0, `at ${width}`);
      await open.context.close();
    }
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`texts and bars have sufficient contrast, ${colorScheme}`, async () => {
      const page = await visit(at('red disc', 'red ball', 'a red small ball', 'nothing of it'), { colorScheme });
      await bars(page, 4);
      const texts = ['#match-title', '.match-top p', '.match-words label', '#match-lines', '#match-summary', '.bar-share', '.bar-level', '.levels li', '.match-image .button'];
      for (const [selector, ratio] of await page.evaluate(contrasts, texts)) assert.ok(ratio >= 4.5, `${selector}: ${ratio.toFixed(2)}`);
      // Sets the fill's color as text color, so that its contrast with the track is measured.
      await page.locator('.bar-fill').evaluateAll((fills) => fills.forEach((fill) => {
        fill.style.color = getComputedStyle(fill).backgroundColor;
        fill.style.background = 'none';
      }));
      const fills = ['high', 'medium', 'low', 'none'].map((level) => `.bar[data-level="${level}"] .bar-fill`);
      for (const [selector, ratio] of await page.evaluate(contrasts, fills)) assert.ok(ratio >= 3, `${selector}: ${ratio.toFixed(2)}`);
    });
  }
});
