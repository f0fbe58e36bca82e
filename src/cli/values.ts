/**
 * Readers of option values: each makes a value of the text that the user writes after an option. Each throws a 'usage'
 * failure that names the option and says what is wrong.
 */
import { BtgetError } from '../base/failure.js';
import { redactUrl } from '../base/redaction.js';
import { urlOf } from '../base/url.js';
import { isTrackerUrl, isWebSeedUrl } from '../metainfo/parse-sources.js';
import { type IpNetwork, parseNetwork } from '../net/ip-address.js';
import { parseProxy } from '../net/proxy/proxy-server.js';
import type { PeerAddress } from '../net/raw-server.js';

type Reader<T> = (text: string, option: string) => T;

const DURATION = /^(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?$/i;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
/** Seconds. */
const MAX_DURATION = 3650 * 86_400;

/** The URL of a proxy, as `parseProxy` reads it. */
export const readProxy: Reader<string> = (text, option) => {
  parseProxy(text, option);
  return text;
};

/** Milliseconds of `90s`, `30m`, `2h`, `1d`, `1h30m` (the longest unit first) or bare seconds, up to 3650 days. */
export const readDuration: Reader<number> = (text, option) => {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : sumOfUnits(text);
  if (!(seconds <= MAX_DURATION)) throw wrong(option, text, 'a duration such as 90s, 30m, 1h30m or 1d, up to 3650d');
  // 0 means no limit, so no other duration may be rounded to it.
  return seconds === 0 ? 0 : Math.max(1, Math.round(seconds * 1000));
};

/** As `readDuration`, for the longest time that something may take: null for 0, which means no limit. */
export const readTimeLimit: Reader<number | null> = (text, option) => readDuration(text, option) || null;

/** An interval in milliseconds, at least 1 s: a tracker tells its interval in whole seconds. */
export const readInterval: Reader<number> = (text, option) => {
  const interval = readDuration(text, option);
  if (interval < 1000) throw wrong(option, text, 'a duration of at least 1s');
  return interval;
};

function sumOfUnits(text: string): number {
  const [whole, days = '0', hours = '0', minutes = '0', seconds = '0'] = DURATION.exec(text) ?? [];
  if (whole === undefined || whole === '') return Number.NaN;
  return Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/**
 * Bytes a second, at least 1: `500`, `500K`, `500KiB`, `10MB/s`, `10M/s`. K, M and G are powers of 1024. Null for 0,
 * which means no limit.
 */
export const readRate: Reader<number | null> = (text, option) => {
  const bytes = text.replace(/\/s$/i, '');
  const rate = readUnits(bytes);
  if (rate === 0 && Number.parseFloat(bytes) === 0) return null;
  if (!(rate >= 1)) throw wrong(option, text, 'a rate in bytes a second such as 500K, 10M or 10MiB/s; 0 is no limit');
  return rate;
};

/** K, M and G are powers of 1024, with `B`, with `iB` or alone, as in curl, wget and aria2. NaN for any other text. */
function readUnits(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(?:([kmg])i?)?b?$/i.exec(text) ?? [];
  const value = Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? Number.NaN));
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Bytes: `0`, `500`, `64K`, `1MiB`. */
export const readBytes: Reader<number> = (text, option) => {
  const bytes = readUnits(text);
  if (!(bytes >= 0)) throw wrong(option, text, 'a number of bytes such as 500, 64K or 1G');
  return bytes;
};

/** A power of two from 16 KiB to 512 MiB. */
export const readPieceLength: Reader<number> = (text, option) => {
  const length = readUnits(text);
  if (!(length >= 1 << 14 && length <= 1 << 29 && Number.isInteger(Math.log2(length))))
    throw wrong(option, text, 'a power of two from 16K to 512M');
  return length;
};

/** One path element of at most 240 bytes. */
export const readName: Reader<string> = (text, option) => {
  if (!isName(text)) throw wrong(option, text, 'a file name');
  return text;
};

/** Whether `readName` takes `text`. */
export function isName(text: string): boolean {
  return !/^$|^\.\.?$|[/\\\p{Cc}]/u.test(text) && Buffer.byteLength(text) <= 240;
}

/** One of `words`. */
export function readWord<T extends string>(words: readonly T[]): Reader<T> {
  return (text, option) => {
    const word = words.find((each) => each === text);
    if (word === undefined) throw wrong(option, text, `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`);
    return word;
  };
}

/** A whole number from `least` to `most`. */
export function readWhole(least: number, most: number): Reader<number> {
  return (text, option) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw wrong(option, text, `a whole number from ${least} to ${most}`);
    return value;
  };
}

/** A number that is not negative. 0 means no limit, as in aria2: the value is infinite then. */
export const readRatio: Reader<number> = (text, option) => {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw wrong(option, text, 'a ratio such as 1 or 1.5; 0 is no limit');
  return value === 0 ? Number.POSITIVE_INFINITY : value;
};

/** `6881` or `6881-6999`; each port from 0 to 65535. 0 lets the system choose. */
export const readPorts: Reader<{ readonly first: number; readonly last: number }> = (text, option) => {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = match?.[2] === undefined ? first : Number(match[2]);
  if (!(first <= last && last <= 65_535))
    throw wrong(option, text, 'a port from 0 to 65535, or a range such as 6881-6999');
  return { first, last };
};

/** `HOST:PORT`; an IPv6 address stands in brackets. The host may be a name, which is not looked up here. */
export const readPeer: Reader<PeerAddress> = (text, option) => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535))
    throw wrong(option, text, 'HOST:PORT (an IPv6 address in brackets)');
  return { host, port };
};

/**
 * The URL of a tracker (`http:`, `https:` or `udp:`) as a torrent may spell it: `create` writes it into one, and
 * clients take neither blanks around it nor all that a browser would mend.
 */
export const readTrackerUrl: Reader<string> = (text, option) => {
  const bare = text.trim();
  const url = urlOf(bare);
  if (url === undefined || !['http:', 'https:', 'udp:'].includes(url.protocol) || !isTrackerUrl(bare))
    throw wrong(option, redactUrl(text), 'the URL of a tracker (http, https or udp)');
  if (url.protocol === 'udp:' && Number(url.port) === 0)
    throw wrong(option, redactUrl(text), 'the URL of a tracker: over udp it has a port');
  return bare;
};

/** A URL with `http:` or `https:`, as a torrent may spell it. */
export const readWebUrl: Reader<string> = (text, option) => {
  const bare = text.trim();
  if (urlOf(bare) === undefined || !isWebSeedUrl(bare)) throw wrong(option, redactUrl(text), 'an http or https URL');
  return bare;
};

/** `ADDRESS/BITS`, or an address alone. */
export const readNetwork: Reader<IpNetwork> = (text, option) => {
  const network = parseNetwork(text);
  if (network === undefined) throw wrong(option, text, 'an address or a range such as 10.0.0.0/8 or fd00::/8');
  return network;
};

/** Any text that is not empty. The system takes no NUL byte in a path or in a word; only a file can spell one. */
export const readText: Reader<string> = (text, option) => {
  if (text === '') throw new BtgetError('usage', `${option}: the value is empty`);
  if (text.includes('\0')) throw new BtgetError('usage', `${option}: '${text}' holds a NUL character`);
  return text;
};

/** As `read`, for a text that goes into a torrent. U+FFFD stands for bytes of the command line that are not UTF-8. */
function written(read: Reader<string>): Reader<string> {
  return (text, option) => {
    if (text.includes('\ufffd')) throw new BtgetError('usage', `${option}: '${text}' is not UTF-8`);
    return read(text, option);
  };
}

/** A name for the content of a new torrent. */
export const readNewName = written(readName);

/** A sentence that a new torrent holds. */
export const readPhrase = written(readText);

/** The last date that a .torrent can say: 10^11 seconds after 1970. */
const MAX_SECONDS = 100_000_000_000;
const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?)?$/i;

/**
 * Seconds since 1970, from a whole number of them or from a date such as 2024-02-29T12:00:00Z. A date without a zone is
 * of UTC: the same command makes the same torrent everywhere.
 */
export const readDate: Reader<number> = (text, option) => {
  const [, day, time = '00:00', zone = 'Z'] = DATE.exec(text) ?? [];
  const seconds = /^\d{1,12}$/.test(text)
    ? Number(text)
    : day !== undefined && isDay(day)
      ? Math.floor(Date.parse(`${day}T${time}${zone.toUpperCase()}`) / 1000)
      : Number.NaN;
  if (!Number.isSafeInteger(seconds) || seconds < 0)
    throw wrong(option, text, 'a date such as 2024-02-29 or seconds since 1970');
  // Other clients take a larger number for milliseconds, and so do we.
  if (seconds > MAX_SECONDS) throw wrong(option, text, 'a date before the year 5138');
  return seconds;
};

/** Whether the calendar has this day. `Date.parse` takes 30 February for 1 March. */
function isDay(text: string): boolean {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : null;
  return day !== null && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

function wrong(option: string, text: string, expected: string): BtgetError {
  return new BtgetError('usage', `${option}: '${text}' is not ${expected}`);
}
