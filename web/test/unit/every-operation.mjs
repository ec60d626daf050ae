/** Calls every method once, with arguments that any node understands. */
export async function callEverything(node, values) {
  const b = new TextEncoder().encode('bytes');
  const { key, secret, pair, record, route, nonce, shared, signature, digest, encapsulation, decapsulation, schema } = values;
  const calls = [];
  const c = (name, f) => calls.push([name, f]);
  c('control', () => node.control(['x']));
  c('attach', () => node.attach());
  c('detach', () => node.detach());
  c('waitReady', () => node.waitReady({ timeoutMs: 0 }));
  c('state', () => node.state());
  c('isShutdown', () => node.isShutdown());
  c('changeConfig', async () => node.changeConfig({ ...(await node.defaultConfig()), programName: 'test' }));
  c('defaultConfig', () => node.defaultConfig());
  c('reportAppLifecycleState', () => node.reportAppLifecycleState('Background'));
  c('newPrivateRoute', () => node.newPrivateRoute());
  c('newCustomPrivateRoute', () => node.newCustomPrivateRoute({ hopCount: 1, stability: 'Reliable' }));
  c('importPrivateRoute', () => node.importPrivateRoute(b));
  c('releasePrivateRoute', () => node.releasePrivateRoute(route));
  c('appCallReply', () => node.appCallReply('1', b));
  c('getDHTRecordKey', () => node.getDHTRecordKey(schema, key, shared));
  c('generateMemberId', () => node.generateMemberId(key));
  c('openTable', async () => {
    const db = await node.openTable('every', 2);
    await db.columnCount();
    await db.store(0, 'key', b);
    await db.load(0, b);
    await db.getKeys(0);
    const tx = await db.transact();
    await tx.store(0, b, b);
    await tx.delete(1, b);
    await tx.commit();
    await (await db.transact()).rollback();
    await db.delete(0, 'key');
    db.dispose();
  });
  c('renameTable', () => node.renameTable('every', 'other'));
  c('deleteTable', () => node.deleteTable('other'));
  c('saveSecret', () => node.saveSecret('k', b));
  c('loadSecret', () => node.loadSecret('k'));
  c('listSecrets', () => node.listSecrets());
  c('removeSecret', () => node.removeSecret('k'));
  c('deleteAllSecrets', () => node.deleteAllSecrets());
  c('validCryptoKinds', () => node.validCryptoKinds());
  c('generateKeyPair', () => node.generateKeyPair());
  c('generateSignatures', () => node.generateSignatures(b, [pair]));
  c('verifySignatures', () => node.verifySignatures([key], b, [signature]));
  c('now', () => node.now());
  c('nowNonDecreasing', () => node.nowNonDecreasing());
  c('nowIncreasing', () => node.nowIncreasing());
  c('version', () => node.version());
  c('versionString', () => node.versionString());
  c('features', () => node.features());
  c('debug', () => node.debug('nodeinfo'));

  const context = node.routingContext();
  const others = [context.withDefaultSafety(), context.withSafety({ safe: { hopCount: 1 } }), context.withSequencing('EnsureOrdered')];
  for (const o of others) c('safety', () => o.safety());
  c('appCall', () => context.appCall(route, b));
  c('appMessage', () => context.appMessage({ routeId: route }, b));
  c('createDHTRecord', () => context.createDHTRecord(schema, { owner: pair }));
  c('openDHTRecord', () => context.openDHTRecord(record, { writer: pair, rehydrate: false }));
  c('getDHTValue', () => context.getDHTValue(record, 0, { forceRefresh: true }));
  c('setDHTValue', () => context.setDHTValue(record, 0, b, { writer: pair, allowOffline: true, minSeqnum: 1 }));
  c('watchDHTValues', () => context.watchDHTValues(record, { subkeys: [[0, 1]], expiration: 1, count: 2 }));
  c('cancelDHTWatch', () => context.cancelDHTWatch(record, { subkeys: [[0, 0]] }));
  c('inspectDHTRecord', () => context.inspectDHTRecord(record, { scope: 'Local', subkeys: [[0, 0]] }));
  c('flushDHTRecord', () => context.flushDHTRecord(record, { timeoutMs: 1 }));
  c('transactDHTRecords', async () => {
    const tx = await node.transactDHTRecords([record], { defaultSigningKeypair: pair });
    await tx.extend([record], { defaultSigningKeypair: pair });
    await tx.get(record, 0);
    await tx.set(record, 0, b, { writer: pair });
    await tx.inspect(record, { scope: 'Local' });
    await tx.commit();
    await (await node.transactDHTRecords([record])).rollback();
    (await node.transactDHTRecords([record])).dispose();
  });
  c('closeDHTRecord', () => context.closeDHTRecord(record));
  c('deleteDHTRecord', () => context.deleteDHTRecord(record));

  const crypto = node.crypto();
  const lengths = ['sharedSecret', 'nonce', 'hashDigest', 'publicKey', 'secretKey', 'signature', 'encapsulationKey', 'decapsulationKey'];
  for (const l of lengths) c(l, () => crypto[`${l}Length`]());
  for (const f of ['kind', 'randomNonce', 'randomSharedSecret', 'generateKeyPair', 'generateKemKeyPair', 'defaultSaltLength', 'aeadOverhead']) c(f, () => crypto[f]());
  c('cachedDH', () => crypto.cachedDH(key, secret));
  c('computeDH', () => crypto.computeDH(key, secret));
  c('generateSharedSecret', () => crypto.generateSharedSecret(key, secret, b));
  c('randomBytes', () => crypto.randomBytes(5));
  c('hashPassword', () => crypto.hashPassword(b, new Uint8Array(16)));
  c('verifyPassword', () => crypto.verifyPassword(b, '$argon2id$x'));
  c('deriveSharedSecret', () => crypto.deriveSharedSecret(b, new Uint8Array(16)));
  c('generateHash', () => crypto.generateHash(b));
  c('validateHash', () => crypto.validateHash(b, digest));
  c('validateKeyPair', () => crypto.validateKeyPair(key, secret));
  c('sign', () => crypto.sign(key, secret, b));
  c('verify', () => crypto.verify(key, b, signature));
  c('encryptAEAD', () => crypto.encryptAEAD(b, nonce, shared));
  c('decryptAEAD', () => crypto.decryptAEAD(b, nonce, shared, b));
  c('cryptNoAuth', () => crypto.cryptNoAuth(b, nonce, shared));
  c('hpkeSeal', () => crypto.hpkeSeal(encapsulation, b, b));
  c('hpkeOpen', () => crypto.hpkeOpen(decapsulation, b, b));
  c('encapsulationKeyFromSigningKey', () => crypto.encapsulationKeyFromSigningKey(key));
  c('decapsulationKeyFromSigningSecret', () => crypto.decapsulationKeyFromSigningSecret(secret));
  c('checkSharedSecret', () => crypto.checkSharedSecret(shared));
  c('checkNonce', () => crypto.checkNonce(nonce));
  c('checkHashDigest', () => crypto.checkHashDigest(digest));
  c('checkPublicKey', () => crypto.checkPublicKey(key));
  c('checkSecretKey', () => crypto.checkSecretKey(secret));
  c('checkSignature', () => crypto.checkSignature(signature));

  const failed = new Map();
  for (const [name, f] of calls) await f().catch((e) => failed.set(name, e));
  for (const o of [...others, context, crypto]) o.dispose();
  return failed;
}

const k = (n) => 'A'.repeat(n);

/** Values of the right length for {@link callEverything}. */
export const anyValues = {
  key: `VLD0:${k(43)}`, secret: `VLD0:${k(43)}`, pair: `VLD0:${k(43)}:${k(43)}`, record: `VLD0:${k(43)}:${k(43)}`, route: `VLD0:${k(43)}`,
  nonce: k(32), shared: `VLD0:${k(43)}`, signature: `VLD0:${k(86)}`, digest: `VLD0:${k(43)}`, encapsulation: `VLD0:${k(43)}`,
  decapsulation: `VLD0:${k(43)}`, schema: { kind: 'DFLT', oCnt: 2 },
};
