#!/usr/bin/env node
/** Prints how large both modules and the package's JavaScript are. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

/** Bytes of some bytes: as they are, and packed as well as servers can. */
export async function sizesOf(bytes) {
  // Packing 17 MB well takes half a minute: once for each module.
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'voile-web', 'sizes');
  const file = join(cache, createHash('sha256').update(bytes).digest('hex'));
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    const sizes = {
      raw: bytes.length,
      gzip: gzipSync(bytes, { level: 9 }).length,
      brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length,
    };
    await mkdir(cache, { recursive: true });
    await writeFile(file, JSON.stringify(sizes));
    return sizes;
  }
}

/** The sizes of the module, of the one with the debug language, and of all JavaScript that a page loads. */
export async function sizes() {
  const loaded = [];
  for (const name of (await readdir(dist, { recursive: true })).sort()) {
    if (name.endsWith('.js') && !/^(node|worker-node|in-worker)\.js$/.test(name)) loaded.push(await readFile(join(dist, name)));
  }
  const module = async (name) => sizesOf(await readFile(join(dist, name)));
  return { module: await module('voile.wasm'), debug: await module('voile-debug.wasm'), javascript: await sizesOf(Buffer.concat(loaded)) };
}

/** A row for each, as the README shows them. */
export function table({ module, debug, javascript }) {
  const mb = (n) => `${(n / 1e6).toFixed(2)} MB`;
  const kb = (n) => `${(n / 1e3).toFixed(0)} kB`;
  const row = (name, s, f) => `| ${name} | ${f(s.raw)} | ${f(s.gzip)} | ${f(s.brotli)} |`;
  return ['| | raw | gzip | brotli |', '|---|---|---|---|', row('`voile.wasm`', module, mb), row('`voile-debug.wasm`', debug, mb), row('JavaScript', javascript, kb)].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await sizes()));
