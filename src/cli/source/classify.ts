/** What a SOURCE on the command line is, by its form alone. */
export type SourceKind = 'stdin' | 'url' | 'magnet' | 'info-hash' | 'path';

/** A file of the same name wins over an info-hash: whoever loads a source looks for it first. */
export function classifySource(input: string): SourceKind {
  if (input === '-') return 'stdin';
  if (/^https?:\/\//i.test(input)) return 'url';
  // A whole link may be escaped, and its topic alone is a link too.
  if (/^(?:magnet(?::|%3a)|urn:bt[im]h:)/i.test(input)) return 'magnet';
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64}|[a-z2-7]{32})$/i.test(input)) return 'info-hash';
  return 'path';
}
