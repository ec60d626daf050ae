/**
 * Real browsers for tests: Chromium and Firefox as Debian installs them, driven
 * by playwright-core. Nothing is downloaded.
 *
 * Firefox is not Playwright's patched one. Its channel "moz-firefox" speaks
 * WebDriver BiDi, which Firefox ESR has: pages, workers, console, exposed
 * functions, colour scheme, offline and screenshots work. launchPersistentContext does not
 * (it waits for a session for ever), so a profile that outlives the process is
 * to be had with Chromium only. playwright-core 1.65 sends
 * emulation.setMediaFeaturesOverride, which Firefox 153 does not know: 1.64.1 is
 * the newest that works with it.
 */
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { constants } from 'node:fs';
import { chromium, firefox } from 'playwright-core';

/** The browsers that tests run in, with the places where they may be. */
const browsers = {
  chromium: {
    type: chromium,
    paths: [process.env.VOILE_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
    options: {
      args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      ],
    },
  },
  firefox: {
    type: firefox,
    paths: [process.env.VOILE_FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox'],
    options: { channel: 'moz-firefox' },
  },
};

/** Names of the browsers: "chromium" and "firefox". */
export const names = Object.keys(browsers);

/**
 * Where a browser is.
 * @param {string} name "chromium" or "firefox"
 * @returns {Promise<string | undefined>} its executable; undefined: not installed
 */
export async function find(name) {
  for (const path of browsers[name].paths) {
    if (!path) continue;
    try {
      await access(path, constants.X_OK);
      return path;
    } catch { /* the next */ }
  }
  return undefined;
}

/**
 * Starts a browser without a window.
 * @param {string} name "chromium" or "firefox"
 * @param {{args?: string[], profile?: string, authority?: string}} [options] args: more
 *   arguments. profile: a folder that outlives the browser (Chromium only); what is
 *   returned is then a BrowserContext. authority: a certificate, PEM, that the
 *   browser trusts as an authority's (Chromium: any certificate; Firefox needs
 *   certutil, of Debian's libnss3-tools).
 * @returns {Promise<import('playwright-core').Browser | import('playwright-core').BrowserContext>}
 * @throws if it is not installed
 */
export async function launch(name, { args = [], profile, authority } = {}) {
  let executablePath = await find(name);
  if (!executablePath) throw new Error(`${name} is not installed`);
  const { type, options } = browsers[name];
  if (authority && name === 'chromium') args = [...args, '--ignore-certificate-errors'];
  if (authority && name === 'firefox') {
    const dir = await mkdtemp(join(tmpdir(), 'voile-firefox-'));
    executablePath = await trusting(executablePath, authority, dir);
    try {
      const browser = await type.launch({ headless: true, timeout: 60_000, ...options, executablePath, args });
      browser.on('disconnected', () => { rm(dir, { recursive: true, force: true }).catch(() => {}); });
      return browser;
    } catch (error) {
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }
  const all = { headless: true, timeout: 60_000, ...options, executablePath, args: [...(options.args ?? []), ...args] };
  if (!profile) return type.launch(all);
  if (name !== 'chromium') throw new Error(`${name}: a profile that outlives the browser works with chromium only`);
  return type.launchPersistentContext(profile, all);
}

/**
 * A program that starts Firefox with a certificate in the profile that Firefox is told
 * to use. Firefox has no switch for it, and takes no exception for a WebSocket.
 * @param {string} firefox
 * @param {string} certificate PEM
 * @param {string} dir where it is written
 * @returns {Promise<string>}
 */
async function trusting(firefox, certificate, dir) {
  const program = join(dir, 'firefox');
  const pem = join(dir, 'authority.pem');
  await writeFile(pem, certificate);
  await writeFile(program, `#!/bin/sh
previous=
for argument; do
  case $previous in -profile|--profile) profile=$argument;; esac
  previous=$argument
done
certutil -N -d "sql:$profile" --empty-password >&2 || true
certutil -A -d "sql:$profile" -n test -t C,, -i ${pem} >&2 || exit 1
exec ${firefox} "$@"
`, { mode: 0o755 });
  return program;
}

/**
 * Loads a page and waits for what it has to say. The page sets
 * globalThis.result to a promise (or a value) that JSON can carry.
 * @param {import('playwright-core').Browser | import('playwright-core').BrowserContext} browser
 *   a Browser gets a context of its own for the page, closed after it
 * @param {string} url
 * @param {{timeout?: number, log?: (line: string) => void, prepare?: (page: import('playwright-core').Page) => Promise<void>}} [options]
 *   timeout: milliseconds for all of it, 60000 if left out. log: gets console
 *   lines and uncaught errors. prepare: runs before the page is loaded.
 * @returns {Promise<any>} globalThis.result
 */
export async function run(browser, url, { timeout = 60_000, log = () => {}, prepare } = {}) {
  const context = browser.newContext ? await browser.newContext() : undefined;
  const page = await (context ?? browser).newPage();
  let timer;
  try {
    page.on('console', (message) => log(message.text()));
    const broken = new Promise((_, reject) => {
      page.on('pageerror', (error) => { log(String(error.stack ?? error)); });
      page.on('crash', () => reject(new Error(`${url}: the page crashed`)));
      timer = setTimeout(() => reject(new Error(`${url}: no result after ${timeout} ms`)), timeout);
    });
    await prepare?.(page);
    const result = (async () => {
      await page.goto(url, { timeout });
      await page.waitForFunction(() => globalThis.result !== undefined, undefined, { timeout });
      return page.evaluate(() => globalThis.result);
    })();
    result.catch(() => {}); // when broken was first
    return await Promise.race([result, broken]);
  } finally {
    clearTimeout(timer);
    await page.close().catch(() => {});
    await context?.close().catch(() => {});
  }
}
