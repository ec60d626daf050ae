import { invalidArgument } from "./error.js";
import type { DHTSchema, KeyPair, MemberId, PublicKey, SecretKey } from "./generated/api.js";

/**
 * The schema of a record whose owner writes everything.
 * @param subkeys 1 to 1024
 */
export function dflt(subkeys: number): DHTSchema {
  return { kind: "DFLT", oCnt: subkeys };
}

/**
 * The schema of a record of several writers: the owner has the first subkeys, then come
 * those of each member in turn; 1024 in all, and 256 members.
 * @param ownerSubkeys may be 0
 * @param members id of the member, as generateMemberId gives it, and how many subkeys it has
 */
export function smpl(ownerSubkeys: number, members: readonly { id: MemberId; subkeys: number }[]): DHTSchema {
  return { kind: "SMPL", oCnt: ownerSubkeys, members: members.map(({ id, subkeys }) => ({ mKey: id, mCnt: subkeys })) };
}

/** The two keys of a pair. */
export function splitKeyPair(pair: KeyPair): { key: PublicKey; secret: SecretKey } {
  const parts = pair.split(":");
  if (parts.length !== 3) throw invalidArgument("splitKeyPair", "pair", "not three parts");
  return { key: `${parts[0]!}:${parts[1]!}`, secret: `${parts[0]!}:${parts[2]!}` };
}
