// The Review view: with the program, and with jobs that the test answers.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { launch, openPage, untilEqual } from './browser.mjs';
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

const compare = (page) => page.getByRole('button', { name: 'Compare all pictures' }).click();

const finding = (text, level, risk, confidence) => ({ text, risk, score: 0.3, confidence, verdict: { level, action: 'replace', bar: { score: 0.29 }, reason: 'score' } });

const reportOf = (pictures) => ({
  space: 's', profile: 'moderation', images: 130, flagged: pictures.length, skipped: 0, failed: [], unknown_patterns: 0, left_out: [],
  levels: { block: 1, flag: 1, pass: 128 }, patterns: [], cancelled: false, pictures,
});

/** Pictures of the gallery, to be found. */
async function found(count) {
  const { hits } = await (await fetch(`${server.address}/v1/search?text=apple&k=${count}`)).json();
  return hits.map(({ image, paths }) => ({ image, paths, action: 'replace' }));
}

/** Answers the job: first with its progress, then as in `ended`. */
async function answerJobWith(page, ended) {
  let polls = 0;
  await page.route('**/v1/screen', (route) => route.fulfill({ status: 202, json: { job: '7' } }));
  await page.route('**/v1/jobs/7', (route) => {
    polls += 1;
    const job = { job: '7', kind: 'screen', done: 60, total: 130, report: null, error: null };
    return route.fulfill({ json: polls < 3 ? { ...job, state: 'running' } : { ...job, state: 'done', done: 130, ...ended } });
  });
}

/** Answers the job with findings for two pictures of the gallery. */
async function answerJob(page) {
  const [first, second] = await found(2);
  const pictures = [
    { ...first, level: 'block', findings: [finding('a red apple', 'block', 'high', 0.97), finding('a table', 'flag', 'low', 0.4)] },
    { ...second, level: 'flag', action: 'check_by_hand', findings: [finding('an apple', 'flag', 'medium', null)] },
  ];
  await answerJobWith(page, { screen_report: reportOf(pictures) });
}

/** Keeps answers from the server; returns those that the page sends, the text and whether it is right. */
async function keepAnswers(page) {
  const sent = [];
  await page.route('**/v1/feedback', (route) => {
    const { text, right } = route.request().postDataJSON();
    sent.push([text, right]);
    return route.fulfill({ json: { answers: sent.length, needed: 50 } });
  });
  return sent;
}

/** The text of the finding that has the focus. */
const focused = (page) => page.evaluate(() => document.activeElement.dataset.text);

test('library is compared with a profile', async () => {
  const page = await visit();
  await compare(page);
  await page.getByText('130 pictures compared, 0 with findings').waitFor();
  await page.getByRole('heading', { name: 'No findings' }).waitFor();
  await page.getByText('No picture matches the one pattern that the model knows.').waitFor();
  await page.getByText('41 of 42 patterns were left out: the model does not know all of their words').click();
  await page.getByText('unknown: “assault”, “rifle”').waitFor();
  assert.equal(await page.getByRole('combobox', { name: 'Profile' }).inputValue(), 'moderation');
  assert.ok(await page.getByRole('button', { name: 'Compare all pictures' }).isVisible());
});

test('findings are answered for their profile', async () => {
  const page = await visit();
  await answerJob(page);
  await compare(page);
  await page.getByText('60 of 130 pictures compared').waitFor();
  await page.getByText('130 pictures compared, 2 with findings').waitFor();
  assert.equal(await page.locator('.reviewed').count(), 2);
  const first = page.locator('.finding').first();
  assert.match(await first.innerText(), /^block\s+a red apple\s+97 % confidence · high risk/);
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

test('answers survive filters and another comparison', async () => {
  const page = await visit();
  await answerJob(page);
  await compare(page);
  const confirm = page.locator('.finding').first().getByRole('button', { name: 'Confirm' });
  const stored = page.waitForResponse('**/v1/feedback');
  await confirm.click();
  await stored;
  await page.getByText('1 of 3 findings answered').waitFor();
  await page.getByRole('button', { name: 'flag 1' }).click();
  assert.equal(await page.locator('.finding').count(), 1);
  await page.getByRole('button', { name: 'All 2' }).click();
  assert.equal(await confirm.getAttribute('aria-pressed'), 'true');
  await compare(page);
  await page.getByText('1 of 3 findings answered').waitFor();
  assert.equal(await confirm.getAttribute('aria-pressed'), 'true');
  const withdrawn = page.waitForResponse('**/v1/feedback');
  await confirm.click();
  await withdrawn;
});

test('answered findings can be hidden', async () => {
  const page = await visit();
  await answerJob(page);
  await keepAnswers(page);
  await compare(page);
  const dismiss = page.locator('.finding').getByRole('button', { name: 'Dismiss' });
  await dismiss.nth(0).click();
  await dismiss.nth(1).click();
  const chip = page.getByRole('button', { name: 'Unanswered only' });
  await chip.click();
  assert.deepEqual(await page.locator('.finding-words').allInnerTexts(), ['an apple']);
  assert.ok(await chip.evaluate((button) => button === document.activeElement));
  await dismiss.click();
  assert.equal(await page.locator('.finding').count(), 1, 'an answer can be changed');
  await page.getByRole('button', { name: 'All 2' }).click();
  await page.getByText('All findings here are answered.').waitFor();
  await chip.click();
  assert.equal(await page.locator('.finding').count(), 3);
});

test('keys move, confirm, dismiss and undo', async () => {
  const page = await visit();
  await answerJob(page);
  const sent = await keepAnswers(page);
  await compare(page);
  await page.locator('.finding').first().waitFor();
  await page.keyboard.press('c');
  assert.deepEqual(sent, [], 'no finding has the focus');
  await page.keyboard.press('j');
  assert.equal(await focused(page), 'a red apple');
  await page.keyboard.press('c');
  assert.equal(await focused(page), 'a table');
  await page.keyboard.press('d');
  assert.equal(await focused(page), 'an apple');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('k');
  assert.equal(await focused(page), 'a red apple');
  await page.keyboard.press('c');
  await page.keyboard.press('k');
  await page.keyboard.press('u');
  await page.getByText('1 of 3 findings answered').waitFor();
  await untilEqual(() => sent, [['a red apple', true], ['a table', false], ['a red apple', null]]);
  const opened = page.waitForEvent('popup');
  await page.keyboard.press('o');
  assert.match((await opened).url(), /\/v1\/images\/[0-9a-f]{64}\/file\?view=1$/);
});

test('keys are typed elsewhere', async () => {
  const page = await visit();
  await answerJob(page);
  await compare(page);
  await page.locator('.finding').first().waitFor();
  await page.getByRole('combobox', { name: 'Profile' }).focus();
  await page.keyboard.press('j');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'review-profile');
  await page.getByRole('link', { name: 'Search', exact: true }).click();
  await page.locator('#text').fill('');
  await page.locator('#text').pressSequentially('jack');
  assert.equal(await page.locator('#text').inputValue(), 'jack');
});

test('ten thousand findings stay quick', async () => {
  const page = await visit();
  const pictures = await found(20);
  const many = Array.from({ length: 10_000 }, (_, index) => ({ ...pictures[index % 20], level: 'flag', findings: [finding(`text ${index}`, 'flag', 'low', 0.4)] }));
  await answerJobWith(page, { screen_report: reportOf(many) });
  await keepAnswers(page);
  await compare(page);
  await page.getByText('1–50 of 10,000 pictures').waitFor();
  assert.equal(await page.locator('.finding').count(), 50);
  assert.ok(await page.getByRole('button', { name: 'Previous' }).isDisabled());
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText('51–100 of 10,000 pictures').waitFor();
  assert.equal(await page.locator('.finding').count(), 50);
  assert.equal(await focused(page), 'text 50');
  await page.keyboard.press('k');
  assert.equal(await focused(page), 'text 49', 'keys turn pages too');
  const time = await page.evaluate(() => {
    const start = performance.now();
    document.activeElement.querySelector('.review-answer').click();
    return performance.now() - start;
  });
  assert.ok(time < 200, `an answer took ${time} ms`);
  await page.getByText('1 of 10,000 findings answered').waitFor();
});

test('comparison survives a reload', async () => {
  const page = await visit();
  await answerJob(page);
  await compare(page);
  await page.locator('.finding').first().waitFor();
  await page.reload();
  await page.getByText('130 pictures compared, 2 with findings').waitFor();
  await page.getByRole('link', { name: 'Match', exact: true }).click();
  await page.getByRole('link', { name: 'Review', exact: true }).click();
  assert.equal(await page.locator('.finding').count(), 3);
  await page.reload();
  await page.locator('.finding').first().waitFor();
});

test('forgotten job leaves an empty review', async () => {
  const page = await visit();
  await answerJob(page);
  await compare(page);
  await page.locator('.finding').first().waitFor();
  await page.unroute('**/v1/jobs/7');
  await page.route('**/v1/jobs/7', (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', json: { type: 'urn:eidetic:problem:unknown-job', title: 'Unknown job', status: 404 } }));
  await page.reload();
  await page.getByRole('heading', { name: 'Nothing compared yet' }).waitFor();
  assert.equal(open.errors.splice(0).length, 1);
});

test('stopped comparison keeps its findings', async () => {
  const page = await visit();
  const [first] = await found(1);
  const report = { ...reportOf([{ ...first, level: 'flag', findings: [finding('an apple', 'flag', 'low', 0.3)] }]), images: 60, cancelled: true };
  let isStopped = false;
  await page.route('**/v1/screen', (route) => route.fulfill({ status: 202, json: { job: '7' } }));
  await page.route('**/v1/jobs/7', (route) => {
    isStopped ||= route.request().method() === 'DELETE';
    return route.fulfill({ json: { job: '7', kind: 'screen', done: 60, total: 130, ...(isStopped ? { state: 'cancelled', screen_report: report } : { state: 'running' }) } });
  });
  await compare(page);
  const progress = page.getByRole('progressbar', { name: '60 of 130 pictures compared' });
  await progress.waitFor();
  assert.equal(await progress.evaluate(({ value, max }) => value / max), 60 / 130);
  assert.ok(await page.getByRole('combobox', { name: 'Profile' }).isDisabled());
  await page.keyboard.press('Enter');
  await page.getByText('60 pictures compared, 1 with findings, stopped before the end').waitFor();
  assert.ok(isStopped, 'the focus moved to the Stop button');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'review-start');
  assert.ok(await progress.isHidden());
});

test('failed comparison can be repeated', async () => {
  const page = await visit();
  await answerJobWith(page, { state: 'failed', error: 'the vectors are damaged' });
  await compare(page);
  await page.getByRole('heading', { name: 'The comparison failed' }).waitFor();
  await page.getByText('The vectors are damaged.').waitFor();
  await page.unrouteAll();
  await answerJob(page);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.finding').first().waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
});

test('comparison that waits for another is shown', async () => {
  const page = await visit();
  const answers = [{ state: 'queued', waits_for: '6' }, { state: 'running', done: 60, total: 130 }, { state: 'done', done: 130, total: 130, screen_report: reportOf([]) }];
  await page.route('**/v1/screen', (route) => route.fulfill({ status: 202, json: { job: '7' } }));
  await page.route('**/v1/jobs/7', (route) => route.fulfill({ json: { job: '7', kind: 'screen', done: 0, total: null, report: null, error: null, ...answers[0] } }));
  await compare(page);
  await page.getByText('Waiting for another comparison to end').waitFor();
  answers.shift();
  await page.getByText('60 of 130 pictures compared').waitFor();
  answers.shift();
  await page.getByRole('heading', { name: 'No findings' }).waitFor();
});

test('refused answer is taken back', async () => {
  const page = await visit();
  await answerJob(page);
  await compare(page);
  await page.route('**/v1/feedback', (route) => route.fulfill({ status: 503, json: { title: 'Overloaded', detail: 'too many requests' } }));
  const confirm = page.locator('.finding').first().getByRole('button', { name: 'Confirm' });
  await confirm.click();
  await page.getByText('Your answer was not saved: too many requests').waitFor();
  assert.equal(await confirm.getAttribute('aria-pressed'), 'false');
  await page.getByText('0 of 3 findings answered').waitFor();
  assert.equal(open.errors.splice(0).length, 1);
});

test('review fits every width', async () => {
  for (const width of [320, 390, 768, 1280]) {
    const isPhone = width < 500;
    const page = await visit({ viewport: { width, height: 844 }, isMobile: isPhone, hasTouch: isPhone });
    const long = 'word'.repeat(60);
    const pictures = (await found(1)).flatMap((picture) => Array.from({ length: 60 }, () => ({ ...picture, paths: [`/pictures/${long}.jpg`, '/copy.jpg'], level: 'flag', findings: [finding(long, 'flag', 'low', null)] })));
    const leftOut = [{ text: long, unknown_words: [long] }, { text: '受伤的动物', unknown_words: ['受伤'] }];
    await answerJobWith(page, { screen_report: { ...reportOf(pictures), left_out: leftOut } });
    await compare(page);
    await page.locator('.finding').first().waitFor();
    await page.getByText('2 of 42 patterns were left out').click();
    assert.ok((await overflow(page)) <= 0, `at ${width}`);
    if (width < 1280) await open.context.close();
  }
});

for (const colorScheme of ['light', 'dark']) {
  test(`review fits a phone, ${colorScheme}`, async () => {
    const page = await visit({ viewport: { width: 390, height: 844 }, colorScheme });
    await answerJob(page);
    await compare(page);
    await page.locator('.reviewed').first().waitFor();
    assert.ok((await overflow(page)) <= 0);
    const selectors = ['.review-lead', '.reviewed-name', '.finding-text', '.finding-facts', '.review-answer', '.review-level', '.review-answered', '.review-tag', '.review-summary', '.review-description'];
    for (const [selector, contrast] of await page.evaluate(contrasts, selectors)) assert.ok(contrast >= 4.5, `${selector}: ${contrast}`);
    await page.locator('.finding').first().focus();
    for (const [selector, contrast] of await page.evaluate(contrasts, ['.finding-facts', '.review-tag'])) assert.ok(contrast >= 4.5, `focused ${selector}: ${contrast}`);
  });
}
