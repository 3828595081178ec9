// Requests to the server's routes. Every function throws a Problem, or an AbortError when its signal is aborted.

import { sendable } from './uploads.js';
import { toFilter, toRequest } from './query.js';

/** A failed request: the server's problem document, or status 0 if there was no response. */
export class Problem extends Error {
  constructor({ status = 0, type = '', title = '', detail = '' }) {
    super(detail || title);
    this.status = status;
    this.kind = type.split(':').pop();
    this.title = title;
    this.detail = detail;
  }

  get isUnreachable() {
    return this.status === 0;
  }

  get isLocked() {
    return this.status === 401;
  }
}

export const fileAddress = (id) => `/v1/images/${id}/file`;
export const viewAddress = (id) => `/v1/images/${id}/file?view=1`;
export const videoAddress = (id) => `/v1/images/${id}/video`;
export const thumbnailAddress = (id) => `/v1/images/${id}/thumbnail`;

/** Searches; an added image is uploaded with the query. */
export async function search(query, k, signal) {
  if (query.upload === null) {
    return request(`/v1/search?${new URLSearchParams(toRequest(query, k))}`, { signal });
  }
  const body = await uploadForm(query, k);
  return request('/v1/search', { method: 'POST', body, signal });
}

/** The record of one image. */
export const image = (id, signal) => request(`/v1/images/${id}`, { signal });

/** The confidence that each of `texts` describes the image of a match. */
export async function match({ like, upload, hasBreakdown }, texts, signal) {
  if (upload === null) return post('/v1/match', { image_id: like, texts, ...(hasBreakdown && { breakdown: true }) }, signal);
  const body = new FormData();
  if (hasBreakdown) body.append('breakdown', 'true');
  body.append('texts', texts.join('\n'));
  body.append('image', await sendable(upload));
  return request('/v1/match', { method: 'POST', body, signal });
}

/** Rates whether `image` matches a text or another image; null withdraws the rating. */
export const feedback = ({ text, like }, image, right) => post('/v1/feedback', { text, like, image, right });

/** Whether `image` shows the pattern `text` of a profile; null withdraws the answer. */
export const reviewed = (profile, text, image, right) => post('/v1/feedback', { profile, text, image, right });

/** The stored answers for a profile. */
export const answersFor = (profile, signal) => request(`/v1/feedback?${new URLSearchParams({ profile })}`, { signal });

/** The profiles of the server. */
export const profiles = () => request('/v1/profiles', {});

/** Starts a job that compares all pictures with the patterns of a profile. */
export const screen = (profile) => post('/v1/screen', { profile });

/** The progress or result of a job. */
export const job = (id, signal) => request(`/v1/jobs/${id}`, { signal });

/** Stops a job. */
export const cancelJob = (id) => request(`/v1/jobs/${id}`, { method: 'DELETE' });

/** Exchanges the server's token for a cookie, which images and links need too. */
export const openSession = (token) => post('/v1/session', { token });

/** The status of the library. */
export const status = (signal) => request('/v1/status', { signal });

async function uploadForm(query, k) {
  const form = new FormData();
  const textFields = new Set(['k', 'text', 'negative', 'text_weight', 'min_confidence']);
  toRequest(query, k).forEach(([name, value]) => textFields.has(name) && form.append(name, value));
  form.append('filter', JSON.stringify(toFilter(query)));
  form.append('image', await sendable(query.upload));
  return form;
}

function post(address, value, signal) {
  return request(address, { method: 'POST', body: JSON.stringify(value), headers: { 'Content-Type': 'application/json' }, signal });
}

async function request(address, { headers, ...options }) {
  let response;
  try {
    response = await fetch(address, { headers: { Accept: 'application/json', ...headers }, ...options });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem({ title: 'The server does not respond' });
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

async function problemOf(response) {
  const document = await response.json().catch(() => ({}));
  return new Problem({ title: response.statusText, ...document, status: response.status });
}
