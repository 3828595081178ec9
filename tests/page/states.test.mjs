// What the page does when things are slow, empty, calibrated or broken, against the stand-in server.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, openPage } from './browser.mjs';
import { png } from './drawing.mjs';
import { startStandIn, drawnPictures } from './standin.mjs';

let browser;
let server;
let open;

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => (server = await startStandIn()));
afterEach(async () => {
  await open?.context.close();
  await server.stop();
});

async function visit(path = '/', options = {}) {
  open = await openPage(browser, server.address, { path, ...options });
  return open.page;
}

const title = (page, name) => page.getByRole('heading', { name });
const UNREADABLE = { name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') };

/** Adds a picture whose upload the server refuses with `failure`. */
async function addRefused(failure) {
  const page = await visit();
  await page.locator('.tile').first().waitFor();
  server.behaviour.failure = failure;
  await page.locator('#file').setInputFiles(UNREADABLE);
  return page;
}

test('an empty library says how to index, and notices the first pictures by itself', async () => {
  server.behaviour.pictures = [];
  const page = await visit();
  await title(page, 'No pictures yet').waitFor();
  await page.getByText('eidetic index ~/Pictures', { exact: true }).waitFor();
  server.behaviour.pictures = drawnPictures().slice(0, 3).map((picture, index) => ({ ...picture, image: String(index).repeat(64) }));
  await page.locator('.tile').first().waitFor();
  assert.match(await page.locator('#start-note').innerText(), /^3 pictures/);
  assert.deepEqual(open.errors, []);
});

test('the line at the bottom says how to a full model, and how far a switch to one is', async () => {
  server.behaviour.model = 'builtin';
  const page = await visit();
  await page.locator('#status').getByText('eidetic space switch openai/clip-vit-base-patch32').waitFor();
  server.behaviour.switch = { model: '/models/larger', done: 12, total: 34 };
  await page.reload();
  await page.locator('#status').getByText('Switching to larger: 12 of 34').waitFor();
});

test('a picture too large is refused with the server’s reason', async () => {
  const page = await addRefused({ status: 413, type: 'urn:eidetic:problem:too-large', title: 'Payload Too Large', detail: 'the picture is larger than 32 MiB' });
  await title(page, 'That picture is too large').waitFor();
  await page.getByText('The picture is larger than 32 MiB.').waitFor();
  assert.ok(await page.locator('#query-picture').isVisible(), 'the chip stays, so that it can be seen what was refused');
});

test('an unreadable picture is refused with the server’s reason', async () => {
  const page = await addRefused({ status: 422, type: 'urn:eidetic:problem:unreadable-picture', title: 'Unprocessable', detail: 'the bytes are no picture' });
  await title(page, 'That picture cannot be read').waitFor();
  await page.getByText('The bytes are no picture.').waitFor();
  assert.equal(await page.getByRole('alert').count(), 1);
});

test('a very large picture is made smaller before it is sent', async () => {
  const page = await visit();
  // What follows a PNG's end is passed over, so a small picture makes a large file.
  await page.evaluate((bytes) => {
    const picture = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([picture, new Uint8Array(17 * 2 ** 20)], 'large.png', { type: 'image/png' }));
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, png(300, 200, () => [0, 120, 200]).toString('base64'));
  await page.locator('#upload-note').waitFor();
  await page.locator('.tile:not(.is-skeleton) .score').first().waitFor();
  assert.ok(server.behaviour.uploadedBytes < 1e5, `${server.behaviour.uploadedBytes} bytes`);
});

test('after a reload the words of a search remain, and that its picture is gone is said', async () => {
  const page = await visit('/?q=red');
  await page.locator('#file').setInputFiles({ ...UNREADABLE, buffer: png(40, 40, () => [200, 0, 0]) });
  await page.locator('#query-picture').waitFor();
  await page.reload();
  await page.getByText('The picture of this search is gone after the reload').waitFor();
  assert.equal(await page.locator('.name').first().textContent(), 'red-disc.png');
});

test('a failed search can be tried again', async () => {
  server.behaviour.failure = { status: 503, type: 'urn:eidetic:problem:overloaded', title: 'Overloaded', detail: 'too many requests' };
  const page = await visit('/?q=red');
  await title(page, 'The server is busy').waitFor();
  server.behaviour.failure = null;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.tile').first().waitFor();
  assert.ok(await page.locator('#message').isHidden());
});

test('Enter repeats a search that failed', async () => {
  server.behaviour.failure = { status: 500, title: 'Internal', detail: 'something broke' };
  const page = await visit('/?q=red');
  await page.getByText('Something broke.').waitFor();
  server.behaviour.failure = null;
  await page.locator('#text').press('Enter');
  await page.locator('.tile').first().waitFor();
});

test('a server that is gone is said so, and found again', async () => {
  const page = await visit('/?q=red');
  await page.locator('.tile').first().waitFor();
  await page.route('**/v1/**', (route) => route.abort());
  await page.locator('#text').fill('blue');
  await page.keyboard.press('Enter');
  await title(page, 'Eidetic does not answer').waitFor();
  await page.getByText('eidetic serve').waitFor();
  await page.unroute('**/v1/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.tile').first().waitFor();
});

test('hits that probably do not match are shown with an honest notice', async () => {
  server.behaviour.verdict = 'no_match';
  const page = await visit('/?q=red');
  await page.getByText('Probably nothing here matches; these are the nearest.').waitFor();
  assert.ok((await page.locator('.tile').count()) > 0);
  server.behaviour.verdict = 'match';
  await page.locator('#text').fill('green');
  await page.keyboard.press('Enter');
  await page.locator('#notice').waitFor({ state: 'hidden' });
});

test('a slow answer shows skeletons first and its work after', async () => {
  server.behaviour.delay = 4000;
  const page = await visit('/?q=red');
  await page.locator('.tile.is-skeleton').first().waitFor();
  assert.ok(await page.locator('#progress').isVisible());
  await page.locator('.tile:not(.is-skeleton)').first().waitFor();
  assert.ok(await page.locator('#progress').isHidden());
  assert.equal(await page.locator('.is-skeleton').count(), 0);
});

test('a quick answer shows no sign of work', async () => {
  const page = await visit('/?q=red');
  await page.locator('.tile').first().waitFor();
  await page.evaluate(() => {
    window.sawWork = false;
    new MutationObserver(() => (window.sawWork ||= !document.querySelector('#progress').hidden)).observe(document.querySelector('#progress'), { attributes: true });
  });
  await page.locator('#text').fill('blue');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('.tile .name').textContent.startsWith('blue'));
  assert.equal(await page.evaluate(() => window.sawWork), false);
});

test('only the newest search counts, and older ones are given up', async () => {
  server.behaviour.delay = 4000;
  const page = await visit('/?q=red');
  const givenUp = page.waitForEvent('requestfailed', (request) => request.url().includes('text=red'));
  await page.locator('#text').fill('blue ring');
  await page.keyboard.press('Enter');
  await givenUp;
  await page.waitForFunction(() => document.querySelector('.tile .name')?.textContent === 'blue-ring.png');
});

test('a picture whose file is gone still has its place and a plain word', async () => {
  const page = await visit('/?q=red');
  await page.locator('.tile').first().waitFor();
  await page.route('**/file?view=1', (route) => route.fulfill({ status: 410, contentType: 'application/problem+json', body: '{}' }));
  await page.locator('.tile a').first().click();
  await page.getByText('This picture can no longer be read from its place.').waitFor();
});

test('the large view tells other paths, date, camera and position', async () => {
  const page = await visit('/?q=red+disc');
  await page.locator('.tile a').first().click();
  const facts = page.locator('#viewer-facts');
  await facts.getByText('/pictures/copies/first.png').waitFor();
  const text = await facts.innerText();
  for (const part of ['1 May 2015, 12:00', 'NIKON D750', '360 × 240', '48.85837° N, 2.29448° E', '0.30']) assert.ok(text.includes(part), `${part} in ${text}`);
});

test('an address that names an unknown picture says so', async () => {
  const page = await visit(`/?q=red#${'ab'.repeat(32)}`);
  await title(page, 'No such picture').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#viewer').waitFor({ state: 'hidden' });
});

test('file names are text, never markup', async () => {
  const [picture] = drawnPictures();
  server.behaviour.pictures = [{ ...picture, image: 'a'.repeat(64), path: '/pictures/<img src=x onerror=alert(1)>.png', paths: ['/pictures/<img src=x onerror=alert(1)>.png'] }];
  const page = await visit('/?q=red');
  assert.equal(await page.locator('.name').first().innerText(), '<img src=x onerror=alert(1)>.png');
  await page.locator('.tile a').first().click();
  await title(page, '<img src=x onerror=alert(1)>.png').waitFor();
  assert.deepEqual(open.errors, []);
});
