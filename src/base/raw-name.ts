/**
 * Names of files as text that keeps every byte. The names in a file system are bytes and need not be UTF-8. In the
 * text, each byte that is not part of valid UTF-8 becomes a lone surrogate from U+DC80 to U+DCFF: no UTF-8 decodes to
 * one. A name in valid UTF-8 is its own text.
 */

const LONE_BYTE = /[\udc80-\udcff]/u;
const RUNS = /[\udc80-\udcff]|[^\udc80-\udcff]+/gu;

/** The bytes of a name as text; `nameBytes` gives them back. */
export function nameText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  // The decoder puts U+FFFD for bytes that are not UTF-8, but a name may also hold a real U+FFFD.
  if (!text.includes('\ufffd') || Buffer.from(text, 'utf8').equals(bytes)) return text;
  let spelled = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    spelled +=
      length === 0 ? String.fromCharCode(0xdc00 + (bytes[at] as number)) : bytes.toString('utf8', at, at + length);
    at += Math.max(1, length);
  }
  return spelled;
}

/** The bytes of the name that `text` stands for: the reverse of `nameText`. */
export function nameBytes(text: string): Buffer {
  if (!LONE_BYTE.test(text)) return Buffer.from(text, 'utf8');
  const runs = text.match(RUNS) ?? [];
  return Buffer.concat(
    runs.map((run) => (LONE_BYTE.test(run) ? Buffer.from([run.charCodeAt(0) & 0xff]) : Buffer.from(run, 'utf8'))),
  );
}

/** A path of such names, in the form that Node's file system calls take. */
export function systemPath(text: string): string | Buffer {
  return LONE_BYTE.test(text) ? nameBytes(text) : text;
}

/** The length in bytes of the UTF-8 character that begins at `at`; 0 when none begins there. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
  const character = bytes.subarray(at, at + length);
  return length > 0 && character.length === length && Buffer.from(character.toString('utf8'), 'utf8').equals(character)
    ? length
    : 0;
}
