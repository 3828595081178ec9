// Starts the real program on its bundled gallery.
import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TIMEOUT = 120_000;

export const GALLERY = `${ROOT}data/gallery/`;

/** Runs `eidetic demo` on a free port; returns its address once it serves, and a function to stop it. With a `token`, it
    requires that. */
export async function startDemo({ token } = {}) {
  const program = process.env.EIDETIC_BIN ?? `${ROOT}target/debug/eidetic`;
  await access(program).catch(() => {
    throw new Error(`${program} is missing: run \`cargo build\` first, or set EIDETIC_BIN`);
  });
  const child = spawn(program, ['demo', '--listen', '127.0.0.1:0'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: token ? { ...process.env, EIDETIC_TOKEN: token } : process.env });
  const ended = new Promise((done) => child.once('exit', done));
  const address = await addressFrom(child);
  return { address, stop: () => child.kill('SIGINT') && ended };
}

/** The first address that the program prints. */
function addressFrom(child) {
  let said = '';
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`no address within ${TIMEOUT / 1000} s; it said: ${said}`)), TIMEOUT);
    const listen = (chunk) => {
      said += chunk;
      const found = /http:\/\/127\.0\.0\.1:\d+(?=\D)/.exec(said);
      if (found) done(found[0]);
      if (found) clearTimeout(timer);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`the program ended with ${code}; it said: ${said}`)));
  });
}
