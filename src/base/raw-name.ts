/**
 * Names of files as text that keeps every byte. A file system's names are bytes, and need not be UTF-8: each byte that
 * is not stands as a lone surrogate from U+DC80 to U+DCFF, which no UTF-8 decodes to. All other names are what they
 * look like.
 */

const LONE_BYTE = /[\udc80-\udcff]/u;
const RUNS = /[\udc80-\udcff]|[^\udc80-\udcff]+/gu;

/** The bytes of a name as text; `nameBytes` gives them back. */
export function nameText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  // What is not UTF-8 leaves U+FFFD behind, which may also stand there in its own right.
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

/** The bytes that the text stands for. */
export function nameBytes(text: string): Buffer {
  if (!LONE_BYTE.test(text)) return Buffer.from(text, 'utf8');
  const runs = text.match(RUNS) ?? [];
  return Buffer.concat(
    runs.map((run) => (LONE_BYTE.test(run) ? Buffer.from([run.charCodeAt(0) & 0xff]) : Buffer.from(run, 'utf8'))),
  );
}

/** A path of such names as system calls take it. */
export function systemPath(text: string): string | Buffer {
  return LONE_BYTE.test(text) ? nameBytes(text) : text;
}

/** Bytes of the character of UTF-8 at `at`; 0 when there is none. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
  const character = bytes.subarray(at, at + length);
  return length > 0 && character.length === length && Buffer.from(character.toString('utf8'), 'utf8').equals(character)
    ? length
    : 0;
}
