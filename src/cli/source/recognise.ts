/** Recognises what kind of source the user gives, and what kind of file it is when it is no .torrent. */
import { redactText } from '../../base/redaction.js';
import { scanBencode, TOLERANT } from '../../bencode/guard.js';
import { bareSource, decodeText } from './source-text.js';

/** How many bytes we look at to recognise text. */
const HEAD = 4096;

/** First bytes of a file in hexadecimal, what such a file is, and a hint. */
const SIGNATURES: readonly (readonly [begin: string, what: string, hint?: string])[] = [
  ['1f8b', 'gzip data', 'unpack it first: gunzip'],
  ['425a68', 'bzip2 data', 'unpack it first: bunzip2'],
  ['fd377a585a00', 'xz data', 'unpack it first: unxz'],
  ['28b52ffd', 'zstd data', 'unpack it first: unzstd'],
  ['504b0304', 'a ZIP archive', 'unpack it first: unzip'],
  ['504b0506', 'an empty ZIP archive'],
  ['377abcaf271c', 'a 7z archive', 'unpack it first'],
  ['526172211a07', 'a RAR archive', 'unpack it first'],
  ['255044462d', 'a PDF document'],
  ['89504e470d0a1a0a', 'a PNG picture'],
  ['ffd8ff', 'a JPEG picture'],
  ['47494638', 'a GIF picture'],
  ['1a45dfa3', 'a video', 'Matroska or WebM'],
  ['7f454c46', 'a program', 'ELF'],
  ['4d5a', 'a program', 'Windows'],
];

/**
 * A sentence that names what bytes are that are not bencoded, with a hint where we know one. Null when we do not
 * recognise them.
 */
export function recognise(bytes: Buffer): string | null {
  const begin = bytes.toString('hex', 0, 16);
  const signature = SIGNATURES.find(([hex]) => begin.startsWith(hex));
  if (signature !== undefined) return say(signature[1], signature[2]);
  if (bytes.toString('latin1', 4, 8) === 'ftyp') return say('a video (MP4)');
  if (bytes.toString('latin1', 257, 262) === 'ustar') return say('a tar archive', 'unpack it first: tar -x');
  // 'd': a dictionary begins.
  if (begin.startsWith('64')) {
    const scan = scanBencode(bytes, TOLERANT);
    if (!scan.ok && scan.isCutShort) return `cut short: ${scan.why}, at byte ${scan.at} (fetch it again)`;
  }
  return recogniseText(decodeText(bytes.subarray(0, HEAD)));
}

function recogniseText(head: string): string | null {
  const text = bareSource(head);
  if (text === '') return say(head.includes('\0') ? 'nothing but zero bytes' : 'nothing but blanks');
  const kind = classifySource(text.split(/\s/, 1)[0] ?? '');
  if (kind === 'magnet') return say('the text of a magnet link', 'give btget the link itself, or the file with -i');
  if (kind === 'info-hash') return say('the text of an info-hash', 'give btget the hash itself, or the file with -i');
  if (kind === 'url') return say('the text of a URL', 'give btget the URL itself, or the file with -i');
  const markup = head.trimStart().replace(/^\ufeff/, '');
  if (/^(?:<\?xml|<!--|<)/i.test(markup)) return recogniseMarkup(markup);
  if (/^[{[]\s*["{[\]}]/.test(markup)) return say('JSON', 'perhaps a server says with it what is wrong');
  // Bytes that begin like a bencoded value may be a torrent with a fault. Then the fault tells the user more.
  const isText = !/^[dli0-9]/.test(head) && !/[^\P{Cc}\s]|\ufffd/u.test(head.slice(0, -1));
  return isText
    ? say(`text that begins with '${[...redactText(text.split(/[\r\n]/, 1).join(''))].slice(0, 60).join('')}'`)
    : null;
}

function say(what: string, hint?: string): string {
  return `this is ${what}, not a .torrent${hint === undefined ? '' : ` (${hint})`}`;
}

function recogniseMarkup(markup: string): string | null {
  if (/<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]/i.test(markup))
    return say('a web page (HTML)', 'perhaps the site asks to log in, or the link leads to a page about the torrent');
  if (/<metalink[\s>]/i.test(markup)) return say('a Metalink (XML)', 'btget reads none');
  if (/<(?:rss|feed)[\s>]/i.test(markup))
    return say('a feed (RSS or Atom)', 'btget reads none; the links in it are sources');
  if (/^<\?xml|^<[a-z][\w:.-]*[\s>/]/i.test(markup)) return say('XML');
  return null;
}

/** What a SOURCE on the command line is. */
type SourceKind = 'stdin' | 'url' | 'magnet' | 'info-hash' | 'path';

/** Decides by the form alone. A file wins over an info-hash of the same name, so the caller looks for a file first. */
export function classifySource(input: string): SourceKind {
  if (input === '-') return 'stdin';
  if (/^https?:\/\//i.test(input)) return 'url';
  // A link may be percent-encoded as a whole, and its topic (`urn:btih:…`) alone counts as a link.
  if (/^(?:magnet(?::|%3a)|urn:bt[im]h:)/i.test(input)) return 'magnet';
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64}|[a-z2-7]{32})$/i.test(input)) return 'info-hash';
  return 'path';
}
