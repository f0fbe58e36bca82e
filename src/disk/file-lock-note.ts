/** What a lock says of its process: one line of JSON, for people and for the next btget. */

export interface LockNote {
  readonly pid: number;
  readonly host: string;
  /** Where the process id means something. */
  readonly space: string;
  /** When the process began, or null where that cannot be known. */
  readonly start: string | null;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  /** Chance, so that no two notes are equal. */
  readonly token: string;
}

export function encodeNote({ pid, host, space, start, since, token }: LockNote): Buffer {
  return Buffer.from(`${JSON.stringify({ pid, host, space, start, since, token })}\n`);
}

/** Null when it is none of ours: anybody may have written it, and it is shown to people. */
export function decodeNote(bytes: Buffer): LockNote | null {
  const value = parse(bytes.toString('utf8'));
  if (typeof value !== 'object' || value === null) return null;
  const { pid, host, space, start, since, token } = value as Readonly<Record<string, unknown>>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  if (!isWord(host) || !isWord(since) || typeof token !== 'string' || !/^[0-9a-f]{8}$/.test(token)) return null;
  if (!(space === '' || isWord(space)) || !(start === null || isWord(start))) return null;
  return { pid, host, space, start, since, token };
}

// A sector of a note is there or is not, and what is not there is zeros or beyond the end of the file.
const BLANK = /^\0*$/;
const HEAD_ALONE = /^\{"pid":\d+,"host":"[\x21-\x7e]*\0*$/;
const TAIL_ALONE = /^\0+[\x21-\x7e]*"token":"[0-9a-f]{8}"\}\n$/;

/** Whether this may be what a power cut left of a note, or a note that is just being written. */
export function isTornNote(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  return [BLANK, HEAD_ALONE, TAIL_ALONE].some((form) => form.test(text));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]{1,255}$/.test(value);
}
