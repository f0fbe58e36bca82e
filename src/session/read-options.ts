/**
 * Reads options at the face of the library. JavaScript checks no types, so a caller may give a wrong key or a wrong
 * value. Each is a 'usage' failure that names the option and the value, before anything begins.
 */
import { BtgetError } from '../base/failure.js';
import { parseIp } from '../net/ip-address.js';

/** Gives `value` back when it is a T. Otherwise throws a 'usage' failure with `name` and the value in it. */
export type Reader<T> = (value: unknown, name: string) => T;

/** The options that a caller gives: those that differ from the defaults. `undefined` counts as left out. */
export type Given<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** One reader for each option. A type that has an option without a reader does not compile. */
export type Readers<T> = { readonly [K in keyof T]-?: Reader<T[K]> };

/**
 * The options that the caller gave, and the defaults of all others. An option that is `undefined` counts as left out.
 * Throws a 'usage' failure for an unknown option, for a wrong value, and for an option that has no default and is left
 * out. `what` is the name of the whole for messages about it, such as `options`.
 */
export function readOptions<T extends object>(
  readers: Readers<T>,
  defaults: Partial<T>,
  given: unknown,
  what = 'options',
): T {
  if (!isPlain(given)) throw wrong(what, given, 'an object');
  return readFields(readers, { ...defaults, ...leaveOutUndefined(given) }, '');
}

function readFields<T extends object>(
  readers: Readers<T>,
  given: Readonly<Record<string, unknown>>,
  prefix: string,
): T {
  for (const [key, value] of Object.entries(given))
    if (!Object.hasOwn(readers, key))
      throw new BtgetError('usage', `${prefix}${key}: there is no such option (its value is ${shown(value)})`, {
        hint: `the options are ${Object.keys(readers).join(', ')}`,
      });
  const read: Partial<T> = {};
  // Each key is one of T's, because the table has those keys alone.
  for (const key of Object.keys(readers) as (keyof T & string)[]) read[key] = readers[key](given[key], prefix + key);
  return read as T;
}

/** The options that `readers` knows, of an object that has others besides. */
export function pickOptions<T extends object>(readers: Readers<T>, options: T): T {
  return Object.fromEntries(Object.keys(readers).map((key) => [key, options[key as keyof T]])) as T;
}

function leaveOutUndefined(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Characters of a text that a message shows. */
const MAX_SHOWN = 80;

/** A value as a message shows it. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (value instanceof Promise) return 'a promise (await it first)';
  if (value instanceof Uint8Array) return 'bytes';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** The 'usage' failure of an option `name` whose value is not what is `expected` of it. */
export function wrong(name: string, value: unknown, expected: string): BtgetError {
  return new BtgetError('usage', `${name}: ${shown(value)} is not ${expected}`);
}

export const truth: Reader<boolean> = (value, name) => {
  if (typeof value !== 'boolean') throw wrong(name, value, 'true or false');
  return value;
};

/** Any text but an empty one. `expected` says for messages what it is. */
export function text(expected: string, fits: (value: string) => boolean = () => true): Reader<string> {
  return (value, name) => {
    if (typeof value !== 'string' || value === '' || !fits(value)) throw wrong(name, value, expected);
    return value;
  };
}

/** A text that `use` can do something with; what `use` throws is told with the name of the option. */
export function usable(expected: string, use: (value: string) => unknown): Reader<string> {
  const read = text(expected);
  return (value, name) => {
    const given = read(value, name);
    try {
      use(given);
    } catch (error) {
      if (!(error instanceof BtgetError)) throw error;
      throw new BtgetError('usage', `${name}: ${error.message}`, { cause: error });
    }
    return given;
  };
}

/** One element of a path. It leads to no other folder. */
export const fileName: Reader<string> = text(
  'a file name',
  (value) => !/^\.\.?$|[/\\\p{Cc}]/u.test(value) && Buffer.byteLength(value) <= 240,
);

/** A path is handed to the system as it is, and the system takes no NUL. */
export const path: Reader<string> = text('a path', (value) => !value.includes('\0'));

/** A whole number from `least` to `most`. */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  const expected =
    most === Number.MAX_SAFE_INTEGER ? `a whole number, at least ${least}` : `a whole number from ${least} to ${most}`;
  return (value, name) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
      throw wrong(name, value, expected);
    return value;
  };
}

export const pieceLength: Reader<number> = (value, name) => {
  if (typeof value !== 'number' || !(value >= 1 << 14 && value <= 1 << 29) || !Number.isInteger(Math.log2(value)))
    throw wrong(name, value, 'a power of two from 16384 (16 KiB) to 536870912 (512 MiB)');
  return value;
};

/** A finite number of at least `least`. `expected` says for messages what it is. */
export function amount(least: number, expected: string): Reader<number> {
  return (value, name) => {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least) throw wrong(name, value, expected);
    return value;
  };
}

export function oneOf<T extends string>(...words: readonly T[]): Reader<T> {
  return (value, name) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw wrong(name, value, words.map((word) => `'${word}'`).join(' or '));
    return found;
  };
}

export function orNull<T>(reader: Reader<T>): Reader<T | null> {
  return (value, name) => (value === null ? null : reader(value, name));
}

export function listOf<T>(reader: Reader<T>): Reader<readonly T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrong(name, value, 'a list');
    // `map` would pass over the holes of a list, and leave them in it.
    return Array.from(value, (each, index) => reader(each, `${name}[${index}]`));
  };
}

/** An object with just these fields. `fits` checks what no field shows alone. */
export function fields<T extends object>(
  readers: Readers<T>,
  expected = 'an object',
  fits: (value: T) => boolean = () => true,
): Reader<T> {
  return (value, name) => {
    if (!isPlain(value)) throw wrong(name, value, expected);
    const read = readFields(readers, value, `${name}.`);
    if (!fits(read)) throw new BtgetError('usage', `${name}: ${JSON.stringify(value)} is not ${expected}`);
    return read;
  };
}

/** A function. What it takes and returns cannot be checked. */
export function callback<T>(): Reader<T> {
  return (value, name) => {
    if (typeof value !== 'function') throw wrong(name, value, 'a function');
    return value as T;
  };
}

/** An object with these methods. */
export function having<T>(expected: string, ...methods: readonly string[]): Reader<T> {
  return (value, name) => {
    const fits = typeof value === 'object' && value !== null && methods.every((method) => hasMethod(value, method));
    if (!fits) throw wrong(name, value, expected);
    return value as T;
  };
}

function hasMethod(value: object, method: string): boolean {
  return typeof (value as Readonly<Record<string, unknown>>)[method] === 'function';
}

const port: Reader<number> = whole(1, 65_535);

/** A peer to dial. */
export const peer: Reader<{ readonly host: string; readonly port: number }> = fields({
  host: text('an IP address', (value) => parseIp(value) !== undefined),
  port,
});

/** A node to ask. Its host may be a name. */
export const node: Reader<{ readonly host: string; readonly port: number }> = fields({
  host: text('a host name or an IP address', (value) => !/[\s/@\p{Cc}]/u.test(value)),
  port,
});
