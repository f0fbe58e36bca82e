/** Makes one path element of what a torrent says, safe to be a name of a file or folder on any disk. */
import { nameText } from '../base/raw-name.js';

/** Bytes of UTF-8. Common file systems allow 255; the rest is for suffixes such as `.part`. */
export const MAX_ELEMENT_LENGTH = 240;
/** Bytes of UTF-8, the dot included. What is longer is no extension, but a name with a dot. */
const MAX_EXTENSION_LENGTH = 10;

// Separators; controls; and the invisible characters that reorder or hide what is displayed: U+061C, U+200B, U+200E,
// U+200F, U+202A to 202E, U+2060 to 2064, U+2066 to 2069, U+FEFF. The joiners U+200C and U+200D stay: names in Persian
// and Hindi and of emoji need them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what must go
const REMOVED = /[/\\\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;

// What is made of these alone cannot be seen.
const JOINERS = /[\u200c\u200d]/g;

/** `bytes` as a safe path element: never empty, `.` or `..`. */
export function pathElement(bytes: Buffer): string {
  return safeElement(bytes) ?? '_';
}

/** As `pathElement`, but undefined when nothing of the name is left, so that the caller can find a better one. */
export function torrentName(bytes: Buffer): string | undefined {
  return bytes.length === 0 ? '_' : safeElement(bytes);
}

function safeElement(bytes: Buffer): string | undefined {
  const element = decodeName(bytes).replace(REMOVED, '');
  return isNoName(element.replace(JOINERS, '')) ? undefined : cutElement(element, MAX_ELEMENT_LENGTH);
}

/**
 * `bytes` as the one name that they spell (see `nameText`), or undefined when they are no name of any file: empty, `.`,
 * `..`, or with a `/` or a NUL in them.
 */
export function exactElement(bytes: Buffer): string | undefined {
  const name = nameText(bytes);
  return isNoName(name) || name.includes('/') || name.includes('\0') ? undefined : name;
}

function isNoName(element: string): boolean {
  return element === '' || element === '.' || element === '..';
}

/** The bytes as UTF-8, with one `_` for each run of bytes that are not. */
function decodeName(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  // What is not UTF-8 leaves U+FFFD behind, which may also stand there in its own right.
  if (!text.includes('\ufffd') || Buffer.from(text, 'utf8').equals(bytes)) return text;
  return text.replace(/\ufffd+/g, '_');
}

/** Splits before the extension; the extension is '' or begins with a dot. */
export function splitExtension(element: string): { readonly stem: string; readonly extension: string } {
  const dot = element.lastIndexOf('.');
  const extension = dot > 0 ? element.slice(dot) : '';
  return extension === '' || Buffer.byteLength(extension) > MAX_EXTENSION_LENGTH
    ? { stem: element, extension: '' }
    : { stem: element.slice(0, dot), extension };
}

/** `element` cut to `length` bytes of UTF-8 at the end of its stem, between two characters; the extension stays. */
export function cutElement(element: string, length: number): string {
  if (Buffer.byteLength(element) <= length) return element;
  const { stem, extension } = splitExtension(element);
  return cutText(stem, length - Buffer.byteLength(extension)) + extension;
}

/** The longest beginning of `text` that takes at most `length` bytes of UTF-8 and splits no character. */
export function cutText(text: string, length: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= length) return text;
  let end = length;
  // A byte of the form 10xxxxxx goes on with the character before it.
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/**
 * Equal for names that some disk takes for the same. Lower case alone keeps apart what others join: `ß` and `SS`, `ſ`
 * and `s`, and the two small sigmas, of which it chooses one by the letters around. HFS+ overlooks joiners.
 */
export function foldName(name: string): string {
  return name.replace(JOINERS, '').toLowerCase().toUpperCase().normalize('NFC');
}
