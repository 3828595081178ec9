// Starts Debian's Chromium with a fresh profile and records a page's errors and requests.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { chromium } from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

const WEB = new URL('../../web/', import.meta.url);
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

// Generous, for a busy machine with two processors.
const TIMEOUT = 15_000;

/** Waits until `read()` equals `expected`: requests arrive after the page shows their effect. */
export async function untilEqual(read, expected) {
  for (const start = Date.now(); Date.now() - start < TIMEOUT; ) {
    if (isDeepStrictEqual(read(), expected)) return;
    await setTimeout(20);
  }
  assert.deepEqual(read(), expected);
}

/** A browser, to be closed by the caller. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: ARGUMENTS });
}

/** A page in its own profile at `address`, with lists of console errors and of requests to other servers. */
export async function openPage(browser, address, { path = '/', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', baseURL: address, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT);
  const errors = [];
  const foreign = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  context.on('request', (request) => !/^(blob|data):/.test(request.url()) && !request.url().startsWith(`${address}/`) && foreign.push(request.url()));
  if (process.env.PAGE_FROM_DISK) await serveFromDisk(context);
  await page.goto(path);
  return { page, context, errors, foreign };
}

// With PAGE_FROM_DISK set, files of web/ replace those embedded in the program, so that editing them needs no build.
function serveFromDisk(context) {
  const isPage = ({ pathname }) => pathname === '/' || pathname.startsWith('/assets/');
  return context.route(isPage, async (route) => {
    const { pathname } = new URL(route.request().url());
    const name = pathname === '/' ? 'index.html' : pathname.slice('/assets/'.length);
    await route.fulfill({ body: await readFile(new URL(name, WEB)), contentType: TYPES[extname(name)] });
  });
}
