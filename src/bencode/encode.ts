/**
 * Encodes values as canonical bencode. We do not use the package's encoder: it sorts keys by UTF-16 units instead of
 * bytes, writes binary keys as UTF-8, and silently leaves out values of unknown types.
 */

/** A value that is bencoded already and is written as it stands. For bytes that were signed or hashed as they are. */
export class Verbatim {
  readonly bencoded: Uint8Array;

  constructor(bencoded: Uint8Array) {
    this.bencoded = bencoded;
  }
}

/**
 * What can be encoded. A string is written as UTF-8. The keys of a dictionary are bytes written as Latin-1, as in
 * decoded values.
 */
export type Encodable =
  | number
  | bigint
  | string
  | Uint8Array
  | Verbatim
  | readonly Encodable[]
  | ReadonlyMap<string, Encodable>;

/**
 * Encodes `value` in the one canonical way (BEP 3: keys sorted by their bytes). Throws an Error when a number is not an
 * exact integer, or when a key has a character above U+00FF.
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
  // A key has one character for each byte, so the order of the texts is the order of the bytes.
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
