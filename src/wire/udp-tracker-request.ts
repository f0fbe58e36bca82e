/** What a client sends to a UDP tracker (BEP 15, 41), as values and as bytes. Numbers are big-endian. */

/** 8 bytes that the tracker gave the client. A client that sends them back proves that its address is no forgery. */
export type ConnectionId = Buffer;

export interface UdpConnect {
  readonly kind: 'connect';
  /** 0 to 2^32 − 1: the answer repeats it. */
  readonly transactionId: number;
}

export interface UdpAnnounce {
  readonly kind: 'announce';
  readonly connectionId: ConnectionId;
  readonly transactionId: number;
  /** 20 bytes. */
  readonly infoHash: Buffer;
  /** 20 bytes. */
  readonly peerId: Buffer;
  /** In bytes, as are `left` and `uploaded`. */
  readonly downloaded: number;
  readonly left: number;
  readonly uploaded: number;
  readonly event: 'started' | 'completed' | 'stopped' | null;
  /** The IPv4 address that the client claims, or null. */
  readonly ip: string | null;
  /** 0 to 2^32 − 1. */
  readonly key: number;
  /** How many peers the client wants; null when it does not say. */
  readonly numwant: number | null;
  readonly port: number;
  /** Path and query of the tracker's URL (BEP 41), in ASCII; empty for none. */
  readonly urlData: string;
}

export interface UdpScrape {
  readonly kind: 'scrape';
  readonly connectionId: ConnectionId;
  readonly transactionId: number;
  /** At most `MAX_SCRAPED`. */
  readonly infoHashes: readonly Buffer[];
}

export type UdpTrackerRequest = UdpConnect | UdpAnnounce | UdpScrape;

/** BEP 15: "Up to about 74 torrents can be scraped at once." */
export const MAX_SCRAPED = 74;

const PROTOCOL_ID = 0x417_2710_1980n;
const HEADER_LENGTH = 16;
const ANNOUNCE_LENGTH = 98;
const HASH_LENGTH = 20;
const EVENTS = [null, 'completed', 'started', 'stopped'] as const;

/** BEP 41: "<Option-Type 0x2>, <Length Byte>, <Variable-Length URL Data>". */
const URL_DATA = 2;
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const MAX_OPTION_LENGTH = 255;
/** In characters: more than the URL of any tracker has. */
const MAX_URL_DATA_LENGTH = 4096;

/** The datagram of a request. */
export function encodeUdpRequest(request: UdpTrackerRequest): Buffer {
  switch (request.kind) {
    case 'connect': {
      const data = Buffer.alloc(HEADER_LENGTH);
      data.writeBigUInt64BE(PROTOCOL_ID);
      data.writeUInt32BE(request.transactionId, 12);
      return data;
    }
    case 'announce':
      return Buffer.concat([encodeAnnounce(request), ...urlOptions(request.urlData)]);
    case 'scrape':
      return Buffer.concat([header(request, 2), ...request.infoHashes]);
  }
}

/** Reads a datagram of a client. Undefined when it is no request. Its buffers are views of `data`. */
export function decodeUdpRequest(data: Buffer): UdpTrackerRequest | undefined {
  if (data.length < HEADER_LENGTH) return undefined;
  const action = data.readUInt32BE(8);
  const transactionId = data.readUInt32BE(12);
  if (action === 0) {
    return data.readBigUInt64BE(0) === PROTOCOL_ID ? { kind: 'connect', transactionId } : undefined;
  }
  const connectionId = data.subarray(0, 8);
  if (action === 1 && data.length >= ANNOUNCE_LENGTH) return decodeAnnounce(data, connectionId, transactionId);
  return action === 2 ? decodeScrape(data, connectionId, transactionId) : undefined;
}

function header({ connectionId, transactionId }: UdpAnnounce | UdpScrape, action: number): Buffer {
  const data = Buffer.alloc(HEADER_LENGTH);
  connectionId.copy(data);
  data.writeUInt32BE(action, 8);
  data.writeUInt32BE(transactionId, 12);
  return data;
}

function encodeAnnounce(request: UdpAnnounce): Buffer {
  const data = Buffer.alloc(ANNOUNCE_LENGTH);
  header(request, 1).copy(data);
  request.infoHash.copy(data, 16);
  request.peerId.copy(data, 36);
  data.writeBigUInt64BE(BigInt(request.downloaded), 56);
  data.writeBigUInt64BE(BigInt(request.left), 64);
  data.writeBigUInt64BE(BigInt(request.uploaded), 72);
  data.writeUInt32BE(EVENTS.indexOf(request.event), 80);
  if (request.ip !== null) Buffer.from(request.ip.split('.').map(Number)).copy(data, 84);
  data.writeUInt32BE(request.key, 88);
  data.writeInt32BE(request.numwant ?? -1, 92);
  data.writeUInt16BE(request.port, 96);
  return data;
}

function urlOptions(urlData: string): Buffer[] {
  const options: Buffer[] = [];
  for (let begin = 0; begin < urlData.length; begin += MAX_OPTION_LENGTH) {
    const part = Buffer.from(urlData.slice(begin, begin + MAX_OPTION_LENGTH), 'latin1');
    options.push(Buffer.from([URL_DATA, part.length]), part);
  }
  return options;
}

function decodeAnnounce(data: Buffer, connectionId: ConnectionId, transactionId: number): UdpAnnounce {
  const numwant = data.readInt32BE(92);
  const ip = data.subarray(84, 88);
  return {
    kind: 'announce',
    connectionId,
    transactionId,
    infoHash: data.subarray(16, 36),
    peerId: data.subarray(36, 56),
    downloaded: Number(data.readBigUInt64BE(56)),
    left: Number(data.readBigUInt64BE(64)),
    uploaded: Number(data.readBigUInt64BE(72)),
    // Some clients send events that BEP 15 does not have (BEP 21's `paused`): we read these as a plain announce.
    event: EVENTS[data.readUInt32BE(80)] ?? null,
    ip: ip.readUInt32BE(0) === 0 ? null : ip.join('.'),
    key: data.readUInt32BE(88),
    numwant: numwant < 0 ? null : numwant,
    port: data.readUInt16BE(96),
    urlData: readUrlData(data.subarray(ANNOUNCE_LENGTH)),
  };
}

/**
 * The parts of the URL among the options, joined. Unknown options are skipped. One that is cut off ends the reading.
 */
function readUrlData(options: Buffer): string {
  let urlData = '';
  for (let at = 0; at < options.length && urlData.length < MAX_URL_DATA_LENGTH; ) {
    const type = options[at];
    if (type === NO_OPERATION) {
      at += 1;
      continue;
    }
    const length = options[at + 1];
    if (type === END_OF_OPTIONS || length === undefined || at + 2 + length > options.length) break;
    if (type === URL_DATA) urlData += options.toString('latin1', at + 2, at + 2 + length);
    at += 2 + length;
  }
  return urlData.slice(0, MAX_URL_DATA_LENGTH);
}

/** A scrape may name no torrent at all. Bytes behind the last whole info-hash are left out. */
function decodeScrape(data: Buffer, connectionId: ConnectionId, transactionId: number): UdpScrape {
  const infoHashes: Buffer[] = [];
  for (let at = HEADER_LENGTH; at + HASH_LENGTH <= data.length && infoHashes.length < MAX_SCRAPED; at += HASH_LENGTH) {
    infoHashes.push(data.subarray(at, at + HASH_LENGTH));
  }
  return { kind: 'scrape', connectionId, transactionId, infoHashes };
}
