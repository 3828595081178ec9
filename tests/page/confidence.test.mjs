// Confidence of hits, the minimum-confidence slider, feedback, and the link to the calibration report, with the stub server.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { launch, openPage, untilEqual } from './browser.mjs';
import { png } from './drawing.mjs';
import { contrasts, overflow } from './visual-checks.mjs';
import { startStubServer } from './stub-server.mjs';

// From 97 % downwards, 10 % less at every rank; nine hits have at least 10 %.
const falling = (rank) => Math.max(0.004, 0.97 - rank / 10);

let browser;
let server;
let open;

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => (server = await startStubServer({ confidence: falling, verdict: 'match' })));
afterEach(async () => {
  await open?.context.close();
  await server.stop();
});

async function visit(path = '/?q=red', options = {}) {
  open = await openPage(browser, server.address, { path, ...options });
  await open.page.locator('.tile:not(.is-skeleton)').first().waitFor();
  return open.page;
}

const shares = (page) => page.locator('.tile .score').allTextContents();
const tiles = (page, count) => page.waitForFunction((count) => document.querySelectorAll('.tile').length === count, count);

describe('confidence', () => {
  test('shows whole percents, rounded down', async () => {
    server.behavior.confidence = (rank) => [1, 0.997, 0.796, 0.57, 0.004, 0][rank] ?? 0;
    const page = await visit();
    assert.deepEqual((await shares(page)).slice(0, 6), ['100 %', '99 %', '79 %', '57 %', '<1 %', '0 %'].map((share) => `Confidence ${share}`));
    assert.match(await page.locator('.score').first().getAttribute('title'), /Probability/);
  });

  test('is followed by the score in the viewer', async () => {
    const page = await visit();
    await page.locator('.tile a').first().click();
    const facts = page.locator('#viewer-facts');
    await facts.getByText('97 %').waitFor();
    assert.match(await facts.locator('div', { hasText: 'Similarity' }).innerText(), /0\.20/);
  });

  test('is replaced by the score when unknown', async () => {
    server.behavior.confidence = null;
    const page = await visit();
    assert.match((await shares(page))[0], /^Similarity 0\.\d\d$/);
    assert.ok(await page.locator('#confidence-tools').isHidden());
  });
});

describe('similarity to a picture', () => {
  const LEVELS = [[0.98, 'almost_identical'], [0.9, 'very_similar'], [0.3, 'different']];
  const fields = (rank) => ({ similarity: LEVELS[Math.min(rank, 2)][0], similarity_level: LEVELS[Math.min(rank, 2)][1] });

  test('is a bar with its level as name', async () => {
    server.behavior.similarity = fields;
    const page = await visit('/?q=red');
    assert.equal(await page.locator('.tile .score').count(), 0);
    const bars = page.locator('.tile .similarity');
    assert.deepEqual((await bars.allTextContents()).slice(0, 3), ['Similarity almost identical', 'Similarity very similar', 'Similarity different']);
    const share = await bars.nth(2).evaluate((bar) => bar.style.getPropertyValue('--share'));
    assert.equal(Number(share), 0.3);
    assert.ok((await bars.first().boundingBox()).width >= 40);
    await page.locator('.tile a').first().click();
    await page.locator('#viewer-facts').getByText('almost identical').waitFor();
  });

  test('hides the confidence slider', async () => {
    server.behavior.similarity = fields;
    const page = await visit();
    assert.ok(await page.locator('#confidence-tools').isHidden());
  });

  test('says when no hit matches the words', async () => {
    Object.assign(server.behavior, { similarity: fields, confidence: 0.1 });
    const page = await visit();
    await page.locator('#notice').getByText('Probably none matches the words').waitFor();
  });
});

describe('min-confidence slider', () => {
  test('filters cached hits and updates the address', async () => {
    const page = await visit();
    const entries = await page.evaluate(() => history.length);
    await page.locator('#min-confidence').fill('50');
    await tiles(page, 5);
    assert.match(await page.locator('#summary').innerText(), /^5 of 28 pictures, closest first/);
    assert.equal(await page.locator('#min-confidence-value').innerText(), '50 %');
    await page.waitForURL('**/?q=red&least=50');
    await page.locator('#min-confidence').fill('20');
    await tiles(page, 8);
    await page.waitForURL('**/?q=red&least=20');
    assert.deepEqual(server.behavior.minConfidences.slice(-1), [0]);
    assert.equal(await page.evaluate(() => history.length), entries + 1, 'moving the slider adds one entry');
    await page.goBack();
    await tiles(page, 28);
    assert.equal(await page.locator('#min-confidence').inputValue(), '0');
  });

  test('is sent with searches and refetches when lowered', async () => {
    const page = await visit('/?q=red&least=50');
    assert.deepEqual(server.behavior.minConfidences, [0.5]);
    assert.equal(await page.locator('.tile').count(), 5);
    await page.locator('#text').fill('blue');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/?q=blue&least=50');
    assert.equal(server.behavior.minConfidences.at(-1), 0.5);
    // The answer sets the slider.
    await page.locator('.tile').first().filter({ hasText: 'blue' }).waitFor();
    await page.locator('#min-confidence').fill('30');
    await tiles(page, 7);
    assert.equal(server.behavior.minConfidences.at(-1), 0.3);
  });

  test('late answer leaves a moved slider alone', async () => {
    const page = await visit('/?q=red&least=50');
    // The pause after the last move lasts until the clock is advanced.
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    let release;
    const released = new Promise((done) => (release = done));
    await page.route('**/v1/search?**', async (route) => {
      await released;
      await route.continue();
    });
    const slider = page.locator('#min-confidence');
    await page.locator('#text').fill('blue');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/?q=blue&least=50');
    await slider.fill('30');
    const answered = page.locator('.tile').first().filter({ hasText: 'blue' }).waitFor();
    release();
    await answered;
    assert.equal(await slider.inputValue(), '30');
    await page.clock.runFor(1000);
    await page.waitForURL('**/?q=blue&least=30');
    await page.waitForFunction(() => document.querySelectorAll('.tile:not(.is-skeleton)').length === 7);
  });

  test('is sent with an uploaded image', async () => {
    const page = await visit('/?q=red&least=40');
    await page.locator('#file').setInputFiles({ name: 'red.png', mimeType: 'image/png', buffer: png(40, 40, () => [200, 0, 0]) });
    await page.locator('#upload-note').waitFor();
    await page.waitForFunction(() => document.querySelector('#progress').hidden && document.querySelectorAll('.tile:not(.is-skeleton)').length === 6);
    assert.equal(server.behavior.minConfidences.at(-1), 0.4);
  });

  test('offers the closest hits when none remain', async () => {
    const page = await visit();
    await page.locator('#min-confidence').fill('99');
    await page.getByRole('heading', { name: 'No confident match' }).waitFor();
    await page.getByText('reaches a confidence of 99 %').waitFor();
    await page.getByRole('button', { name: 'Show the closest anyway' }).click();
    await tiles(page, 28);
    await page.waitForURL('**/?q=red');
  });

  test('is operable by keyboard and announces its value', async () => {
    const page = await visit();
    const slider = page.getByRole('slider', { name: 'at least' });
    await slider.focus();
    for (let step = 0; step < 9; step += 1) await page.keyboard.press('ArrowRight');
    assert.equal(await slider.getAttribute('aria-valuetext'), 'at least 9 percent');
    await tiles(page, 9);
    assert.ok(await slider.evaluate((slider) => slider === document.activeElement));
  });

  test('ignores invalid values in the address', async () => {
    for (const wrong of ['0', '100', '-5', '5e1', 'many', '7.5']) {
      const page = await visit(`/?q=red&least=${wrong}`);
      assert.equal(await page.locator('#min-confidence').inputValue(), '0', wrong);
      await open.context.close();
    }
  });
});

test('no-match notice shows until no hits remain', async () => {
  server.behavior.verdict = 'no_match';
  const page = await visit();
  await page.getByText('Probably no match; showing the closest pictures.').waitFor();
  assert.ok((await page.locator('.tile').count()) > 1);
  await page.locator('#min-confidence').fill('90');
  await page.getByText('Probably no match; showing the closest picture.').waitFor();
  await page.locator('#min-confidence').fill('99');
  await page.locator('#notice').waitFor({ state: 'hidden' });
});

test('calibration report opens in a new tab', async () => {
  const page = await visit();
  await open.context.route('**/v1/calibration/report', (route) => route.fulfill({ contentType: 'text/html', body: '<title>Report</title>' }));
  const opened = open.context.waitForEvent('page');
  await page.locator('#confidence-tools').getByRole('link', { name: 'Calibration report' }).click();
  const report = await opened;
  await report.waitForLoadState();
  assert.equal(new URL(report.url()).pathname, '/v1/calibration/report');
  assert.equal(await report.title(), 'Report');
  assert.equal(await report.evaluate(() => window.opener), null);
});

describe('thumbs', () => {
  /** Responds to feedback as the server does; returns the requests sent so far. */
  async function acceptFeedback(page, respond = (route, sent) => route.fulfill({ json: { answers: sent.length, needed: 50 } })) {
    const sent = [];
    await page.route('**/v1/feedback', async (route) => {
      sent.push(route.request().postDataJSON());
      await respond(route, sent);
    });
    return sent;
  }

  const inViewer = (page, name) => page.locator('#viewer').getByRole('button', { name, exact: true });
  const pressed = (button) => button.getAttribute('aria-pressed');
  const firstImage = (page) => page.locator('.tile a').first().getAttribute('data-image');

  test('send feedback, toggle, and sync with the grid', async () => {
    const page = await visit();
    const sent = await acceptFeedback(page);
    const image = await firstImage(page);
    await page.locator('.tile a').first().click();
    await page.getByText('Does it match “red”?').waitFor();
    await inViewer(page, 'It matches').click();
    await page.getByText('50 answers are needed to adjust the confidences; this library has 1.').waitFor();
    await inViewer(page, 'It does not match').click();
    assert.deepEqual([await pressed(inViewer(page, 'It matches')), await pressed(inViewer(page, 'It does not match'))], ['false', 'true']);
    await page.keyboard.press('Escape');
    await page.locator('#viewer').waitFor({ state: 'hidden' });
    const inGrid = page.locator('.tile').first().getByRole('button', { name: 'It does not match' });
    assert.equal(await pressed(inGrid), 'true');
    await inGrid.click();
    assert.equal(await pressed(inGrid), 'false');
    await page.waitForFunction(() => document.querySelectorAll('.thumb[aria-pressed="true"]').length === 0);
    const about = { text: 'red', like: null, image };
    await untilEqual(() => sent, [{ ...about, right: true }, { ...about, right: false }, { ...about, right: null }]);
  });

  test('of an image search name the query image', async () => {
    const page = await visit();
    const sent = await acceptFeedback(page);
    const like = await firstImage(page);
    await page.goto(`/?like=${like}`);
    await page.locator('.tile a').first().click();
    await page.getByText('Is it similar to the query picture?').waitFor();
    const image = new URL(page.url()).hash.slice(1);
    await inViewer(page, 'It does not match').click();
    await page.getByText('Thank you.').waitFor();
    await untilEqual(() => sent, [{ text: null, like, image, right: false }]);
  });

  test('are absent for queries of several parts', async () => {
    const page = await visit();
    const like = await firstImage(page);
    for (const mixed of ['/?q=red&without=blue', `/?q=red&like=${like}`, `/?like=${like}&without=blue`]) {
      await page.goto(mixed);
      await page.locator('.tile a').first().click();
      await page.locator('#viewer').waitFor();
      assert.equal(await page.locator('.thumb').count(), 0, mixed);
      assert.ok(await page.locator('#viewer-feedback').isHidden(), mixed);
    }
    await page.goto('/');
    await page.locator('.tile').first().waitFor();
    assert.equal(await page.locator('.thumb').count(), 0, 'images of the start view are not hits of a search');
  });

  test('revert and explain feedback that fails', async () => {
    const page = await visit();
    await acceptFeedback(page, (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', json: { title: 'Overloaded', detail: 'too many requests' } }));
    await page.locator('.tile a').first().click();
    await inViewer(page, 'It matches').click();
    await inViewer(page, 'It does not match').click();
    await page.getByText('Your answer was not saved: too many requests').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.thumb[aria-pressed="true"]').length === 0);
  });

  test('update at once and send changes in order', async () => {
    const page = await visit();
    let release;
    const released = new Promise((done) => (release = done));
    const sent = await acceptFeedback(page, async (route, sent) => {
      if (sent.length === 1) await released;
      await route.fulfill({ json: { answers: 60, needed: 50 } });
    });
    await page.locator('.tile a').first().click();
    await inViewer(page, 'It matches').click();
    assert.equal(await pressed(inViewer(page, 'It matches')), 'true');
    await inViewer(page, 'It does not match').click();
    await untilEqual(() => sent.length, 1);
    release();
    await page.getByText('Your answers adjust the confidences.').waitFor();
    await page.waitForFunction(() => document.querySelector('#viewer .thumb[aria-label="It does not match"]').getAttribute('aria-pressed') === 'true');
    await untilEqual(() => sent.map(({ right }) => right), [true, false]);
  });

  test('on tiles show on hover and focus only', async () => {
    const page = await visit();
    await acceptFeedback(page);
    const up = page.locator('.tile').nth(1).locator('.thumb').first();
    assert.ok(await up.isHidden());
    await page.locator('.tile').nth(1).hover();
    assert.ok(await up.isVisible());
    await page.mouse.move(0, 0);
    assert.ok(await up.isHidden());
    await page.locator('.tile a').nth(1).focus();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), 'It matches');
    await page.keyboard.press('Space');
    assert.equal(await pressed(up), 'true');
    assert.ok(await page.locator('#viewer').isHidden(), 'a thumb does not open the picture');
    await page.locator('#text').focus();
    assert.ok(await up.isVisible(), 'given answers stay visible');
    assert.ok(await page.locator('.tile').nth(1).locator('.thumb').nth(1).isHidden());
  });

  test('on phones show in the viewer only', async () => {
    const page = await visit('/?q=red', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
    await page.locator('.tile a').first().focus();
    assert.ok(await page.locator('.tile .thumb').first().isHidden());
    await page.locator('.tile a').first().click();
    await inViewer(page, 'It matches').waitFor();
    const box = await inViewer(page, 'It matches').boundingBox();
    assert.ok(box.height >= 44 && box.width >= 44, JSON.stringify(box));
  });
});

test('confidence controls never overflow at any width', async () => {
  server.behavior.verdict = 'no_match';
  for (const width of [320, 390, 768, 1280]) {
    const isPhone = width < 500;
    const page = await visit('/?q=red&least=2', { viewport: { width, height: 844 }, isMobile: isPhone, hasTouch: isPhone });
    assert.ok((await overflow(page)) <= 0, `results at ${width}`);
    const parts = await page.locator('.answer-line *, .top *, .notice *').evaluateAll((items) => items.filter((item) => item.getClientRects().length > 0 && !item.closest('.visually-hidden, svg')).map((item) => item.getBoundingClientRect().right));
    assert.ok(Math.max(...parts) <= width - (width > 640 ? 0 : 8), `${Math.max(...parts)} at ${width}`);
    await page.locator('.tile a').first().click();
    const inside = await page.locator('#viewer-details').evaluate((details) => details.scrollWidth <= details.clientWidth);
    assert.ok(inside, `large view at ${width}`);
    await open.context.close();
  }
});

for (const colorScheme of ['light', 'dark']) {
  test(`notice and thumbs have sufficient contrast, ${colorScheme}`, async () => {
    server.behavior.verdict = 'no_match';
    const page = await visit('/?q=red', { colorScheme });
    await page.route('**/v1/feedback', (route) => route.fulfill({ json: { answers: 1, needed: 50 } }));
    await page.locator('.tile a').first().click();
    await page.locator('#viewer .thumb').first().click();
    const selectors = ['.notice p', '.min-confidence output', '.report-link', '#viewer-question', '#viewer .thumb[aria-pressed="true"]', '#viewer .thumb[aria-pressed="false"]', '.facts .report-link'];
    for (const [selector, ratio] of await page.evaluate(contrasts, selectors)) assert.ok(ratio >= 4.5, `${selector}: ${ratio.toFixed(2)}`);
  });
}
