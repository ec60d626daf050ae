/** What the tests of wasm/browsertest let the module do, in a worker or in Node. */
import { Session, bytes, text } from './loader.mjs';

const memory = { storage: 'memory', database: '', secure: false };

const fromBase64 = (s) => Uint8Array.from(atob(s.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

/** Starts a node, attaches it and waits until it is ready. */
async function attached(api, job, host = {}) {
  const began = performance.now();
  const node = await api.start(JSON.stringify(job.config), {
    ...memory, logLevel: 'Warn', onCrash: (what, stack) => console.error('crash', what, stack), ...job.host, ...host,
  });
  const session = new Session(node);
  session.onUpdate = (update) => { if (update.kind === 'Log') console.error(update.log_level, update.message); };
  await session.call({ op: 'Attach' });
  await session.update((u) => u.kind === 'Attachment' && u.public_internet_ready);
  return { node, session, readyMs: Math.round(performance.now() - began) };
}

/** Everything that two applications do with each other; see TestNetwork. */
export async function network(api, job) {
  const { node, session, readyMs } = await attached(api, job);
  const result = { readyMs, calls: [], messages: [], changes: [] };
  session.onUpdate = (u) => {
    if (u.kind === 'AppCall') {
      result.calls.push(text(u.blobs[0]));
      const reply = bytes(`yes: ${text(u.blobs[0])}`);
      session.call({ op: 'AppCallReply', call_id: u.call_id, message: '#0' }, [reply]).catch((e) => { result.error = e.message; });
    } else if (u.kind === 'AppMessage') {
      result.messages.push(text(u.blobs[0]));
    } else if (u.kind === 'ValueChange' && u.blobs.length > 0) {
      result.changes.push(text(u.blobs[0]));
    }
  };
  const { value: target } = await session.call({ op: 'ImportRemotePrivateRoute', blob: '#0' }, [fromBase64(job.data.friend)]);
  const { value: rc } = await session.call({ op: 'NewRoutingContext' });
  const context = (op, blobs) => session.call({ op: 'RoutingContext', rc_id: rc, ...op }, blobs);
  const callFriend = async (message) => {
    const { blobs } = await context({ rc_op: 'AppCall', target: { RouteId: target }, message: '#0' }, [message]);
    return text(blobs[0]);
  };
  result.answer = await callFriend(bytes('hello'));

  const { blobs: [blob] } = await session.call({ op: 'NewPrivateRoute' });
  const called = await callFriend(new Uint8Array([...bytes('route:'), ...blob]));
  if (called !== 'called') result.error = called;
  await context({ rc_op: 'AppMessage', target: { RouteId: target }, message: '#0' }, [bytes('by message')]);

  const { value: record } = await context({ rc_op: 'CreateDhtRecord', kind: 'VLD0', schema: { kind: 'DFLT', o_cnt: 2 } });
  const { key } = record;
  await context({ rc_op: 'SetDhtValue', key, subkey: 0, data: '#0', options: { allow_offline: false } }, [bytes('written in the browser')]);
  await context({ rc_op: 'WatchDhtValues', key, subkeys: [[1, 1]], expiration: '0', count: 4294967295 });
  const owner = `${record.owner}:${record.owner_secret.split(':').pop()}`;
  result.value = await callFriend(bytes(`record:${key} ${owner}`));
  await session.update((u) => u.kind === 'ValueChange');
  await session.update((u) => u.kind === 'AppMessage');

  result.stats = node.stats();
  await node.close();
  result.lastUpdate = session.updates.at(-1).kind;
  return result;
}

const stored = { storage: 'indexeddb', database: 'voile test', secure: false };

/** Starts a node that keeps what it has, and is not attached. */
async function kept(api, job, host = {}) {
  const node = await api.start(JSON.stringify(job.config), {
    ...stored, onCrash: (what, stack) => console.error('crash', what, stack), ...host,
  });
  return { node, session: new Session(node) };
}

const table = async (session) => {
  const { value } = await session.call({ op: 'OpenTableDb', name: 'kept', column_count: 1 });
  const db = (op, blobs) => session.call({ op: 'TableDb', db_id: value, ...op }, blobs);
  return {
    store: (key, value) => db({ db_op: 'Store', col: 0, key: '#0', value: '#1' }, [bytes(key), bytes(value)]),
    load: async (key) => {
      const { blobs } = await db({ db_op: 'Load', col: 0, key: '#0' }, [bytes(key)]);
      return blobs[0] && text(blobs[0]);
    },
  };
};

/** Who the node is and what it has kept; data.write is kept from now on. */
export async function keeps(api, job) {
  try {
    const { node, session } = await kept(api, job);
    const { value: state } = await session.call({ op: 'GetState' });
    const t = await table(session);
    const before = await t.load('key') ?? '';
    if (job.data.write) await t.store('key', job.data.write);
    const result = { ids: state.config.config.network.routing_table.public_keys, before, stats: node.stats() };
    if (job.data.close) await node.close();
    return result;
  } catch (error) {
    return { code: error.code, error: error.message };
  }
}

/** Writes without end, one row after the other, and says after each that it is kept. */
export async function writes(api, job, progress) {
  const { session } = await kept(api, job);
  const t = await table(session);
  for (let n = Number(await t.load('last') ?? 0) + 1; ; n++) {
    await t.store(`row ${n}`, 'x'.repeat(n % 5000));
    await t.store('last', String(n));
    progress({ acked: n });
  }
}

/** What writes has left: the last number, and the first row that is missing. */
export async function left(api, job) {
  const { node, session } = await kept(api, job);
  const t = await table(session);
  const last = Number(await t.load('last') ?? 0);
  let missing = 0;
  for (let n = 1; n <= last && !missing; n++) {
    if ((await t.load(`row ${n}`))?.length !== n % 5000) missing = n;
  }
  await node.close();
  return { last, missing };
}

/** Fills the storage until it is full, reads, and writes again when there is room. */
export async function fills(api, job) {
  const { node, session } = await kept(api, job);
  const t = await table(session);
  const result = { written: 0 };
  if (job.data.fill) {
    await t.store('first', 'kept');
    const row = Array.from({ length: 20000 }, () => Math.random().toString(36).slice(2)).join('');
    try {
      for (; result.written < 400; result.written++) await t.store(`row ${result.written}`, row);
    } catch (error) {
      result.code = error.code;
      result.error = error.message;
    }
  } else {
    await t.store('again', 'written');
    result.again = await t.load('again');
  }
  result.first = await t.load('first');
  await node.close();
  return result;
}

/** How the border behaves at its edges. */
export async function border(api, job) {
  const result = { rejected: [], crashes: 0 };
  for (const [config, host] of [
    ['{', memory], ['{}', memory], [JSON.stringify(job.config), { ...memory, storage: 'disk' }],
    [JSON.stringify(job.config), { storage: 'indexeddb', database: '' }], [JSON.stringify(job.config), undefined],
    [JSON.stringify(job.config), { ...memory, logLevel: 'Loud' }], [JSON.stringify(job.config), { ...memory, gateways: ['http://x'] }],
    [JSON.stringify({ ...job.config, network: { ...job.config.network, protocol: { tcp: { connect: true } } } }), memory],
  ]) {
    try {
      await api.start(config, host);
      result.rejected.push('started');
    } catch (error) {
      result.rejected.push(error instanceof Error ? error.code : typeof error);
    }
  }
  const node = await api.start(JSON.stringify(job.config), { ...memory, onCrash: () => { result.crashes++; } });

  // Updates: in order, one at a time, and a slow or failing taker holds up only itself.
  let inside = 0;
  let most = 0;
  const kinds = [];
  const slow = node.open(async (line) => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
    inside--;
    kinds.push(JSON.parse(line).kind);
    throw new Error('an update that fails on purpose');
  });
  const stuck = node.open(() => new Promise(() => {}));
  const session = new Session(node);
  await session.call({ op: 'Attach' });
  await session.update((u) => u.kind === 'Attachment');

  const odd = node.open();
  const answers = [];
  for (const [line, blobs] of [['', []], [undefined, undefined], [{}, 7], ['{"op":"Now","id":9}', { length: -1 }], ['{"op":"Now","id":9}', [1, 'x', null]],
    ['{"op":"Now","id":9}', new Array(2 ** 32 - 1)]]) {
    answers.push(JSON.parse((await odd.call(line, blobs).answer).line).error?.kind ?? 'done');
  }
  result.answers = answers;
  odd.cancel(1);
  odd.cancel(77);
  odd.cancel();

  // A call that is given up, and one that is under way when the session closes.
  const waits = '{"op":"WaitForAttachmentCondition","condition":{"opt_min_state":"AttachedFull"}}';
  const given = odd.call(waits, []);
  odd.cancel(given.id);
  result.givenUp = JSON.parse((await given.answer).line).error?.kind;
  const many = Array.from({ length: 1000 }, () => odd.call('{"op":"Now"}', []).answer);
  const cut = odd.call(waits, []);
  await odd.close();
  result.many = (await Promise.all(many)).filter(({ line }) => !JSON.parse(line).error).length;
  result.cut = JSON.parse((await cut.answer).line).error?.kind;
  result.afterClose = JSON.parse((await odd.call('{"op":"Now"}', []).answer).line).error?.kind;
  await stuck.close(); // does not wait for a taker that never ends

  const before = node.stats();
  node.setForeground(false);
  node.networkChanged(false);
  node.networkChanged(true);
  node.setForeground(true);
  await Promise.all([node.close(), node.close()]);
  await slow.close();
  result.most = most;
  result.last = kinds.at(-1);
  result.statsAfter = node.stats() === null;
  result.goroutines = before.goroutines;
  result.openAfter = JSON.parse((await node.open().call('{"op":"Now"}', []).answer).line).error?.kind;
  return result;
}

/** Attaches again after the page was told of another network, and after a rest. */
export async function changes(api, job) {
  const { node, session } = await attached(api, job);
  const result = { again: [] };
  const { value: target } = await session.call({ op: 'ImportRemotePrivateRoute', blob: '#0' }, [fromBase64(job.data.friend)]);
  const { value: rc } = await session.call({ op: 'NewRoutingContext' });
  for (const change of [
    () => node.networkChanged(true),
    () => { node.networkChanged(false); node.networkChanged(true); },
    () => { node.setForeground(false); node.setForeground(true); },
  ]) {
    const began = performance.now();
    change();
    const call = { op: 'RoutingContext', rc_id: rc, rc_op: 'AppCall', target: { RouteId: target }, message: '#0' };
    let answer;
    while (!answer && performance.now() - began < 20_000) {
      try {
        answer = text((await session.call(call, [bytes('hello')])).blobs[0]);
      } catch (error) {
        if (error.code !== 'TryAgain' && error.code !== 'Timeout' && error.code !== 'NoConnection') throw error;
        await new Promise((resolve) => { setTimeout(resolve, 100); });
      }
    }
    result.again.push(answer ?? 'nothing');
    result.ms = Math.max(result.ms ?? 0, Math.round(performance.now() - began));
  }
  await node.close();
  return result;
}

/** Calls a friend for data.ms milliseconds and says what it took. */
export async function traffic(api, job) {
  const { node, session } = await attached(api, job);
  const { value: target } = await session.call({ op: 'ImportRemotePrivateRoute', blob: '#0' }, [fromBase64(job.data.friend)]);
  const { value: rc } = await session.call({ op: 'NewRoutingContext' });
  const message = new Uint8Array(8000);
  const result = { calls: 0, failed: 0 };
  const until = performance.now() + job.data.ms;
  while (performance.now() < until) {
    try {
      await session.call({ op: 'RoutingContext', rc_id: rc, rc_op: 'AppCall', target: { RouteId: target }, message: '#0' }, [message]);
      result.calls++;
    } catch {
      result.failed++;
    }
  }
  result.stats = node.stats();
  await node.close();
  result.after = result.stats.goroutines;
  return result;
}
