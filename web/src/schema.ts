import { invalidArgument } from "./error.js";
import type { DHTSchema, KeyPair, MemberId, PublicKey, SecretKey } from "./generated/api.js";

/**
 * The schema of a record whose owner writes everything.
 * @param subkeys 1 to 1024
 */
export function dflt(subkeys: number): DHTSchema {
  return { kind: "DFLT", oCnt: subkeys };
}

/** A writer of a record of several. */
export interface SchemaMember {
  /** The member's id, as generateMemberId gives it. */
  id: MemberId;
  /** How many subkeys the member writes. */
  subkeys: number;
}

/**
 * The schema of a record of several writers: the owner has the first subkeys, then come
 * those of each member in turn; 1024 in all, and 256 members.
 * @param ownerSubkeys may be 0
 * @param members in the order of their subkeys
 */
export function smpl(ownerSubkeys: number, members: readonly SchemaMember[]): DHTSchema {
  return { kind: "SMPL", oCnt: ownerSubkeys, members: members.map(({ id, subkeys }) => ({ mKey: id, mCnt: subkeys })) };
}

/** The parts of a {@link KeyPair}. */
export interface SplitKeyPair {
  /** The public key. */
  key: PublicKey;
  /** The secret key. */
  secret: SecretKey;
}

/** The two keys of a pair. InvalidArgument if it is none. */
export function splitKeyPair(pair: KeyPair): SplitKeyPair {
  const parts = pair.split(":");
  if (parts.length !== 3) throw invalidArgument("splitKeyPair", "pair", "not three parts");
  return { key: `${parts[0]!}:${parts[1]!}`, secret: `${parts[0]!}:${parts[2]!}` };
}
