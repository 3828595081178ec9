// One call of each kind with the generated types: a query, a body, a problem.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

type SearchHit = components['schemas']['SearchHit'];

function assert(holds: unknown, what: unknown): asserts holds {
  if (!holds) throw new Error(`failed: ${JSON.stringify(what)}`);
}

const { ADDRESS, EIDETIC_TOKEN } = process.env;
const image = process.argv[2];
assert(ADDRESS && EIDETIC_TOKEN && image, 'the address, the token and an image');
const client = createClient<paths>({ baseUrl: ADDRESS, headers: { Authorization: `Bearer ${EIDETIC_TOKEN}` } });

const found = await client.GET('/v1/search', { params: { query: { text: 'red apple', k: 2 } } });
assert(found.data, found.error);
const hits: SearchHit[] = found.data.hits;
assert(hits.length === 2 && hits[0]!.path.includes('apple'), hits);

const byBody = await client.POST('/v1/search', { body: { text: 'red apple', k: 1 } });
// The answer has images or stored texts; this one has images.
const [first] = byBody.data?.hits ?? [];
assert(first && 'image' in first && first.image === hits[0]!.image, byBody);

const record = await client.GET('/v1/images/{id}', { params: { path: { id: image } } });
assert(record.data?.image === image, record);

const nothing = await client.GET('/v1/search', { params: { query: {} } });
assert(nothing.error?.status === 400 && nothing.error.detail.length > 10, nothing);

const stranger = await createClient<paths>({ baseUrl: ADDRESS }).GET('/v1/status', {});
assert(stranger.error?.status === 401, stranger);
