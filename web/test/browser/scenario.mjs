#!/usr/bin/env node
/**
 * Plays scenarios with the browser module: a job as JSON on standard input, the
 * results as JSON on standard output, what is logged on standard error. The tests of
 * wasm/browsertest start it.
 *
 * job: { place: "node" | "chromium" | "firefox", module: path, steps: Step[],
 *   tls: { key, cert, authority } serves the page by https, with the certificate of an
 *   authority that the browser is given }
 * Step: {
 *   scenario: name of a function of scenarios.mjs, config, data,
 *   host: what scenarios tell the module besides their own
 *   keep: true        leaves the page open for the steps that follow; else it is
 *                     closed when the scenario has its result, with the worker and
 *                     whatever it is doing
 *   killAfter: ms     closes the page so long after its first progress; the result
 *                     is then the last progress
 *   quota: bytes      of the site's storage from here on, 0: no limit (Chromium only)
 * }
 * The result is an array with one element for each step. Steps share a profile.
 */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.mjs';
import { serve } from './server.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const wasmExec = join(execFileSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).trim(), 'lib/wasm/wasm_exec.js');

async function inNode({ module, steps }) {
  globalThis.WebSocket ??= (await import('ws')).WebSocket;
  await import(wasmExec);
  const { load } = await import('./loader.mjs');
  const scenarios = await import('./scenarios.mjs');
  const api = await load(await readFile(module));
  const results = [];
  for (const step of steps) results.push(await scenarios[step.scenario](api, step, () => {}));
  return results;
}

const pageScript = `
  const { promise, resolve } = Promise.withResolvers();
  globalThis.result = promise;
  globalThis.begin = (step) => {
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => {
      if ('progress' in data) globalThis.progress = data.progress;
      else resolve(data.result);
    };
    worker.onerror = (event) => resolve({ error: event.message });
    worker.postMessage(step);
  };`;

const workerScript = `import '/wasm_exec.js';
  import { load } from '/loader.mjs';
  import * as scenarios from '/scenarios.mjs';
  onmessage = async ({ data: step }) => {
    try {
      const bytes = await (await fetch('/voile.wasm')).arrayBuffer();
      const result = await scenarios[step.scenario](await load(bytes), step, (progress) => postMessage({ progress }));
      postMessage({ result });
    } catch (error) {
      postMessage({ result: { error: String(error) + ' ' + error.stack } });
    }
  };`;

async function inBrowser({ place, module, steps, tls }) {
  const server = await serve({
    tls,
    files: {
      '/': '<!doctype html><meta charset="utf-8"><title>scenario</title><link rel="icon" href="data:,"><script src="/page.js"></script>',
      '/page.js': pageScript,
      '/worker.js': workerScript,
      '/voile.wasm': () => readFile(module),
      '/wasm_exec.js': () => readFile(wasmExec),
      '/loader.mjs': () => readFile(join(here, 'loader.mjs')),
      '/scenarios.mjs': () => readFile(join(here, 'scenarios.mjs')),
    },
  });
  const browser = await launch(place, { authority: tls?.authority });
  try {
    const context = await browser.newContext();
    const results = [];
    for (const step of steps) results.push(await inPage(context, server.url, step));
    return results;
  } finally {
    await browser.close();
    await server.close();
  }
}

async function inPage(context, url, step) {
  const page = await context.newPage();
  page.on('console', (message) => console.error(message.text()));
  await page.goto(`${url}/`);
  if (step.quota !== undefined) {
    const session = await context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', step.quota ? { origin: url, quotaSize: step.quota } : { origin: url });
  }
  await page.evaluate((s) => { globalThis.begin(s); }, step);
  if (step.killAfter !== undefined) {
    await page.waitForFunction(() => globalThis.progress !== undefined, undefined, { timeout: 60_000 });
    await new Promise((resolve) => { setTimeout(resolve, step.killAfter); });
    const last = await page.evaluate(() => globalThis.progress);
    await page.close({ runBeforeUnload: false });
    return last;
  }
  const result = await Promise.race([
    page.evaluate(() => globalThis.result),
    new Promise((_, reject) => { setTimeout(() => reject(new Error(`${step.scenario}: no result in time`)), (step.data.ms ?? 0) + 150_000).unref(); }),
  ]);
  if (!step.keep) await page.close();
  return result;
}

let input = '';
for await (const chunk of process.stdin) input += chunk;
const job = JSON.parse(input);
console.log = console.error; // standard output is the result's
const result = await (job.place === 'node' ? inNode(job) : inBrowser(job));
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
