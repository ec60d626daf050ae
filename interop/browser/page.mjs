#!/usr/bin/env node
/**
 * A page with the npm package in a real browser, driven over a socket:
 *
 *   node page.mjs chromium|firefox PORT
 *
 * listens on 127.0.0.1:PORT for one connection. Each line {"id":N,"js":"…","args":[…]}
 * is the body of an async function in the page, with what web/test/page.html has there;
 * its answer is {"id":N,"value":…} or {"id":N,"error":{"code":…,"message":…}}. A line
 * {"id":N,"offline":true} takes the browser's network away. The end of the connection
 * ends the program.
 */
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { launch } from '../../web/test/browser/browser.mjs';
import { servePackage, tab } from '../../web/test/pages.mjs';

const [name, port] = process.argv.slice(2);
const pages = await servePackage();
const browser = await launch(name);
const context = await browser.newContext();
const page = await tab(context, pages.url);

const answer = async ({ js, args = [], offline }) => {
  if (offline !== undefined) return context.setOffline(offline);
  const { value, error } = await page.evaluate(async ({ js, args }) => {
    const body = Object.getPrototypeOf(async () => {}).constructor;
    try {
      return { value: await new body('args', js)(args) };
    } catch (e) {
      return { error: { code: e.code ?? '', message: String(e.stack ?? e) } };
    }
  }, { js, args });
  if (error) throw error;
  return value;
};

const server = createServer((socket) => {
  server.close();
  const lines = createInterface({ input: socket });
  lines.on('line', async (line) => {
    const { id, ...job } = JSON.parse(line);
    let reply;
    try {
      reply = { id, value: await answer(job) ?? null };
    } catch (e) {
      reply = { id, error: { code: e.code ?? '', message: String(e.message ?? e) } };
    }
    socket.write(`${JSON.stringify(reply)}\n`);
  });
  lines.on('close', async () => {
    await browser.close();
    await pages.close();
    process.exit(0);
  });
});
server.listen(Number(port), '127.0.0.1');
