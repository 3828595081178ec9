// A stub of the server, for states that the real one cannot be brought into: slow, failing, empty, calibrated.
// It serves the same routes over a few drawn images and scores them by the words that query and caption share.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COLORS, SHAPES, drawing } from './drawing.mjs';

const WEB = fileURLToPath(new URL('../../web/', import.meta.url));
const SECURITY = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const SIZES = [[360, 240], [240, 240], [240, 360], [426, 240], [320, 240]];

/** Drawn images in two folders, one of them at two paths and one without a date. */
export function drawnImages() {
  const kinds = Object.keys(COLORS).flatMap((color) => Object.keys(SHAPES).map((shape) => ({ color, shape })));
  return kinds.map(({ color, shape }, index) => {
    const [width, height] = SIZES[index % SIZES.length];
    const folder = index % 2 === 0 ? '/pictures/even' : '/pictures/odd/deep';
    const path = `${folder}/${color}-${shape}.png`;
    return {
      caption: `${color} ${shape}`, path, paths: index === 0 ? [path, '/pictures/copies/first.png'] : [path], width, height,
      format: 'png', taken: index === 3 ? null : `${2015 + (index % 9)}-05-01T12:00:00`, camera: index % 3 ? null : 'NIKON D750',
      position: index === 0 ? { latitude: 48.85837, longitude: 2.29448 } : null,
      read: async () => drawing({ color, shape, width, height }),
    };
  });
}

/** Starts a server. `behavior` may be changed while it runs: images, sources, model, verdict, unknownWords, copies (of the first hit), confidence, delay (ms),
 * failure (problem), similarity (fields of a hit by its rank); confidence may be a function of a hit's rank. The server records the size of the last upload in
 * `uploadedBytes`, the minimum confidence of each search in `minConfidences`, and the texts of each match in `matches`. */
export async function startStubServer(behavior = {}) {
  const state = { images: drawnImages(), sources: ['/pictures'], model: 'stub', verdict: 'uncalibrated', unknownWords: [], copies: 1, confidence: null, delay: 0, failure: null, minConfidences: [], matches: [], ...behavior };
  state.images.forEach((image) => (image.image = createHash('sha256').update(image.path).digest('hex')));
  const server = createServer((request, response) => answer(state, request, response).catch((error) => send(response, 500, { title: String(error) })));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const stop = () => new Promise((done) => { server.close(done); server.closeAllConnections(); });
  return { address: `http://127.0.0.1:${server.address().port}`, behavior: state, stop };
}

async function answer(state, request, response) {
  const address = new URL(request.url, 'http://localhost');
  const parts = address.pathname.split('/').filter(Boolean);
  if (parts[0] !== 'v1') return sendPage(parts, response);
  if (parts[1] === 'status') return send(response, 200, statusOf(state));
  if (parts[1] === 'match') return match(state, request, response);
  if (parts[1] === 'search') return search(state, await fieldsOf(request, address, state), response);
  return sendImage(state, parts, request, response);
}

async function sendPage(parts, response) {
  const name = parts.length === 0 ? 'index.html' : parts[0] === 'assets' ? parts.slice(1).join('/') : null;
  const file = name && (await readFile(join(WEB, name)).catch(() => null));
  if (!file) return send(response, 404, { title: 'Not Found', detail: 'no such asset' });
  response.writeHead(200, { 'Content-Type': TYPES[extname(name)], 'Content-Security-Policy': SECURITY, 'Cache-Control': 'no-cache' });
  return response.end(file);
}

async function sendImage(state, [, , id, part], request, response) {
  const image = state.images.find((image) => image.image === id);
  if (!image) return send(response, 404, { title: 'Not Found', detail: `image ${id} is not in the library` });
  const file = await image.read();
  if (part === 'video') return sendVideo(image, request, response);
  if (!part) return send(response, 200, { ...publicPart(image), bytes: file.length });
  response.writeHead(200, { 'Content-Type': `image/${image.format}`, 'Cache-Control': 'private, immutable' });
  return response.end(file);
}

// Browsers seek only where the server sends ranges.
function sendVideo({ video }, request, response) {
  if (!video) return send(response, 410, { title: 'Gone' });
  const [, from = 0, to = video.length - 1] = /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? '') ?? [];
  const range = video.subarray(Number(from), Number(to) + 1);
  response.writeHead(206, { 'Content-Type': 'video/webm', 'Content-Length': range.length, 'Accept-Ranges': 'bytes', 'Content-Range': `bytes ${from}-${to}/${video.length}` });
  return response.end(range);
}

async function search(state, fields, response) {
  await new Promise((done) => setTimeout(done, state.delay));
  if (state.failure) return send(response, state.failure.status, state.failure);
  const same = fields.upload && (await imageOf(state, fields.upload));
  const hits = state.images
    .filter((image) => image.image !== fields.image_id && passes(image, fields))
    .map((image) => ({ ...publicPart(image), score: image === same ? 1 : scoreOf(state, image, fields) }))
    .sort((one, other) => other.score - one.score)
    .slice(0, fields.k)
    .map((hit, rank) => ({ ...hit, copies: rank === 0 ? state.copies : 1, confidence: typeof state.confidence === 'function' ? state.confidence(rank) : state.confidence, ...state.similarity?.(rank) }))
    .filter((hit) => !fields.minConfidence || (hit.confidence !== null && hit.confidence >= fields.minConfidence));
  state.minConfidences.push(fields.minConfidence);
  return send(response, 200, { space: 'stub@1/none/4', verdict: state.verdict, unknown_words: state.unknownWords, hits, took_ms: { encode: 1.2, search: 0.3 } });
}

async function match(state, request, response) {
  await new Promise((done) => setTimeout(done, state.delay));
  if (state.failure) return send(response, state.failure.status, state.failure);
  const { image, texts } = await matchRequestOf(request, state);
  state.matches.push(texts);
  const words = image.caption.split(' ');
  const share = (text) => text.split(' ').filter((word) => words.includes(word)).length / text.split(' ').length;
  const results = texts
    .map((text) => ({ text, score: 0.1 + share(text) / 10, normalized: share(text), confidence: share(text), level: levelOf(share(text)) }))
    .sort((one, other) => other.confidence - one.confidence);
  return send(response, 200, { space: 'stub@1/none/4', image: null, results });
}

/** The image and texts of a match request, as JSON or as a form. */
async function matchRequestOf(request, state) {
  if (request.headers['content-type'] === 'application/json') {
    const { image_id: id, texts } = await new Response(request).json();
    return { image: state.images.find((image) => image.image === id), texts };
  }
  const form = await formOf(request);
  return { image: await imageOf(state, Buffer.from(await form.get('image').arrayBuffer())), texts: form.get('texts').split('\n') };
}

const levelOf = (confidence) => (confidence >= 0.8 ? 'high' : confidence >= 0.5 ? 'medium' : confidence >= 0.2 ? 'low' : 'none');

/** The image with these bytes. */
async function imageOf(state, bytes) {
  const isSame = await Promise.all(state.images.map(async (image) => bytes.equals(await image.read())));
  return state.images[isSame.indexOf(true)];
}

function scoreOf(state, image, { text, negative, image_id: like }) {
  const model = state.images.find((image) => image.image === like)?.caption ?? '';
  const shared = (words) => words.toLowerCase().split(/\s+/).filter((word) => image.caption.split(' ').includes(word)).length;
  return 0.1 + 0.1 * (shared(text) + shared(model) - shared(negative)) - state.images.indexOf(image) * 1e-5;
}

function passes({ paths, taken }, { folders, from, before }) {
  const isInside = folders.length === 0 || paths.some((path) => folders.some((folder) => path.startsWith(`${folder.replace(/\/$/, '')}/`)));
  return isInside && (!from || taken >= from) && (!before || (taken && taken < before));
}

async function fieldsOf(request, address, state) {
  const form = request.method === 'POST' ? await formOf(request) : address.searchParams;
  const filter = JSON.parse(form.get('filter') ?? 'null');
  const upload = form.get('image') && Buffer.from(await form.get('image').arrayBuffer());
  if (upload) state.uploadedBytes = upload.length;
  return {
    upload,
    text: form.get('text') ?? '', negative: form.get('negative') ?? '', image_id: form.get('image_id'), k: Number(form.get('k') ?? 20),
    minConfidence: Number(form.get('min_confidence') ?? 0),
    folders: filter?.folders ?? form.getAll('folder'), from: filter?.taken?.from ?? form.get('taken_from'), before: filter?.taken?.before ?? form.get('taken_before'),
  };
}

const formOf = (request) => new Response(request, { headers: { 'Content-Type': request.headers['content-type'] } }).formData();
const publicPart = ({ image, path, paths, part, width, height, format, taken, camera, position }) => ({ image, path, paths, part, width, height, format, taken, camera, position });

const statusOf = ({ images, model, sources, switch: running = null }) => ({
  switch: running,
  library: '/library', images: images.length, paths: images.length, failed: 0, damaged: 0, model, space: 'stub@1/none/4',
  sources: sources.map((path) => ({ path, state: 'present', images: images.length, unreachable: [] })), index: { kind: 'exact', vectors: images.length, tombstones: 0 },
  bytes: { catalog: 0, vectors: 0, graph: 0, thumbnails: 0 },
});

function send(response, status, body) {
  response.writeHead(status, { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' });
  response.end(JSON.stringify({ ...(status < 400 ? {} : { type: 'about:blank', status }), ...body }));
}
