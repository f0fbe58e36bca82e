/** The message of ut_pex (BEP 11): whom a peer has come to know, and whom it has lost sight of, since its last one. */
import { BtgetError } from '../base/failure.js';
import { asDictionary, getBytes } from '../bencode/access.js';
import { type BencodeDictionary, decodeBencode } from '../bencode/bencode.js';
import { encodeBencode } from '../bencode/encode.js';
import { type BencodeRules, TOLERANT } from '../bencode/guard.js';
import { decodeCompact, encodeCompact, type IpFamily, parseIp } from '../net/ip-address.js';
import type { PeerAddress } from '../net/raw-server.js';

export const UT_PEX = 'ut_pex';

export interface PexPeer {
  readonly address: PeerAddress;
  /** It fetches nothing (more). */
  readonly isSeed: boolean;
  /** The sender has dialled it with success. */
  readonly isReachable: boolean;
}

export interface PexMessage {
  readonly added: readonly PexPeer[];
  readonly dropped: readonly PeerAddress[];
}

// BEP 11: "0x02 seed/upload_only", "0x10 outgoing connection, peer is reachable".
const SEED = 0x02;
const REACHABLE = 0x10;

/** Bytes of a message that is read: twice a hundred peers of each family are a sixth of it. */
const MAX_LENGTH = 32 * 1024;
/** Peers of each kind that are looked at. BEP 11 allows fifty; clients send more the first time. */
const MAX_PEERS = 100;

const RULES: BencodeRules = { ...TOLERANT, maxDepth: 4, maxTokens: 100 };

/** Undefined when the payload is no dictionary, too long, not bencoded, or cuts an address in two. */
export function decodePexMessage(payload: Buffer): PexMessage | undefined {
  if (payload.length > MAX_LENGTH) return undefined;
  const root = decodeDictionary(payload);
  if (root === undefined) return undefined;
  const lists = [
    addressesOf(root, 'added', 4),
    addressesOf(root, 'added6', 6),
    addressesOf(root, 'dropped', 4),
    addressesOf(root, 'dropped6', 6),
  ];
  if (lists.some((list) => list === undefined)) return undefined;
  const [added = [], added6 = [], dropped = [], dropped6 = []] = lists;
  return {
    added: [...withFlags(added, getBytes(root, 'added.f')), ...withFlags(added6, getBytes(root, 'added6.f'))],
    dropped: [...dropped, ...dropped6].flatMap((address) => address ?? []),
  };
}

export function encodePexMessage({ added, dropped }: PexMessage): Buffer {
  const of = (family: IpFamily) => (host: string) => parseIp(host)?.family === family;
  const addedOf = (family: IpFamily) => added.filter(({ address }) => of(family)(address.host));
  const compact = (addresses: readonly PeerAddress[]) =>
    Buffer.concat(addresses.flatMap((at) => encodeCompact(at) ?? []));
  const flags = (peers: readonly PexPeer[]) =>
    Buffer.from(peers.map(({ isSeed, isReachable }) => (isSeed ? SEED : 0) | (isReachable ? REACHABLE : 0)));
  const fields = new Map<string, Buffer>();
  for (const [family, suffix] of [
    [4, ''],
    [6, '6'],
  ] as const) {
    const peers = addedOf(family);
    fields.set(`added${suffix}`, compact(peers.map(({ address }) => address)));
    fields.set(`added${suffix}.f`, flags(peers));
    fields.set(`dropped${suffix}`, compact(dropped.filter(({ host }) => of(family)(host))));
  }
  return encodeBencode(fields);
}

/** Addresses in their places, undefined for port 0; none when the key is absent; undefined when the length is wrong. */
function addressesOf(
  root: BencodeDictionary,
  key: string,
  family: IpFamily,
): readonly (PeerAddress | undefined)[] | undefined {
  const bytes = getBytes(root, key);
  if (bytes === undefined) return [];
  const length = family === 4 ? 6 : 18;
  if (bytes.length % length !== 0) return undefined;
  return Array.from({ length: Math.min(MAX_PEERS, bytes.length / length) }, (_, at) =>
    decodeCompact(bytes.subarray(at * length, (at + 1) * length), family),
  );
}

function withFlags(addresses: readonly (PeerAddress | undefined)[], flags: Buffer | undefined): PexPeer[] {
  return addresses.flatMap((address, at) => {
    const bits = flags?.[at] ?? 0;
    if (address === undefined) return [];
    return { address, isSeed: (bits & SEED) !== 0, isReachable: (bits & REACHABLE) !== 0 };
  });
}

function decodeDictionary(payload: Buffer): BencodeDictionary | undefined {
  try {
    return asDictionary(decodeBencode(payload, RULES));
  } catch (error) {
    if (error instanceof BtgetError) return undefined;
    throw error;
  }
}
