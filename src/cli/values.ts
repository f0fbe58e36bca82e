/** What people write after an option, as values. Each throws a 'usage' failure that names the option and what is wrong. */
import { BtgetError } from '../base/failure.js';
import { type IpNetwork, parseNetwork } from '../net/ip-network.js';
import type { PeerAddress } from '../net/raw-server.js';

type Reader<T> = (text: string, option: string) => T;

const DURATION_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const RATE_UNITS: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const MAX_DURATION = 3650 * 86_400;

/** `90s`, `30m`, `2h`, `1d` or bare seconds, up to ten years; milliseconds. */
export const readDuration: Reader<number> = (text, option) => {
  const match = /^(\d+(?:\.\d+)?)([smhd]?)$/i.exec(text);
  const seconds = Number(match?.[1]) * (DURATION_UNITS[match?.[2]?.toLowerCase() || 's'] ?? Number.NaN);
  if (!(seconds <= MAX_DURATION)) throw wrong(option, text, 'a duration such as 90s, 30m, 2h or 1d');
  return Math.round(seconds * 1000);
};

/** Bytes a second, with K, M or G of 1024; at least 1. */
export const readRate: Reader<number> = (text, option) => {
  const rate = readUnits(text, RATE_UNITS);
  if (!(rate >= 1)) throw wrong(option, text, 'a rate in bytes a second such as 500K or 10M');
  return rate;
};

function readUnits(text: string, units: Readonly<Record<string, number>>): number {
  const match = /^(\d+(?:\.\d+)?)(?:([kmg])(?:i?b)?)?$/i.exec(text);
  if (match === null) return Number.NaN;
  const value = Math.floor(
    Number(match[1]) * (match[2] === undefined ? 1 : (units[match[2].toLowerCase()] ?? Number.NaN)),
  );
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** A power of two from 16 KiB to 512 MiB. */
export const readPieceLength: Reader<number> = (text, option) => {
  const length = readUnits(text, RATE_UNITS);
  if (!(length >= 1 << 14 && length <= 1 << 29 && Number.isInteger(Math.log2(length))))
    throw wrong(option, text, 'a power of two from 16K to 512M');
  return length;
};

/** One path element. */
export const readName: Reader<string> = (text, option) => {
  if (/^$|^\.\.?$|[/\\\p{Cc}]/u.test(text) || Buffer.byteLength(text) > 240) throw wrong(option, text, 'a file name');
  return text;
};

/** A whole number from `least` to `most`. */
export function readWhole(least: number, most: number): Reader<number> {
  return (text, option) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw wrong(option, text, `a whole number from ${least} to ${most}`);
    return value;
  };
}

/** A number that is not negative. */
export const readRatio: Reader<number> = (text, option) => {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw wrong(option, text, 'a ratio such as 1 or 1.5');
  return value;
};

/** `6881` or `6881-6999`. 0 lets the system choose. */
export const readPorts: Reader<{ readonly first: number; readonly last: number }> = (text, option) => {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = match?.[2] === undefined ? first : Number(match[2]);
  if (!(first <= last && last <= 65_535))
    throw wrong(option, text, 'a port from 0 to 65535, or a range such as 6881-6999');
  return { first, last };
};

/** `HOST:PORT`; an IPv6 address stands in brackets. The host may still be a name. */
export const readPeer: Reader<PeerAddress> = (text, option) => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535))
    throw wrong(option, text, 'HOST:PORT (an IPv6 address in brackets)');
  return { host, port };
};

/** The URL of a tracker: `http:`, `https:` or `udp:`. */
export const readTrackerUrl: Reader<string> = (text, option) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:', 'udp:'].includes(url.protocol))
    throw wrong(option, text, 'the URL of a tracker (http, https or udp)');
  return text;
};

export const readWebUrl: Reader<string> = (text, option) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw wrong(option, text, 'an http or https URL');
  return text;
};

/** `ADDRESS/BITS`, or an address alone. */
export const readNetwork: Reader<IpNetwork> = (text, option) => {
  const network = parseNetwork(text);
  if (network === undefined) throw wrong(option, text, 'an address or a range such as 10.0.0.0/8 or fd00::/8');
  return network;
};

export const readText: Reader<string> = (text, option) => {
  if (text === '') throw new BtgetError('usage', `${option}: the value is empty`);
  return text;
};

/** Seconds since 1970, or a date such as 2024-02-29T12:00:00Z; seconds. */
export const readDate: Reader<number> = (text, option) => {
  const seconds = /^\d{1,12}$/.test(text)
    ? Number(text)
    : /^\d{4}-\d\d-\d\d/.test(text)
      ? Math.floor(Date.parse(text) / 1000)
      : Number.NaN;
  if (!Number.isSafeInteger(seconds) || seconds < 0)
    throw wrong(option, text, 'a date such as 2024-02-29 or seconds since 1970');
  return seconds;
};

function wrong(option: string, text: string, expected: string): BtgetError {
  return new BtgetError('usage', `${option}: '${text}' is not ${expected}`);
}
