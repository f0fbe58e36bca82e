/** What a UDP tracker answers (BEP 15), as values and as bytes. Numbers are big-endian. */
import { MAX_SCRAPED } from './udp-tracker-request.js';

/** What the tracker has counted of one torrent. */
export interface ScrapeCounts {
  readonly seeds: number;
  /** How many peers have completed the download. */
  readonly downloaded: number;
  readonly leeches: number;
}

export type UdpTrackerAnswer = { readonly transactionId: number } & (
  | { readonly kind: 'connect'; readonly connectionId: Buffer }
  | {
      readonly kind: 'announce';
      /** In seconds, as the tracker wrote it: 0 to 2^32 − 1. */
      readonly interval: number;
      readonly leeches: number;
      readonly seeds: number;
      /** 6 bytes for each peer over IPv4, 18 over IPv6. The last ones may be less than a whole peer. */
      readonly peers: Buffer;
    }
  /** In the order of the request. */
  | { readonly kind: 'scrape'; readonly counts: readonly ScrapeCounts[] }
  /** The tracker's sentence, meant to be UTF-8; it may be any bytes. */
  | { readonly kind: 'error'; readonly message: Buffer }
);

const ACTIONS = ['connect', 'announce', 'scrape', 'error'] as const;
const COUNTS_LENGTH = 12;

/** The datagram of an answer. */
export function encodeUdpAnswer(answer: UdpTrackerAnswer): Buffer {
  const body = bodyOf(answer);
  const data = Buffer.alloc(8 + body.length);
  data.writeUInt32BE(ACTIONS.indexOf(answer.kind));
  data.writeUInt32BE(answer.transactionId, 4);
  body.copy(data, 8);
  return data;
}

/** Reads a datagram of a tracker. Undefined when it is no answer. Its buffers are views of `data`. */
export function decodeUdpAnswer(data: Buffer): UdpTrackerAnswer | undefined {
  if (data.length < 8) return undefined;
  const transactionId = data.readUInt32BE(4);
  const body = data.subarray(8);
  switch (ACTIONS[data.readUInt32BE(0)]) {
    case 'connect':
      return body.length < 8 ? undefined : { kind: 'connect', transactionId, connectionId: body.subarray(0, 8) };
    case 'announce':
      if (body.length < 12) return undefined;
      return {
        kind: 'announce',
        transactionId,
        interval: body.readUInt32BE(0),
        leeches: body.readUInt32BE(4),
        seeds: body.readUInt32BE(8),
        peers: body.subarray(12),
      };
    case 'scrape':
      return { kind: 'scrape', transactionId, counts: readCounts(body) };
    case 'error':
      return { kind: 'error', transactionId, message: body };
    default:
      return undefined;
  }
}

function bodyOf(answer: UdpTrackerAnswer): Buffer {
  switch (answer.kind) {
    case 'connect':
      return answer.connectionId;
    case 'announce':
      return Buffer.concat([uint32s(answer.interval, answer.leeches, answer.seeds), answer.peers]);
    case 'scrape':
      return Buffer.concat(answer.counts.map(({ seeds, downloaded, leeches }) => uint32s(seeds, downloaded, leeches)));
    case 'error':
      return answer.message;
  }
}

function uint32s(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, index * 4);
  return bytes;
}

function readCounts(body: Buffer): ScrapeCounts[] {
  const counts: ScrapeCounts[] = [];
  for (let at = 0; at + COUNTS_LENGTH <= body.length && counts.length < MAX_SCRAPED; at += COUNTS_LENGTH) {
    counts.push({
      seeds: body.readUInt32BE(at),
      downloaded: body.readUInt32BE(at + 4),
      leeches: body.readUInt32BE(at + 8),
    });
  }
  return counts;
}
