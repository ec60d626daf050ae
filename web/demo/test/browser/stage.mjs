// What the tests of the demo in browsers need: `voile web`, tabs that are watched, and
// pictures of them for people to look at.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const pictures = process.env.VOILE_SCREENSHOTS ?? `${root}dist/screenshots`;

export const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };

/** serveDemo starts `voile web`. @returns {Promise<{url: string, end(): Promise<number>}>} */
export async function serveDemo() {
  const child = spawn(`${root}bin/voile`, ['web', '--listen', '127.0.0.1:0', '--dir', `${root}web`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => (said += text));
  const exit = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  const line = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  const url = await Promise.race([line, exit.then((code) => Promise.reject(new Error(`voile web ended with ${code}: ${said}`)))]);
  return {
    url,
    end() {
      child.kill('SIGTERM');
      return exit;
    },
  };
}

/**
 * serveInPieces passes a demo on, and its page piece by piece, as a slow network or a slow
 * machine has it: the browser paints what is there.
 * @param {string} demo its address
 * @returns {Promise<{url: string, end(): void}>}
 */
export async function serveInPieces(demo) {
  const piece = 500, pause = 100; // bytes, ms
  const server = createServer((request, response) => {
    get(new URL(request.url, demo), async (from) => {
      const page = from.headers['content-type']?.startsWith('text/html');
      response.writeHead(from.statusCode, from.headers);
      if (!page) return from.pipe(response);
      const all = Buffer.concat(await from.toArray());
      for (let at = 0; at < all.length; at += piece) {
        response.write(all.subarray(at, at + piece));
        await wait(pause);
      }
      response.end();
    }).on('error', () => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    end() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Everything that a page says is wrong, from before its first line runs. */
function watch() {
  const w = (globalThis.watched = { shift: 0, shifts: [], longest: 0, refused: [], steps: [] });
  const see = (type, take) => {
    if (PerformanceObserver.supportedEntryTypes.includes(type)) new PerformanceObserver((l) => l.getEntries().forEach(take)).observe({ type, buffered: true });
  };
  const called = (n) => (n ? `${n.parentElement && !n.id ? `${called(n.parentElement)} > ` : ''}${n.nodeName.toLowerCase()}${n.id ? `#${n.id}` : ''}${n.classList?.length ? `.${[...n.classList].join('.')}` : ''}` : 'what is no longer there');
  const box = ({ x, y, width, height }) => `${[x, y].map(Math.round)} ${Math.round(width)}×${Math.round(height)}`;
  see('layout-shift', (e) => {
    if (e.hadRecentInput) return;
    w.shift += e.value;
    // Where something was nothing yet, or is nothing any more, has no size.
    const moved = e.sources.map((s) => `${called(s.node)} from ${box(s.previousRect)} to ${box(s.currentRect)}`);
    w.shifts.push(`${e.value.toFixed(5)} after ${Math.round(e.startTime)} ms: ${moved.join('; ')}`);
  });
  see('longtask', (e) => (w.longest = Math.max(w.longest, e.duration)));
  addEventListener('securitypolicyviolation', (e) => w.refused.push(`${e.violatedDirective} ${e.blockedURI}`));
  addEventListener('DOMContentLoaded', () => {
    const doing = document.getElementById('doing');
    w.steps.push(doing.textContent);
    new MutationObserver(() => w.steps.push(doing.textContent)).observe(doing, { childList: true, characterData: true, subtree: true });
  });
}

// In Firefox a picture is taken with a style sheet that the page's policy refuses.
const ofPicture = /blocked an inline style/;

/** newTab opens a tab of a context. What the page logs as an error is kept in tab.faults. */
export async function newTab(context, url) {
  const tab = await context.newPage();
  tab.faults = [];
  tab.said = []; // everything in the console
  const fault = (text) => {
    if (!(tab.pictured && ofPicture.test(text))) tab.faults.push(text);
  };
  tab.on('pageerror', (e) => fault(String(e.stack ?? e)));
  tab.on('console', (m) => {
    tab.said.push(m.text());
    if (m.type() === 'error') fault(m.text());
  });
  await tab.addInitScript(watch);
  if (url) await tab.goto(url);
  return tab;
}

/** come waits for a selector, and tells what the page said if it does not come. */
async function come(tab, selector) {
  try {
    await tab.waitForSelector(selector, { timeout: 60_000 });
  } catch (error) {
    throw new Error(`no ${selector}; the tab says ${await tab.textContent('#doing')}, ${await tab.textContent('#toast')}, ${tab.said.join('\n')}`, { cause: error });
  }
}

export const ready = (tab) => come(tab, '#pill[data-state=ready]');
export const stage = (tab, name) => come(tab, `#chat-stage[data-stage=${name}]`);

/** shot makes a picture for people to look at. */
export async function shot(tab, name) {
  await mkdir(pictures, { recursive: true });
  // To hide the caret, a style would be put into the page, which its policy refuses.
  tab.pictured = true;
  await tab.screenshot({ path: `${pictures}/${name}.png`, caret: 'initial' });
}

/** show brings a part of the page into view, as on a phone. */
export async function show(tab, part) {
  await tab.evaluate((id) => document.getElementById(id).scrollIntoView({ block: 'start', behavior: 'instant' }), part);
  await tab.waitForTimeout(400);
}

/** faint lists the texts on a page whose contrast is below what WCAG 2.2 AA asks for. */
export function faint(tab) {
  return tab.evaluate(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (css) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = css;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      return [r, g, b, a / 255];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const ground = (e) => {
      const layers = [];
      for (; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
      return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
    };
    const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const bad = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n; (n = walker.nextNode()); ) {
      const e = n.parentElement, s = getComputedStyle(e);
      if (!n.textContent.trim() || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest(':disabled, .asleep')) continue;
      const disc = e.matches('.self text, .initial') ? e.parentElement.querySelector('circle:last-of-type') : null;
      const below = disc ? rgba(getComputedStyle(disc).fill) : ground(e);
      const colour = over(rgba(e instanceof SVGElement ? s.fill : s.color), below);
      const [a, b] = [light(colour), light(below)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) bad.push(`${n.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return bad;
  });
}

/** nameless lists what can be operated and has no name. */
export function nameless(tab) {
  return tab.evaluate(() => [...document.querySelectorAll('button, a[href], input, textarea, [role=log], dialog')].filter((e) => {
    const by = e.getAttribute('aria-labelledby');
    return !(e.getAttribute('aria-label') || (by && document.getElementById(by)?.textContent.trim()) || e.textContent.trim() || [...(e.labels ?? [])].some((l) => l.textContent.trim()));
  }).map((e) => e.outerHTML.slice(0, 80)));
}
