/** What the library reads for its user, who may give anything: what is of the wrong kind is a 'usage' failure. */
import { bufferOf } from '../base/bytes.js';
import { type DescribedSecrets, type Description, describe as describeMetainfo } from '../metainfo/describe.js';
import { type MagnetLink, parseLink as parseLinkText } from '../metainfo/magnet.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import { parseMetainfo as parseMetainfoBytes } from '../metainfo/parse-metainfo.js';
import { wrong } from './read-options.js';

/**
 * What the .torrent says. Throws a `BtgetError`: 'not-bencoded', 'torrent-invalid' with the field and what is wrong
 * with it, or 'usage' for what is no bytes.
 */
export function parseMetainfo(bytes: Uint8Array): Metainfo {
  if (!(bytes instanceof Uint8Array)) throw wrong('bytes', bytes, 'the bytes of a .torrent, a Buffer or Uint8Array');
  return parseMetainfoBytes(bufferOf(bytes));
}

/** Reads a magnet link or an info-hash. Throws a `BtgetError`: 'magnet-invalid', or 'usage' for what is no text. */
export function parseLink(text: string): MagnetLink {
  if (typeof text !== 'string') throw wrong('text', text, 'the text of a magnet link or an info-hash');
  return parseLinkText(text);
}

/** Describes `metainfo` for scripts. Only 'whole' keeps the secrets in URLs. */
export function describe(metainfo: Metainfo, secrets: DescribedSecrets = 'hidden'): Description {
  if (!isMetainfo(metainfo)) throw wrong('metainfo', metainfo, METAINFO);
  return describeMetainfo(metainfo, secrets);
}

export const METAINFO = 'what parseMetainfo makes of a .torrent';

/** Whether it can be what `parseMetainfo` has made. */
export function isMetainfo(source: unknown): source is Metainfo {
  return typeof source === 'object' && source !== null && 'infoHash' in source && 'files' in source && 'info' in source;
}

/** The names of functions that an object of events has. False: it may be left out. */
export type EventNames<T> = { readonly [K in keyof T]-?: boolean };

/** Throws when `events` lacks a function: nobody would be told, and only when it happens. */
export function checkEvents<T>(names: EventNames<T>, events: unknown): void {
  if (typeof events !== 'object' || events === null) throw wrong('events', events, 'an object');
  const given = events as Readonly<Record<string, unknown>>;
  for (const [name, isNeeded] of Object.entries(names)) {
    const value = given[name];
    if (typeof value !== 'function' && (isNeeded || value !== undefined))
      throw wrong(`events.${name}`, value, 'a function');
  }
}
