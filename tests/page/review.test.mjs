// The Review view: with the program, and with jobs that the test answers.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launch, openPage } from './browser.mjs';
import { contrasts, overflow } from './visual-checks.mjs';
import { startDemo } from './server.mjs';

let browser;
let server;
let open;

before(async () => {
  browser = await launch();
  server = await startDemo();
});
after(async () => {
  await browser?.close();
  server?.stop();
});
afterEach(async () => {
  await open.context.close();
  assert.deepEqual(open.errors, [], 'errors in the console');
  assert.deepEqual(open.foreign, [], 'requests to other servers');
});

async function visit(options = {}) {
  open = await openPage(browser, server.address, { path: '/?view=review', ...options });
  await open.page.getByRole('heading', { name: 'Which pictures need a look?' }).waitFor();
  return open.page;
}

/** Answers the job with findings for two pictures of the gallery. */
async function answerJob(page) {
  const { hits } = await (await fetch(`${server.address}/v1/search?text=apple&k=2`)).json();
  const finding = (text, level, risk, confidence) => ({ text, risk, score: 0.3, confidence, verdict: { level, action: 'replace', bar: { score: 0.29 }, reason: 'score' } });
  const pictures = [
    { image: hits[0].image, paths: hits[0].paths, level: 'block', action: 'replace', findings: [finding('a red apple', 'block', 'high', 0.97), finding('a table', 'flag', 'low', 0.4)] },
    { image: hits[1].image, paths: hits[1].paths, level: 'flag', action: 'check_by_hand', findings: [finding('an apple', 'flag', 'medium', 0.3)] },
  ];
  const report = { space: 's', profile: 'moderation', images: 130, flagged: 2, skipped: 0, failed: [], unknown_patterns: 0, left_out: [], levels: { block: 1, flag: 1, pass: 128 }, patterns: [], cancelled: false, pictures };
  let polls = 0;
  await page.route('**/v1/screen', (route) => route.fulfill({ status: 202, json: { job: '7' } }));
  await page.route('**/v1/jobs/7', (route) => {
    polls += 1;
    const job = { job: '7', kind: 'screen', done: 60, total: 130, report: null, error: null };
    return route.fulfill({ json: polls < 3 ? { ...job, state: 'running' } : { ...job, state: 'done', done: 130, screen_report: report } });
  });
}

test('library is compared with a profile', async () => {
  const page = await visit();
  await page.getByRole('button', { name: 'Compare all pictures' }).click();
  await page.getByText(/^130 pictures compared, \d+ with findings/).waitFor();
  assert.equal(await page.getByRole('combobox', { name: 'Profile' }).inputValue(), 'moderation');
  assert.ok(await page.getByRole('button', { name: 'Compare all pictures' }).isVisible());
});

test('findings are answered for their profile', async () => {
  const page = await visit();
  await answerJob(page);
  await page.getByRole('button', { name: 'Compare all pictures' }).click();
  await page.getByText('60 of 130 pictures compared').waitFor();
  await page.getByText('130 pictures compared, 2 with findings').waitFor();
  assert.equal(await page.locator('.reviewed').count(), 2);
  const first = page.locator('.finding').first();
  assert.match(await first.innerText(), /a red apple\s+block · high risk · 97 %/);
  const sent = page.waitForRequest('**/v1/feedback');
  await first.getByRole('button', { name: 'Confirm' }).click();
  const body = (await sent).postDataJSON();
  assert.deepEqual({ ...body, image: '' }, { profile: 'moderation', text: 'a red apple', image: '', right: true });
  assert.equal(await first.getByRole('button', { name: 'Confirm' }).getAttribute('aria-pressed'), 'true');
  await page.waitForFunction(() => document.querySelector('.finding').dataset.answer === 'true');
  const { answers } = await (await fetch(`${server.address}/v1/feedback?profile=moderation`)).json();
  assert.deepEqual(answers.map(({ query, right }) => [query, right]), [['a red apple', true]]);
  const withdrawn = page.waitForResponse('**/v1/feedback');
  await first.getByRole('button', { name: 'Confirm' }).click();
  await withdrawn;
  assert.equal(await first.getByRole('button', { name: 'Confirm' }).getAttribute('aria-pressed'), 'false');
  await page.getByRole('button', { name: 'flag 1' }).click();
  assert.equal(await page.locator('.reviewed').count(), 1);
});

for (const colorScheme of ['light', 'dark']) {
  test(`review fits a phone, ${colorScheme}`, async () => {
    const page = await visit({ viewport: { width: 390, height: 844 }, colorScheme });
    await answerJob(page);
    await page.getByRole('button', { name: 'Compare all pictures' }).click();
    await page.locator('.reviewed').first().waitFor();
    assert.ok((await overflow(page)) <= 0);
    const selectors = ['.review-lead', '.reviewed-name', '.finding-text', '.finding-facts', '.review-answer', '.review-level'];
    for (const [selector, contrast] of await page.evaluate(contrasts, selectors)) assert.ok(contrast >= 4.5, `${selector}: ${contrast}`);
  });
}
