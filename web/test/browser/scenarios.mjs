/** What the tests of wasm/browsertest let the module do, in a worker or in Node. */
import { Session, bytes, text } from './loader.mjs';

const memory = { storage: 'memory', database: '', secure: false };

const fromBase64 = (s) => Uint8Array.from(atob(s.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

/** Starts a node, attaches it and waits until it is ready. */
async function ready(api, job, host = {}) {
  const began = performance.now();
  const node = await api.start(JSON.stringify(job.config), {
    ...memory, logLevel: 'Warn', onCrash: (what, stack) => console.error('crash', what, stack), ...host,
  });
  const session = new Session(node);
  session.onUpdate = (update) => { if (update.kind === 'Log') console.error(update.log_level, update.message); };
  await session.call({ op: 'Attach' });
  await session.update((u) => u.kind === 'Attachment' && u.public_internet_ready);
  return { node, session, readyMs: Math.round(performance.now() - began) };
}

/** Everything that two applications do with each other; see TestNetwork. */
export async function network(api, job) {
  const { node, session, readyMs } = await ready(api, job);
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
