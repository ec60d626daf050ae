/** Real browsers with pages that have the package, for tests. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { find, launch } from './browser/browser.mjs';
import { serve } from './browser/server.mjs';

const web = fileURLToPath(new URL('..', import.meta.url));

/** The browsers to test in: VOILE_BROWSERS, or all. */
export const browserNames = (process.env.VOILE_BROWSERS ?? 'chromium,firefox').split(',').filter((n) => n !== 'node');

/** A server of pages that have the package under /package/, and a page of the tests at /. */
export function servePackage({ files = {}, headers = {} } = {}) {
  return serve({
    folders: { '/package/': web },
    files: { '/': () => readFile(new URL('./page.html', import.meta.url)), ...files },
    headers: { 'cache-control': 'max-age=3600', ...headers },
  });
}

/** Starts a browser; undefined, and the test is skipped, if it is not installed. */
export async function open(t, name) {
  if (!await find(name)) {
    t.skip(`SKIP: ${name} is not installed`);
    return undefined;
  }
  const browser = await launch(name);
  t.after(() => browser.close());
  return browser;
}

/** A tab with the page of the tests. */
export async function tab(context, url, { log = true } = {}) {
  const page = await context.newPage();
  if (log) {
    page.on('console', (m) => console.log(`  page: ${m.text()}`));
    page.on('pageerror', (e) => console.log(`  page: ${e.stack ?? e}`));
  }
  await load(page, url);
  return page;
}

/** Loads the page of the tests, once more. */
export async function load(page, url) {
  await page.goto(url);
  await page.waitForFunction(() => globalThis.loaded === true);
}
