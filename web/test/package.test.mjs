/** The package as npm hands it out: its files, types, sizes, a bundler, and what the README says. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { sizes, table } from '../tools/size.mjs';
import { optionsFor, startNetwork } from './network.mjs';
import { browserNames, open } from './pages.mjs';
import { serve } from './browser/server.mjs';

const web = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);
let app;
let packed;

/** An application's folder with the package installed from its archive. */
before(async () => {
  app = await mkdtemp(join(tmpdir(), 'voile-app-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', app], { cwd: web });
  [packed] = JSON.parse(stdout);
  const modules = join(app, 'node_modules', '@voile');
  await mkdir(modules, { recursive: true });
  await run('tar', ['xzf', join(app, packed.filename), '-C', modules]);
  await cp(join(modules, 'package'), join(modules, 'node'), { recursive: true });
  await rm(join(modules, 'package'), { recursive: true });
  await writeFile(join(app, 'package.json'), '{"private":true,"type":"module"}');
});
after(() => rm(app, { recursive: true, force: true }));

test('the archive has what is needed and nothing else', () => {
  const names = packed.files.map((f) => f.path);
  for (const name of ['LICENSE', 'README.md', 'package.json', 'dist/browser.js', 'dist/browser.d.ts', 'dist/in-worker.js', 'dist/node.js', 'dist/worker.js', 'dist/worker-node.js', 'dist/wasm_exec.js', 'dist/wasm_exec.LICENSE', 'dist/voile.wasm', 'dist/voile-debug.wasm']) {
    assert.ok(names.includes(name), name);
  }
  assert.deepEqual(names.filter((n) => !/^(dist\/|src\/|LICENSE$|README\.md$|package\.json$)/.test(n)), []);
});

test('no file refers to what is not there', async () => {
  const dist = join(app, 'node_modules/@voile/node/dist');
  for (const name of await readdir(dist, { recursive: true })) {
    if (!/\.(js|d\.ts)$/.test(name) || name === 'wasm_exec.js') continue;
    const text = await readFile(join(dist, name), 'utf8');
    for (const [, path] of text.matchAll(/(?:from |import |import\()"(\.[^"]+)"/g)) {
      await assert.doesNotReject(readFile(join(dist, name, '..', path)), `${name}: ${path}`);
    }
  }
});

test('sizes are within the budget, and the README tells them', async (t) => {
  const s = await sizes();
  t.diagnostic(`\n${table(s)}`);
  const budget = JSON.parse(await readFile(join(web, 'size-budget.json'), 'utf8'));
  for (const kind of ['raw', 'gzip', 'brotli']) {
    assert.ok(s.module[kind] <= budget[kind], `${kind}: ${s.module[kind]} bytes, the budget is ${budget[kind]}`);
  }
  const readme = await readFile(join(web, 'README.md'), 'utf8');
  for (const [name, size] of [['voile', s.module], ['voile-debug', s.debug]]) {
    const [, ...told] = new RegExp(`\`${name}\\.wasm\` \\| ([\\d.]+) MB \\| ([\\d.]+) MB \\| ([\\d.]+) MB`).exec(readme) ?? assert.fail(`the README has no row for ${name}.wasm`);
    for (const [i, kind] of ['raw', 'gzip', 'brotli'].entries()) {
      assert.ok(Math.abs(Number(told[i]) * 1e6 - size[kind]) < 0.1 * size[kind], `the README says ${told[i]} MB of ${kind} for ${name}.wasm, it is ${size[kind]}: node tools/size.mjs`);
    }
  }
});

test('everything that is exported says what it is', async () => {
  const dist = join(app, 'node_modules/@voile/node/dist');
  const shown = ['codec', 'crypto-system', 'dht-transaction', 'error', 'incoming-call', 'module', 'node-api', 'options', 'raw', 'requests', 'routing-context', 'schema', 'table-db', 'updates', 'browser', 'node', 'in-worker'];
  const silent = [];
  for (const name of shown) {
    const lines = (await readFile(join(dist, `${name}.d.ts`), 'utf8')).split('\n');
    lines.forEach((line, i) => {
      const [, declared] = /^(?:export (?:declare )?(?:class|function|interface|type|const) |    (?!#|private |constructor|\}|\[K in ))(?:readonly |static |get |override )*([\w$[\].]+)/.exec(line) ?? [];
      if (declared === undefined || /^export \{|^export \*|^export type \{/.test(line)) return;
      if (!/\*\/\s*$/.test(lines[i - 1] ?? '') && !lines[i - 1]?.includes(`${declared}`)) silent.push(`${name}: ${line.trim()}`);
    });
  }
  assert.deepEqual(silent, []);
});

const typed = `
import { startNode, VoileError, dflt, type RecordKey, type Update } from "@voile/node";

export async function main(signal: AbortSignal): Promise<void> {
  const node = await startNode({ programName: "typed", config: { network: { dht: { localSubkeyCacheSize: 5 } } }, signal });
  try {
    using context = node.routingContext().withSafety({ safe: { hopCount: 2 } });
    using table = await node.openTable("t", 2);
    await table.store(0, "key", new Uint8Array([1]), { signal });
    const { key }: { key: RecordKey } = await context.createDHTRecord(dflt(3));
    await using tx = await node.transactDHTRecords([key]);
    const value = await tx.get(key, 0);
    if (value !== null) console.log(value.data.length, value.seq);
    for await (const u of node.updates({ kinds: ["AppCall", "Log"], signal })) {
      if (u.kind === "AppCall") console.log(u.callId.length, u.message.byteLength);
      else console.log(u.logLevel);
      // @ts-expect-error only the kinds that were asked for
      if (u.kind === "Network") break;
    }
    const all: AsyncIterable<Update> = node.updates();
    for await (const call of node.calls({ signal })) await call.reply(call.message);
    void all;
    node.addEventListener("takeover", (e) => console.log(e.detail.role));
    // @ts-expect-error no such option
    await startNode({ programName: "x", config: { netwrok: {} } });
    // @ts-expect-error no such kind
    VoileError.is(null, "Oops");
  } catch (e) {
    if (VoileError.is(e, "InvalidArgument")) console.log(e.fields.argument);
    else throw e;
  } finally {
    await node.close();
  }
}
`;

test('types: an application compiles, with either way to find modules', { timeout: 120_000 }, async () => {
  await writeFile(join(app, 'typed.ts'), typed);
  for (const [module, moduleResolution, lib] of [
    ['NodeNext', 'NodeNext', ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable', 'ESNext.Disposable']],
    ['ESNext', 'Bundler', ['ESNext', 'DOM', 'DOM.Iterable']],
  ]) {
    const compilerOptions = { noEmit: true, strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, target: 'ES2022', module, moduleResolution, lib, types: [] };
    await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }));
    await run(process.execPath, [join(web, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: app }).catch((e) => assert.fail(`${moduleResolution}: ${e.stdout}`));
  }
});

test('Node finds its own entry, and a worker its own', async () => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', 'console.log(import.meta.resolve("@voile/node"))'], { cwd: app });
  assert.match(stdout, /dist\/node\.js\s*$/);
  const worker = await run(process.execPath, ['--conditions=worker', '--input-type=module', '-e', 'console.log(import.meta.resolve("@voile/node"))'], { cwd: app });
  assert.match(worker.stdout, /dist\/in-worker\.js\s*$/);
});

for (const name of browserNames) {
  test(`${name}: a page that Vite has built`, { timeout: 180_000 }, async (t) => {
    const browser = await open(t, name);
    if (!browser) return;
    const network = await startNetwork();
    t.after(() => network.close());
    const dir = join(app, `vite-${name}`);
    await mkdir(dir);
    await writeFile(join(dir, 'index.html'), '<!doctype html><meta charset="utf-8"><title>vite</title><link rel="icon" href="data:,"><script type="module" src="./main.js"></script>');
    await writeFile(join(dir, 'main.js'), `
      import { startNode } from '@voile/node';
      globalThis.result = (async () => {
        const node = await startNode(${JSON.stringify(optionsFor(network))});
        await node.attach();
        await node.waitReady({ timeoutMs: 60000 });
        const { blob } = await node.newPrivateRoute();
        return { role: node.role, blob: blob.length > 0 };
      })();`);
    await symlink(join(app, 'node_modules'), join(dir, 'node_modules')).catch(() => {});
    const { build } = await import('vite');
    await build({ root: dir, logLevel: 'error', build: { outDir: join(dir, 'out'), assetsInlineLimit: 0 } });
    const out = (await readdir(join(dir, 'out/assets'))).sort();
    const files = [/^voile-(?!debug).*\.wasm$/, /^voile-debug-.*\.wasm$/, /^worker-.*\.js$/].map((p) => out.filter((f) => p.test(f)));
    assert.ok(files.every((f) => f.length === 1), `Vite found the worker and both modules: ${out}`);
    const server = await serve({ folders: { '/': join(dir, 'out') } });
    t.after(() => server.close());
    const page = await (await browser.newContext()).newPage();
    page.on('console', (m) => console.log(`  page: ${m.text()}`));
    await page.goto(`${server.url}/`);
    await page.waitForFunction(() => globalThis.result !== undefined);
    assert.deepEqual(await page.evaluate(() => globalThis.result), { role: 'owner', blob: true });
    assert.deepEqual([...new Set(server.requests.filter((r) => r.endsWith('.wasm')))], [`/assets/${files[0][0]}`], 'the page loads one module');
  });

  test(`${name}: the README's first page, as it stands`, { timeout: 120_000 }, async (t) => {
    const browser = await open(t, name);
    if (!browser) return;
    const network = await startNetwork();
    t.after(() => network.close());
    const readme = await readFile(join(web, 'README.md'), 'utf8');
    const page = /```html\n([^`]*)```/.exec(readme)?.[1] ?? assert.fail('the README has no page');
    // The network of the test takes the place of the public one, which is not here.
    const { programName: _, ...others } = optionsFor(network);
    const text = page.replace(/programName: "hello"/, (all) => `${all}, ...${JSON.stringify(others)}`);
    assert.notEqual(text, page);
    const server = await serve({ folders: { '/node_modules/@voile/node/': join(app, 'node_modules/@voile/node') }, files: { '/': text } });
    t.after(() => server.close());
    const tab = await (await browser.newContext()).newPage();
    tab.on('console', (m) => console.log(`  page: ${m.text()}`));
    await tab.goto(`${server.url}/`);
    await tab.waitForFunction(() => document.body.textContent.includes('Ready'), undefined, { timeout: 60_000 });
    await tab.waitForFunction(() => document.body.textContent.includes('hello, me'), undefined, { timeout: 30_000 });
  });
}
