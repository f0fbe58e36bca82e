/**
 * The extension handshake (BEP 10): which extensions each side offers, under which ids, and what else it says of
 * itself. A client may send another one at any time to change what it said. What the later one leaves out stays as it
 * was.
 */
import { BtgetError } from '../base/failure.js';
import { asDictionary, getBytes, getInteger, getText } from '../bencode/access.js';
import { decodeBencode } from '../bencode/bencode.js';
import { type Encodable, encodeBencode } from '../bencode/encode.js';
import { type BencodeRules, TOLERANT } from '../bencode/guard.js';

/** The id of the extension handshake itself. */
export const EXTENSION_HANDSHAKE = 0;

/** What one side says of itself. A field is null when that side says nothing, or nothing that makes sense. */
export interface ExtensionHandshake {
  /** By the name of an extension, the id under which the other side sends its messages: 1 to 255; 0 withdraws it. */
  readonly ids: ReadonlyMap<string, number>;
  /** The name and version of the client. A peer may write anything here, so a display must escape it. */
  readonly version: string | null;
  /** The TCP port on which this side listens, 1 to 65535. */
  readonly port: number | null;
  /** The address of the other side as this side sees it, 4 or 16 bytes. */
  readonly yourIp: Buffer | null;
  /** How many requests this side queues before it drops any, 1 or more. */
  readonly requestQueue: number | null;
  /** The length of the info dictionary in bytes, 1 or more (BEP 9). */
  readonly metadataSize: number | null;
  /** This side downloads nothing, or nothing more (BEP 21). */
  readonly uploadOnly: boolean | null;
}

/** What is known of a peer that has not sent its handshake yet. */
export const SILENT_HANDSHAKE: ExtensionHandshake = {
  ids: new Map(),
  version: null,
  port: null,
  yourIp: null,
  requestQueue: null,
  metadataSize: null,
  uploadOnly: null,
};

/** We read handshakes of up to this many bytes. A longer one is abuse. */
const MAX_LENGTH = 16 * 1024;
/** How many names we keep, and how long each may be. No client speaks more than a few dozen extensions. */
const MAX_NAMES = 100;
const MAX_NAME_LENGTH = 64;
const MAX_VERSION_LENGTH = 128;

/** The cost of a dictionary is its tokens: these are a few more than `MAX_NAMES` names and ids need. */
const RULES: BencodeRules = { ...TOLERANT, maxDepth: 10, maxTokens: 300 };

/**
 * Reads the payload of the message with id 0. Undefined when it is too long, not bencoded, or no dictionary: that is
 * the peer's fault.
 */
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

/**
 * What is known of a peer after a later handshake. BEP 10: "The client should also send any updates to this by
 * re-sending".
 */
export function mergeHandshakes(before: ExtensionHandshake, after: ExtensionHandshake): ExtensionHandshake {
  const ids = new Map([...before.ids, ...after.ids]);
  return {
    // Without this limit a peer could add names with each handshake, without end.
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
