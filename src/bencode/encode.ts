/**
 * Values to canonical bencode. The package's encoder is not used: it sorts keys by UTF-16 units instead of bytes,
 * writes binary keys as UTF-8, and leaves out what it does not know.
 */

/** A value that is bencoded already and written as it stands, for what was signed or hashed in that very spelling. */
export class Verbatim {
  readonly bencoded: Uint8Array;

  constructor(bencoded: Uint8Array) {
    this.bencoded = bencoded;
  }
}

/** What can be written. Text becomes UTF-8; a dictionary's keys are bytes written as Latin-1, as in decoded values. */
export type Encodable =
  | number
  | bigint
  | string
  | Uint8Array
  | Verbatim
  | readonly Encodable[]
  | ReadonlyMap<string, Encodable>;

/**
 * The one canonical spelling of `value`: keys sorted by their bytes. Throws when a number or a key cannot be written.
 */
export function encodeBencode(value: Encodable): Buffer {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

const BEYOND_LATIN1 = /[\u0100-\uffff]/;
const DICTIONARY = Buffer.from('d');
const LIST = Buffer.from('l');
const END = Buffer.from('e');

function write(value: Encodable, parts: Uint8Array[]): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    parts.push(Buffer.from(`i${integerText(value)}e`));
  } else if (typeof value === 'string') {
    writeBytes(Buffer.from(value, 'utf8'), parts);
  } else if (value instanceof Uint8Array) {
    writeBytes(value, parts);
  } else if (value instanceof Map) {
    writeDictionary(value, parts);
  } else if (value instanceof Verbatim) {
    parts.push(value.bencoded);
  } else {
    parts.push(LIST);
    for (const element of value as readonly Encodable[]) write(element, parts);
    parts.push(END);
  }
}

function writeBytes(bytes: Uint8Array, parts: Uint8Array[]): void {
  parts.push(Buffer.from(`${bytes.length}:`), bytes);
}

function writeDictionary(dictionary: ReadonlyMap<string, Encodable>, parts: Uint8Array[]): void {
  parts.push(DICTIONARY);
  // Text of one character a byte is sorted as its bytes are.
  for (const key of [...dictionary.keys()].sort()) {
    if (BEYOND_LATIN1.test(key)) throw new Error(`a key of bencode is not bytes: ${JSON.stringify(key)}`);
    parts.push(Buffer.from(`${key.length}:${key}`, 'latin1'));
    write(dictionary.get(key) as Encodable, parts);
  }
  parts.push(END);
}

function integerText(value: number | bigint): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Error(`not an exact integer: ${value}`);
  return value === 0 ? '0' : value.toString();
}
