/** What a SOURCE on the command line is, by its form alone. */
import { BtgetError } from '../../base/failure.js';

export type SourceKind = 'stdin' | 'url' | 'magnet' | 'info-hash' | 'path';

/** A file of the same name wins over an info-hash: whoever loads a source looks for it first. */
export function classifySource(input: string): SourceKind {
  if (input === '-') return 'stdin';
  if (/^https?:\/\//i.test(input)) return 'url';
  if (/^magnet:/i.test(input)) return 'magnet';
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64}|[a-z2-7]{32})$/i.test(input)) return 'info-hash';
  return 'path';
}

// BEP 9: "<info-hash> Is the info-hash hex encoded, for a total of 40 characters. For compatability with existing links in
// the wild, clients should also support the 32 character base32 encoded info-hash."
const V1_TOPIC = /^urn:btih:(?:[0-9a-f]{40}|[a-z2-7]{32})$/i;
// BEP 52 names the hash as a multihash: 0x12 is SHA-256, 0x20 its length.
const V2_TOPIC = /^urn:btmh:1220[0-9a-f]{64}$/i;

/** Throws 'magnet-invalid' unless the link names a torrent. */
export function checkMagnetLink(link: string): void {
  const query = link.slice(link.indexOf('?') + 1);
  const topics = [...new URLSearchParams(query)]
    .filter(([key]) => /^xt(?:\.\d+)?$/.test(key))
    .map(([, topic]) => topic);
  if (!link.includes('?') || topics.length === 0)
    throw new BtgetError('magnet-invalid', `the magnet link names no torrent (no xt=urn:btih:…): ${link}`);
  if (!topics.some((topic) => V1_TOPIC.test(topic) || V2_TOPIC.test(topic)))
    throw new BtgetError('magnet-invalid', `the magnet link's xt is not an info-hash: ${topics[0]}`);
}
