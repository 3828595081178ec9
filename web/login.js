// The form for the server's token, shown in place of everything where the server requires one.

import * as api from './api.js';
import { element, icon } from './dom.js';

/** What asks for the token; `on.retry()` is called once the server accepts it. */
export function loginForm(on) {
  const token = element('input', { type: 'password', name: 'token', autocomplete: 'current-password', required: true, spellcheck: 'false', 'aria-label': 'Token' });
  const failure = element('p', { class: 'login-failure', role: 'alert', hidden: true });
  const form = element('form', { class: 'login', submit: send }, token, element('button', { type: 'submit', class: 'button button-primary' }, 'Open'));

  async function send(event) {
    event.preventDefault();
    failure.hidden = true;
    try {
      await api.openSession(token.value);
    } catch (error) {
      failure.textContent = error.status === 401 ? 'That is not the token of this server.' : error.detail || error.title;
      failure.hidden = false;
      token.select();
      return;
    }
    on.retry();
  }

  return [
    icon('search'),
    element('h1', {}, 'This server requires its token'),
    element('p', {}, 'It is in the file that the server was started with, or in its variable EIDETIC_TOKEN. This browser then remembers it for 30 days.'),
    form,
    failure,
  ];
}
