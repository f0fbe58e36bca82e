/**
 * The extension handshake (BEP 10): what each side offers, under which ids, and what it says of itself besides. A
 * client may send it again at any time to change what it said; what a later one leaves out stays as it was.
 */

import { BtgetError } from '../base/failure.js';
import { asDictionary, getBytes, getInteger, getText } from '../bencode/access.js';
import { decodeBencode } from '../bencode/bencode.js';
import { type Encodable, encodeBencode } from '../bencode/encode.js';
import { type BencodeRules, TOLERANT } from '../bencode/guard.js';

/** The id of the extension handshake itself. */
export const EXTENSION_HANDSHAKE = 0;

/** What one side says; null where it says nothing usable. */
export interface ExtensionHandshake {
  /** Ids by name, 1 to 255, for what the other side sends; 0 withdraws an extension. */
  readonly ids: ReadonlyMap<string, number>;
  /** Client and version; may hold anything that a display must escape. */
  readonly version: string | null;
  /** The port that it listens on, 1 to 65535. */
  readonly port: number | null;
  /** The other side's address as this side sees it, 4 or 16 bytes. */
  readonly yourIp: Buffer | null;
  /** Requests that it queues before it drops any, 1 or more. */
  readonly requestQueue: number | null;
  /** BEP 9: bytes of the info dictionary, 1 or more. */
  readonly metadataSize: number | null;
  /** BEP 21: it fetches nothing (more). */
  readonly uploadOnly: boolean | null;
}

export const SILENT_HANDSHAKE: ExtensionHandshake = {
  ids: new Map(),
  version: null,
  port: null,
  yourIp: null,
  requestQueue: null,
  metadataSize: null,
  uploadOnly: null,
};

/** Bytes of a handshake that is read; longer ones are abuse. */
const MAX_LENGTH = 16 * 1024;
/** Names that are kept, and bytes of each: nobody speaks more than a few dozen. */
const MAX_NAMES = 100;
const MAX_NAME_LENGTH = 64;
const MAX_VERSION_LENGTH = 128;

/** A few tokens more than so many names and ids: tokens are what a dictionary costs. */
const RULES: BencodeRules = { ...TOLERANT, maxDepth: 10, maxTokens: 300 };

/** Undefined when the payload is no dictionary, too long, or not bencoded: that is a peer's fault. */
export function decodeExtensionHandshake(payload: Buffer): ExtensionHandshake | undefined {
  if (payload.length > MAX_LENGTH) return undefined;
  const root = decodeDictionary(payload);
  if (root === undefined) return undefined;
  const ids = new Map<string, number>();
  for (const [name, value] of asDictionary(root.get('m')) ?? []) {
    if (ids.size === MAX_NAMES) break;
    const isId = typeof value === 'number' && value >= 0 && value <= 255;
    if (isId && name.length > 0 && name.length <= MAX_NAME_LENGTH) ids.set(name, value);
  }
  const yourIp = getBytes(root, 'yourip');
  const uploadOnly = getInteger(root, 'upload_only');
  return {
    ids,
    version: getText(root, 'v')?.slice(0, MAX_VERSION_LENGTH) ?? null,
    port: within(getInteger(root, 'p'), 65535),
    yourIp: yourIp !== undefined && (yourIp.length === 4 || yourIp.length === 16) ? Buffer.from(yourIp) : null,
    requestQueue: within(getInteger(root, 'reqq'), Number.MAX_SAFE_INTEGER),
    metadataSize: within(getInteger(root, 'metadata_size'), Number.MAX_SAFE_INTEGER),
    uploadOnly: uploadOnly === undefined ? null : uploadOnly !== 0,
  };
}

/** The payload of the message with id 0. */
export function encodeExtensionHandshake(handshake: ExtensionHandshake): Buffer {
  const { ids, version, port, yourIp, requestQueue, metadataSize, uploadOnly } = handshake;
  const fields: readonly (readonly [key: string, value: Encodable | null])[] = [
    ['m', ids],
    ['v', version],
    ['p', port],
    ['yourip', yourIp],
    ['reqq', requestQueue],
    ['metadata_size', metadataSize],
    ['upload_only', uploadOnly === null ? null : Number(uploadOnly)],
  ];
  return encodeBencode(new Map(fields.filter((field): field is [string, Encodable] => field[1] !== null)));
}

/** What is known after a later handshake. BEP 10: "The client should also send any updates to this by re-sending". */
export function mergeHandshakes(before: ExtensionHandshake, after: ExtensionHandshake): ExtensionHandshake {
  const ids = new Map([...before.ids, ...after.ids]);
  return {
    // Names add up over handshakes without end otherwise.
    ids: ids.size > MAX_NAMES ? after.ids : ids,
    version: after.version ?? before.version,
    port: after.port ?? before.port,
    yourIp: after.yourIp ?? before.yourIp,
    requestQueue: after.requestQueue ?? before.requestQueue,
    metadataSize: after.metadataSize ?? before.metadataSize,
    uploadOnly: after.uploadOnly ?? before.uploadOnly,
  };
}

function decodeDictionary(payload: Buffer): ReturnType<typeof asDictionary> {
  try {
    return asDictionary(decodeBencode(payload, RULES));
  } catch (error) {
    if (error instanceof BtgetError) return undefined;
    throw error;
  }
}

function within(value: number | undefined, most: number): number | null {
  return value !== undefined && value >= 1 && value <= most ? value : null;
}
