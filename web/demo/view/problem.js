// What is wrong, in words for a person, with what to do about it. What the node said
// itself stands below, for who wants to report it.

/**
 * @typedef {object} Problem
 * @property {string} title
 * @property {string} what
 * @property {string} [todo] text between ` is a command
 * @property {('again' | 'other' | 'fresh')[]} actions try again; another node in this
 *   tab; away with what is kept
 */

/** Stop is a reason that the page knows better than the node. */
export class Stop extends Error {
  /** @param {Problem} problem */
  constructor(problem, cause) {
    super(problem.title, { cause });
    this.problem = problem;
  }
}

const again = ['again'];

/** unfit is what this browser lacks, or null. */
export function unfit(scope = globalThis) {
  const missing = [
    [typeof scope.WebAssembly !== 'object', 'WebAssembly'],
    [typeof scope.Worker !== 'function', 'Web Workers'],
    [typeof scope.WebSocket !== 'function', 'WebSocket'],
    [!scope.indexedDB, 'IndexedDB'],
  ].filter(([bad]) => bad).map(([, name]) => name);
  if (!scope.isSecureContext) {
    return {
      title: 'This address is not safe enough for keys',
      what: 'Browsers let a page keep secret keys only over https, or on this very machine.',
      todo: 'Open the page at the address that `voile web` prints, on the machine where it runs.',
      actions: [],
    };
  }
  return missing.length === 0 ? null : {
    title: 'This browser cannot run a node',
    what: `It has no ${missing.join(', no ')}${missing.includes('IndexedDB') ? ', or a setting has turned it off' : ''}.`,
    todo: 'Use a current Firefox, Chrome, Edge or Safari.',
    actions: again,
  };
}

/** problemOf finds the words for whatever was thrown. @returns {Problem} */
export function problemOf(error) {
  if (error instanceof Stop) return error.problem;
  const code = error?.code ?? error?.name ?? '';
  const text = `${error?.message ?? error} ${error?.cause?.message ?? ''}`;
  const is = (pattern) => pattern.test(text);
  if (code === 'AlreadyInitialized' || is(/\bin use\b/i)) {
    return {
      title: 'This node runs in another tab',
      what: 'A node belongs to one tab at a time: two would spoil what it keeps.',
      todo: 'Go on in the other tab, or become a second node here.',
      actions: ['other', 'again'],
    };
  }
  if (is(/quota|no space|disk.{0,12}full/i)) {
    return {
      title: 'There is no room left',
      what: 'The browser lets this page keep no more on this device.',
      todo: 'Make room on the disk or in the browser’s site data, or begin afresh.',
      actions: ['again', 'fresh'],
    };
  }
  if (is(/private (mode|browsing)|storage.{0,30}(blocked|denied|disabled|not available)|SecurityError|InvalidStateError/i)) {
    return {
      title: 'The browser does not let this page keep anything',
      what: 'A node keeps its keys and records in the browser’s storage. Some private windows have none.',
      todo: 'Open the page in an ordinary window, or allow site data for it.',
      actions: again,
    };
  }
  if (is(/decrypt|device.?key|corrupt|authentication failed|damaged/i)) {
    return {
      title: 'What was kept cannot be opened',
      what: 'The key in this browser does not fit the stored data: part of it was deleted.',
      todo: 'Begin afresh. This node’s identity and messages are lost.',
      actions: ['fresh', 'again'],
    };
  }
  if (is(/worker|wasm|WebAssembly|module|Failed to fetch|NetworkError|importing/i)) {
    return {
      title: 'The node could not be loaded',
      what: 'Its program did not arrive whole. The page’s server may have been stopped or built anew.',
      todo: 'See that `voile web` still runs, then try again.',
      actions: again,
    };
  }
  return {
    title: 'The node has stopped',
    what: 'It met something that it cannot go on from. What it had saved is still there.',
    todo: 'Try again. If it happens once more, please report the text below.',
    actions: ['again', 'other'],
  };
}

/** gone: no peer answers, and neither does the server of the page. */
export const gone = {
  title: 'The private network is gone',
  what: 'None of its nodes answers, and neither does the server of this page.',
  todo: 'Start `voile web` again and open the address that it prints.',
  actions: again,
};

/** lonely: the server is there and the node still finds no one. */
export const lonely = {
  title: 'No peer answers',
  what: 'The network runs, but this browser cannot reach its nodes on 127.0.0.1. An extension or a proxy may stand between.',
  todo: 'Allow this page to connect to this machine, or try another browser.',
  actions: again,
};

/** ProblemView shows one over the picture. */
export class ProblemView {
  #part;
  #does;

  /** @param {Record<'again' | 'other' | 'fresh', {text: string, act: () => void}>} does */
  constructor(part, does) {
    this.#part = part;
    this.#does = does;
  }

  /** @param {Problem} p @param {unknown} [error] */
  show(p, error) {
    const part = this.#part;
    part('problem-title').textContent = p.title;
    part('problem-what').textContent = p.what;
    part('problem-todo').replaceChildren(...(p.todo ?? '').split('`').map((t, i) => {
      if (i % 2 === 0) return t;
      const code = document.createElement('code');
      code.textContent = t;
      return code;
    }));
    part('problem-actions').replaceChildren(...p.actions.map((name, i) => {
      const b = document.createElement('button');
      b.type = 'button';
      b.className = i === 0 ? 'primary' : '';
      b.textContent = this.#does[name].text;
      b.addEventListener('click', this.#does[name].act);
      return b;
    }));
    const text = error === undefined ? '' : `${error?.code ? `${error.code}: ` : ''}${error?.message ?? error}${error?.details ? `\n${error.details}` : ''}`;
    part('problem-text').textContent = text;
    part('problem').querySelector('details').hidden = text === '';
    if (!part('problem').hidden) return;
    part('problem').hidden = false;
    if (document.activeElement === document.body) part('problem').focus({ preventScroll: true });
  }

  hide() {
    this.#part('problem').hidden = true;
  }

  get shown() {
    return !this.#part('problem').hidden;
  }
}
