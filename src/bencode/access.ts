/**
 * Typed access to decoded values that others wrote. When a value is absent or of another type, the result is undefined,
 * never an exception.
 */
import type { BencodeDictionary, BencodeValue } from './bencode.js';

export function asBytes(value: BencodeValue | undefined): Buffer | undefined {
  return Buffer.isBuffer(value) ? value : undefined;
}

/** The string as UTF-8; bytes that are not UTF-8 become U+FFFD. */
export function asText(value: BencodeValue | undefined): string | undefined {
  return asBytes(value)?.toString('utf8');
}

/** An integer that a number holds exactly. A larger one is undefined here, a bigint in the value itself. */
export function asInteger(value: BencodeValue | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

export function asList(value: BencodeValue | undefined): readonly BencodeValue[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

export function asDictionary(value: BencodeValue | undefined): BencodeDictionary | undefined {
  return value instanceof Map ? value : undefined;
}

export function getBytes(dictionary: BencodeDictionary, key: string): Buffer | undefined {
  return asBytes(dictionary.get(key));
}

/** The string as UTF-8; bytes that are not UTF-8 become U+FFFD. */
export function getText(dictionary: BencodeDictionary, key: string): string | undefined {
  return asText(dictionary.get(key));
}

/** An integer that a number holds exactly; undefined for a larger one too. */
export function getInteger(dictionary: BencodeDictionary, key: string): number | undefined {
  return asInteger(dictionary.get(key));
}

export function getList(dictionary: BencodeDictionary, key: string): readonly BencodeValue[] | undefined {
  return asList(dictionary.get(key));
}

export function getDictionary(dictionary: BencodeDictionary, key: string): BencodeDictionary | undefined {
  return asDictionary(dictionary.get(key));
}
