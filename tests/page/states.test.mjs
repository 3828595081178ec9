// States of the page with the stub server: empty, slow, failing, unreachable.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { launch, openPage } from './browser.mjs';
import { png } from './drawing.mjs';
import { startStubServer, drawnImages } from './stub-server.mjs';
import { webm } from './video.mjs';

let browser;
let server;
let open;

before(async () => (browser = await launch()));
after(() => browser?.close());
beforeEach(async () => (server = await startStubServer()));
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

/** Adds an image whose upload fails with `failure`. */
async function addRefused(failure) {
  const page = await visit();
  await page.locator('.tile').first().waitFor();
  server.behavior.failure = failure;
  await page.locator('#file').setInputFiles(UNREADABLE);
  return page;
}

test('empty library explains indexing, then updates itself', async () => {
  server.behavior.images = [];
  const page = await visit();
  await title(page, 'No pictures yet').waitFor();
  await page.getByText('eidetic index ~/Pictures', { exact: true }).waitFor();
  server.behavior.images = drawnImages().slice(0, 3).map((picture, index) => ({ ...picture, image: String(index).repeat(64) }));
  await page.locator('.tile').first().waitFor();
  assert.match(await page.locator('#start-note').innerText(), /^3 pictures/);
  assert.deepEqual(open.errors, []);
});

test('status line offers and tracks model switch', async () => {
  server.behavior.model = 'builtin';
  const page = await visit();
  await page.locator('#status').getByText('eidetic space switch default').waitFor();
  server.behavior.switch = { model: '/models/larger', done: 12, total: 34 };
  await page.reload();
  await page.locator('#status').getByText('Switching to larger: 12 of 34').waitFor();
});

test('oversized image shows the server’s reason', async () => {
  const page = await addRefused({ status: 413, type: 'urn:eidetic:problem:too-large', title: 'Payload Too Large', detail: 'the picture is larger than 32 MiB' });
  await title(page, 'That picture is too large').waitFor();
  await page.getByText('The picture is larger than 32 MiB.').waitFor();
  assert.ok(await page.locator('#query-image').isVisible(), 'the refused image stays visible');
});

test('unreadable image shows the server’s reason', async () => {
  const page = await addRefused({ status: 422, type: 'urn:eidetic:problem:unreadable-picture', title: 'Unprocessable', detail: 'the bytes are no picture' });
  await title(page, 'That picture cannot be read').waitFor();
  await page.getByText('The bytes are no picture.').waitFor();
  assert.equal(await page.getByRole('alert').count(), 1);
});

test('large image is scaled before upload', async () => {
  const page = await visit();
  // Decoders ignore bytes after a PNG's end, so a small image makes a large file.
  await page.evaluate((bytes) => {
    const picture = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([picture, new Uint8Array(17 * 2 ** 20)], 'large.png', { type: 'image/png' }));
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, png(300, 200, () => [0, 120, 200]).toString('base64'));
  await page.locator('#upload-note').waitFor();
  await page.locator('.tile:not(.is-skeleton) .score').first().waitFor();
  assert.ok(server.behavior.uploadedBytes < 1e5, `${server.behavior.uploadedBytes} bytes`);
});

test('reload keeps words and reports lost image', async () => {
  const page = await visit('/?q=red');
  await page.locator('#file').setInputFiles({ ...UNREADABLE, buffer: png(40, 40, () => [200, 0, 0]) });
  await page.locator('#query-image').waitFor();
  await page.reload();
  await page.getByText('The added picture was lost in the reload; showing hits').waitFor();
  assert.equal(await page.locator('.name').first().textContent(), 'red-disc.png');
});

test('failed search can be retried', async () => {
  server.behavior.failure = { status: 503, type: 'urn:eidetic:problem:overloaded', title: 'Overloaded', detail: 'too many requests' };
  const page = await visit('/?q=red');
  await title(page, 'The server is busy').waitFor();
  server.behavior.failure = null;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.tile').first().waitFor();
  assert.ok(await page.locator('#message').isHidden());
});

test('Enter retries a failed search', async () => {
  server.behavior.failure = { status: 500, title: 'Internal', detail: 'something broke' };
  const page = await visit('/?q=red');
  await page.getByText('Something broke.').waitFor();
  server.behavior.failure = null;
  await page.locator('#text').press('Enter');
  await page.locator('.tile').first().waitFor();
});

test('unreachable server is reported, then recovered', async () => {
  const page = await visit('/?q=red');
  await page.locator('.tile').first().waitFor();
  await page.route('**/v1/**', (route) => route.abort());
  await page.locator('#text').fill('blue');
  await page.keyboard.press('Enter');
  await title(page, 'Eidetic does not respond').waitFor();
  await page.getByText('eidetic serve').waitFor();
  await page.unroute('**/v1/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.tile').first().waitFor();
});

test('no-match verdict shows a notice', async () => {
  server.behavior.verdict = 'no_match';
  const page = await visit('/?q=red');
  await page.getByText('Probably no match; showing the closest pictures.').waitFor();
  assert.ok((await page.locator('.tile').count()) > 0);
  server.behavior.verdict = 'match';
  await page.locator('#text').fill('green');
  await page.keyboard.press('Enter');
  await page.locator('#notice').waitFor({ state: 'hidden' });
});

test('unknown words are named in a notice', async () => {
  server.behavior.unknownWords = ['cute', 'fluffy'];
  const page = await visit('/?q=cute+fluffy+red');
  await page.getByText('The model does not know “cute”, “fluffy” and searched without.').waitFor();
  server.behavior.unknownWords = [];
  await page.locator('#text').fill('red');
  await page.keyboard.press('Enter');
  await page.locator('#notice').waitFor({ state: 'hidden' });
});

test('copies of a picture are counted on its tile', async () => {
  server.behavior.copies = 25;
  const page = await visit('/?q=red');
  await page.locator('.tile').first().getByText('×25').waitFor();
  assert.equal(await page.locator('.copies').count(), 1);
});

test('slow answer shows skeleton and progress bar', async () => {
  server.behavior.delay = 4000;
  const page = await visit('/?q=red');
  await page.locator('.tile.is-skeleton').first().waitFor();
  assert.ok(await page.locator('#progress').isVisible());
  await page.locator('.tile:not(.is-skeleton)').first().waitFor();
  assert.ok(await page.locator('#progress').isHidden());
  assert.equal(await page.locator('.is-skeleton').count(), 0);
});

test('quick answer shows no progress bar', async () => {
  const page = await visit('/?q=red');
  await page.locator('.tile').first().waitFor();
  await page.evaluate(() => {
    window.sawProgress = false;
    new MutationObserver(() => (window.sawProgress ||= !document.querySelector('#progress').hidden)).observe(document.querySelector('#progress'), { attributes: true });
  });
  await page.locator('#text').fill('blue');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('.tile .name').textContent.startsWith('blue'));
  assert.equal(await page.evaluate(() => window.sawProgress), false);
});

test('newer search aborts the previous one', async () => {
  server.behavior.delay = 4000;
  const page = await visit('/?q=red');
  const aborted = page.waitForEvent('requestfailed', (request) => request.url().includes('text=red'));
  await page.locator('#text').fill('blue ring');
  await page.keyboard.press('Enter');
  await aborted;
  await page.waitForFunction(() => document.querySelector('.tile .name')?.textContent === 'blue-ring.png');
});

test('missing file is reported in the viewer', async () => {
  const page = await visit('/?q=red');
  await page.locator('.tile').first().waitFor();
  await page.route('**/file?view=1', (route) => route.fulfill({ status: 410, contentType: 'application/problem+json', body: '{}' }));
  await page.locator('.tile a').first().click();
  await page.getByText('This picture’s file can no longer be read.').waitFor();
});

test('viewer lists other paths, date, camera, position', async () => {
  const page = await visit('/?q=red+disc');
  await page.locator('.tile a').first().click();
  const facts = page.locator('#viewer-facts');
  await facts.getByText('/pictures/copies/first.png').waitFor();
  const text = await facts.innerText();
  for (const part of ['1 May 2015, 12:00', 'NIKON D750', '360 × 240', '48.85837° N, 2.29448° E', '0.30']) assert.ok(text.includes(part), `${part} in ${text}`);
});

/** Opens the frame of a video with the content `video`. */
async function openFrame(video) {
  const [first] = drawnImages();
  const path = '/pictures/clip.webm!/0:00:01.000';
  const frame = { ...first, path, paths: [path], part: { file: '/pictures/clip.webm', second: 1 }, video };
  await server.stop();
  server = await startStubServer({ images: [frame] });
  const page = await visit();
  await page.locator('.tile .icon').waitFor();
  await page.locator('.tile a').click();
  await page.locator('#viewer-name').getByText('clip.webm · 0:01').waitFor();
  return page;
}

test('video plays from the second of its frame', async () => {
  const page = await openFrame(webm());
  const video = page.locator('#viewer-video');
  await video.waitFor();
  assert.equal(await page.locator('#viewer-image').isVisible(), false);
  await page.waitForFunction(() => document.querySelector('#viewer-video').currentTime === 1);
  await page.locator('#viewer-close').click();
  assert.equal(await video.getAttribute('src'), null);
});

test('frame is shown where video cannot be played', async () => {
  const page = await openFrame(null);
  await page.waitForFunction(() => document.querySelector('#viewer-image').src.endsWith('view=1'));
  assert.equal(await page.locator('#viewer-video').isVisible(), false);
  assert.equal(await page.locator('#viewer-image').isVisible(), true);
});

test('address of unknown image is reported', async () => {
  const page = await visit(`/?q=red#${'ab'.repeat(32)}`);
  await title(page, 'No such picture').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#viewer').waitFor({ state: 'hidden' });
});

test('file names are never parsed as markup', async () => {
  const [picture] = drawnImages();
  server.behavior.images = [{ ...picture, image: 'a'.repeat(64), path: '/pictures/<img src=x onerror=alert(1)>.png', paths: ['/pictures/<img src=x onerror=alert(1)>.png'] }];
  const page = await visit('/?q=red');
  assert.equal(await page.locator('.name').first().innerText(), '<img src=x onerror=alert(1)>.png');
  await page.locator('.tile a').first().click();
  await title(page, '<img src=x onerror=alert(1)>.png').waitFor();
  assert.deepEqual(open.errors, []);
});
