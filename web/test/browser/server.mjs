/** A static server for tests, on the loopback interface. */
import { createServer as plain } from 'node:http';
import { createServer as secure } from 'node:https';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';

const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css',
  '.json': 'application/json', '.map': 'application/json', '.wasm': 'application/wasm', '.svg': 'image/svg+xml', '.png': 'image/png',
};

/**
 * Serves files until close is called.
 * @param {object} options
 * @param {Record<string, string>} [options.folders] URL prefix (with slashes around it, "/" for all) to a folder
 * @param {Record<string, string | Buffer | (() => string | Buffer | Promise<string | Buffer>)>} [options.files]
 *   URL path to its content; looked at before folders
 * @param {Record<string, string>} [options.headers] sent with everything
 * @param {{key: string | Buffer, cert: string | Buffer}} [options.tls] serves https
 * @param {number} [options.port] 0 if left out: any
 * @returns {Promise<{url: string, port: number, requests: string[], close(): Promise<void>}>} url ends without a slash
 */
export async function serve({ folders = {}, files = {}, headers = {}, tls, port = 0 } = {}) {
  const requests = [];
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const answer = async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    requests.push(path);
    try {
      const body = await content(path);
      response.writeHead(200, { 'content-type': types[extname(path)] ?? (extname(path) ? 'application/octet-stream' : types['.html']), 'cache-control': 'no-store', ...headers });
      response.end(body);
    } catch (error) {
      response.writeHead(error.code === 'ENOENT' || error.code === 'EISDIR' ? 404 : 500, { 'content-type': 'text/plain' });
      response.end(String(error.message));
    }
  };
  const content = async (path) => {
    if (Object.hasOwn(files, path)) return typeof files[path] === 'function' ? files[path]() : files[path];
    for (const prefix of prefixes) {
      if (!path.startsWith(prefix)) continue;
      const name = normalize(path.slice(prefix.length) || 'index.html');
      if (name.startsWith('..') || name.startsWith(sep)) break;
      return readFile(join(folders[prefix], name));
    }
    throw Object.assign(new Error(`nothing at ${path}`), { code: 'ENOENT' });
  };
  const server = tls ? secure(tls, answer) : plain(answer);
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const at = server.address().port;
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${at}`,
    port: at,
    requests,
    close: () => new Promise((resolve) => { server.close(() => resolve()); server.closeAllConnections(); }),
  };
}
