// The page of a server that requires a token, and names that would deceive.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, openPage } from './browser.mjs';
import { startDemo } from './server.mjs';
import { drawnImages, startStubServer } from './stub-server.mjs';

const TOKEN = 'correct-horse-battery-staple';
let browser;
let server;

before(async () => {
  browser = await launch();
  server = await startDemo({ token: TOKEN });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('page asks for the token, then shows pictures', async () => {
  const { page, context } = await openPage(browser, server.address, { path: '/?q=red+apple' });
  await page.getByRole('heading', { name: 'This server requires its token' }).waitFor();
  await page.getByLabel('Token').fill('wrong-horse-battery-staple');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.getByText('That is not the token of this server.').waitFor();
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  const image = page.locator('.tile img').first();
  await image.waitFor();
  await page.waitForFunction(() => document.querySelector('.tile img')?.naturalWidth > 0);
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees the session');
  assert.ok(!page.url().includes(TOKEN));
  await page.reload();
  await page.locator('.tile img').first().waitFor();
  await context.close();
});

test('deceptive names are shown as what they are', async () => {
  const stub = await startStubServer();
  const [image] = drawnImages();
  const path = '/pictures/even/gpj.\u202egnp\u001b[31m.png';
  stub.behavior.images = [{ ...image, image: '0'.repeat(64), path, paths: [path] }];
  const { page, context } = await openPage(browser, stub.address, { path: `/?q=${encodeURIComponent(image.caption)}` });
  await page.locator('.tile').first().waitFor();
  assert.equal(await page.locator('.tile .name').first().textContent(), 'gpj.\\u{202e}gnp\\u{1b}[31m.png');
  await page.locator('.tile a').first().click();
  await page.getByText('/pictures/even/gpj.\\u{202e}gnp\\u{1b}[31m.png').waitFor();
  const text = await page.evaluate(() => document.body.innerText);
  assert.ok(!/[\u202e\u001b]/.test(text));
  await context.close();
  await stub.stop();
});
