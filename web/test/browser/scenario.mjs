#!/usr/bin/env node
/**
 * Plays a scenario with the browser module: a job as JSON on standard input, the
 * result as JSON on standard output, what is logged on standard error. The tests of
 * wasm/browsertest start it.
 *
 * job: { place: "node" | "chromium" | "firefox", scenario: name of a function of
 *        scenarios.mjs, module: path, config, data }
 */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, run } from './browser.mjs';
import { serve } from './server.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const wasmExec = join(execFileSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).trim(), 'lib/wasm/wasm_exec.js');

async function inNode(job) {
  globalThis.WebSocket ??= (await import('ws')).WebSocket;
  await import(wasmExec);
  const { load } = await import('./loader.mjs');
  const scenarios = await import('./scenarios.mjs');
  const api = await load(await readFile(job.module));
  return scenarios[job.scenario](api, job);
}

async function inBrowser(job) {
  const server = await serve({
    files: {
      '/': '<!doctype html><meta charset="utf-8"><title>scenario</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
      '/page.js': `const worker = new Worker('/worker.js', { type: 'module' });
        globalThis.result = new Promise((resolve) => {
          worker.onmessage = (event) => resolve(event.data);
          worker.onerror = (event) => resolve({ error: event.message });
        });
        worker.postMessage(${JSON.stringify({ ...job, module: '/voile.wasm' })});`,
      '/worker.js': `import '/wasm_exec.js';
        import { load } from '/loader.mjs';
        import * as scenarios from '/scenarios.mjs';
        onmessage = async ({ data: job }) => {
          try {
            const bytes = await (await fetch(job.module)).arrayBuffer();
            postMessage(await scenarios[job.scenario](await load(bytes), job));
          } catch (error) {
            postMessage({ error: String(error) + ' ' + error.stack });
          }
        };`,
      '/voile.wasm': () => readFile(job.module),
      '/wasm_exec.js': () => readFile(wasmExec),
      '/loader.mjs': () => readFile(join(here, 'loader.mjs')),
      '/scenarios.mjs': () => readFile(join(here, 'scenarios.mjs')),
    },
  });
  const browser = await launch(job.place);
  try {
    return await run(browser, `${server.url}/`, { timeout: 150_000, log: (line) => console.error(line) });
  } finally {
    await browser.close();
    await server.close();
  }
}

let input = '';
for await (const chunk of process.stdin) input += chunk;
const job = JSON.parse(input);
console.log = console.error; // standard output is the result's
const result = await (job.place === 'node' ? inNode(job) : inBrowser(job));
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
