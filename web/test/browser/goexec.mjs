#!/usr/bin/env node
/**
 * Runs a Go test binary (GOOS=js GOARCH=wasm) in a real browser:
 *
 *   GOOS=js GOARCH=wasm go test -exec "node $PWD/web/test/browser/goexec.mjs" ./platform/indexeddb
 *
 * VOILE_BROWSER: "chromium" (the default), "firefox", or "node" for Node itself; a
 * browser that is not installed prints SKIP. VOILE_SCOPE: "worker" (the default) or
 * "page", or "sandbox" for a page without an origin, to which browsers deny
 * storage. VOILE_TIMEOUT: milliseconds, 180000 if not set. Other variables that begin
 * with VOILE_ reach the test, and VOILE_WS, the URL of the server of peer.mjs. The
 * exit code is the test's.
 */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { find, launch, run } from './browser.mjs';
import { listen } from './peer.mjs';
import { serve } from './server.mjs';

const scope = process.env.VOILE_SCOPE ?? 'worker';
const browserName = process.env.VOILE_BROWSER ?? 'chromium';

/** What runs beside wasm_exec.js, in the page or in the worker. */
async function runTest({ argv, env }) {
  const lines = [];
  let rest = '';
  const decoder = new TextDecoder();
  const write = (bytes) => {
    rest += decoder.decode(bytes, { stream: true });
    for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n')) {
      lines.push(rest.slice(0, at));
      console.log(rest.slice(0, at));
      rest = rest.slice(at + 1);
    }
    return bytes.length;
  };
  const fs = globalThis.fs;
  fs.writeSync = (fd, bytes) => write(bytes);
  fs.write = (fd, bytes, offset, length, position, done) => { done(null, write(bytes.subarray(offset, offset + length))); };
  const go = new globalThis.Go();
  go.argv = argv;
  go.env = env;
  let code = 0;
  go.exit = (n) => { code = n; };
  const { instance } = await WebAssembly.instantiateStreaming(fetch('/test.wasm'), go.importObject);
  try {
    await go.run(instance);
  } catch (error) {
    lines.push(String(error.stack ?? error));
    code ||= 2;
  }
  if (rest) lines.push(rest);
  return { code, lines };
}

async function main([program, ...args]) {
  if (!program) throw new Error('usage: goexec.mjs PROGRAM [ARGUMENT]...');
  if (browserName !== 'node' && !await find(browserName)) {
    console.log(`SKIP: ${browserName} is not installed`);
    return 0;
  }
  const wasmExec = join(execFileSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).trim(), 'lib/wasm/wasm_exec.js');
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('VOILE_')));
  const peer = await listen();
  env.VOILE_WS = peer.url;
  if (browserName === 'node') {
    globalThis.WebSocket ??= (await import('ws')).WebSocket;
    await import(wasmExec);
    globalThis.fetch = async () => new Response(await readFile(program), { headers: { 'content-type': 'application/wasm' } });
    // At its end the process exits, before a timer of Go finds its program gone.
    return (await runTest({ argv: ['test', ...args], env })).code;
  }
  const job = JSON.stringify({ argv: ['test', ...args], env });
  const inWorker = `importScripts('/wasm_exec.js');\n${runTest}\nrunTest(${job}).then(postMessage, (e) => postMessage({ code: 2, lines: [String(e.stack ?? e)] }));`;
  const page = scope === 'worker'
    ? `globalThis.result = new Promise((resolve) => {
         const worker = new Worker('/worker.js');
         worker.onmessage = (event) => resolve(event.data);
         worker.onerror = (event) => resolve({ code: 2, lines: [event.message] });
       });`
    : `${runTest}\nglobalThis.result = runTest(${job});`;
  const server = await serve({
    headers: scope === 'sandbox' ? { 'content-security-policy': 'sandbox allow-scripts', 'access-control-allow-origin': '*' } : {},
    files: {
      '/': `<!doctype html><meta charset="utf-8"><title>go test</title><link rel="icon" href="data:,"><script src="/wasm_exec.js"></script><script>${page}</script>`,
      '/worker.js': inWorker,
      '/test.wasm': () => readFile(program),
      '/wasm_exec.js': () => readFile(wasmExec),
    },
  });
  const seen = [];
  let browser;
  try {
    browser = await launch(browserName);
    const timeout = Number(process.env.VOILE_TIMEOUT ?? 180_000);
    const { code, lines } = await run(browser, `${server.url}/`, { timeout, log: (line) => seen.push(line) });
    console.log(lines.join('\n'));
    return code;
  } catch (error) {
    console.log(seen.join('\n'));
    throw error;
  } finally {
    await browser?.close();
    await server.close();
    await peer.close();
  }
}

main(process.argv.slice(2)).then((code) => process.exit(code), (error) => {
  console.error(error);
  process.exit(1);
});
