/** Reads what every bencoded answer of a tracker has in common. No bytes make it throw. */
import { BtgetError } from '../../base/failure.js';
import { asDictionary, getInteger } from '../../bencode/access.js';
import { type BencodeDictionary, type BencodeValue, decodeBencode } from '../../bencode/bencode.js';
import { type BencodeRules, TOLERANT } from '../../bencode/guard.js';
import { printable } from './announce-url.js';
import type { TrackerFailure } from './tracker-client.js';

const MAX_MESSAGE_LENGTH = 1024;

/** The most seconds for which a tracker can make us wait, unless it says "never". */
export const MAX_INTERVAL = 86_400;

/** The fields of an answer, or the tracker's refusal, or what is wrong with the answer. */
export type TrackerResponse = { readonly ok: true; readonly fields: BencodeDictionary } | TrackerFailure;

/** Reads the bytes of an answer. */
export function decodeTrackerResponse(body: Buffer): TrackerResponse {
  const decoded = decode(body);
  if (typeof decoded === 'string') return { ok: false, code: 'bad-answer', message: decoded };
  const reason = decoded.get('failure reason');
  if (reason === undefined) return { ok: true, fields: decoded };
  const retryAfter = retryInOf(decoded);
  const interval = refusedIntervalOf(decoded);
  return {
    ok: false,
    code: 'refused',
    message: refusalMessage(reason),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(interval === undefined ? {} : { interval }),
  };
}

/** The tracker's reason for a refusal, as a sentence to show. */
export function refusalMessage(reason: BencodeValue): string {
  return readable(reason) || 'the tracker refused without a reason';
}

/** The string `value` as we may show it, at most 1 KiB of it; undefined when it is no string. */
export function readable(value: BencodeValue | undefined): string | undefined {
  if (!Buffer.isBuffer(value)) return undefined;
  return printable(value.toString('utf8', 0, MAX_MESSAGE_LENGTH * 2), MAX_MESSAGE_LENGTH);
}

/** `value` if it is above 0. */
export function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

/** The count at `key`; null when the tracker gave none, or a negative one. */
export function countOf(fields: BencodeDictionary, key: string): number | null {
  const count = getInteger(fields, key);
  return count !== undefined && count >= 0 ? count : null;
}

const RULES: BencodeRules = { ...TOLERANT, maxDepth: 10 };

/**
 * The most values that an answer of this length may have. Each value costs some 300 bytes of memory, however short it
 * is in the answer. A list of dictionaries has five values of 30 bytes for each peer, and trackers send at most a few
 * hundred peers in that form.
 */
function maxTokensOf({ length }: Buffer): number {
  return 2_500 + Math.floor(length / 20);
}

/** The root dictionary, or a sentence that says what is wrong with the answer. */
function decode(body: Buffer): BencodeDictionary | string {
  try {
    return (
      asDictionary(decodeBencode(body, { ...RULES, maxTokens: maxTokensOf(body) })) ?? 'the answer is not a dictionary'
    );
  } catch (error) {
    if (error instanceof BtgetError) return `the answer is ${error.message}`;
    throw error;
  }
}

/** BEP 31's `retry in`, in seconds. The tracker gives minutes, as a number or a string, or "never". */
function retryInOf(fields: BencodeDictionary): number | undefined {
  const value = fields.get('retry in');
  const text = Buffer.isBuffer(value) ? value.toString('latin1', 0, 20).trim() : undefined;
  if (text?.toLowerCase() === 'never') return Number.POSITIVE_INFINITY;
  const minutes = text === undefined ? value : /^\d{1,19}$/.test(text) ? Number(text) : undefined;
  return waitOf(minutes, 60);
}

/** The longer of a refusal's two intervals, in seconds; undefined when it has neither. */
function refusedIntervalOf(fields: BencodeDictionary): number | undefined {
  const waits = ['interval', 'min interval'].flatMap((key) => waitOf(fields.get(key), 1) ?? []);
  return waits.length === 0 ? undefined : Math.max(...waits);
}

/** `value` units of `unit` seconds, as at most `MAX_INTERVAL` seconds. Undefined when `value` is no number above 0. */
function waitOf(value: BencodeValue | undefined, unit: number): number | undefined {
  if ((typeof value !== 'number' && typeof value !== 'bigint') || value <= 0) return undefined;
  return Math.min(Number(value) * unit, MAX_INTERVAL);
}
