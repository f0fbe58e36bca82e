import { redactUrl, secretsIn } from './redaction.js';

/** Shorter ones are parts of ordinary words. */
const MIN_HIDDEN = 3;
/** A part of a secret that was cut off at the end of a text. */
const MIN_CUT = 6;

/** A character as a URL spells it, once or several times over, or HTML. */
const ESCAPE = /%(?:25)*([2-7][0-9a-f])|&#(?:x0{0,5}([2-7][0-9a-f])|0{0,5}(\d{2,3}));/i;
const UNITS = new RegExp(`${ESCAPE.source}|.`, 'gisu');
const CHARACTERS = /./gsu;

/**
 * A URL that may hold a password or a passkey. Whatever prints it prints it without; only a socket, and a file that we
 * are asked to write, is given the whole of it.
 */
export class SecretUrl {
  readonly #whole: string;
  #shown: string | null = null;
  #secrets: readonly string[] | null = null;

  constructor(text: string) {
    this.#whole = text;
  }

  /** For a socket. */
  get whole(): string {
    return this.#whole;
  }

  toString(): string {
    this.#shown ??= redactUrl(this.#whole);
    return this.#shown;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /** What a server that knows this URL has said, without its secrets: some servers quote what they were asked. */
  hide(text: string): string {
    this.#secrets ??= spellingsOf(secretsIn(this.#whole));
    const spelled = (unit: string): string => unit;
    const whole = without(this.#secrets, text.match(CHARACTERS) ?? [], spelled, 'whole');
    const unescaped = ESCAPE.test(whole) ? without(this.#secrets, unitsOf(whole), plainOf, 'whole or cut') : whole;
    return without(this.#secrets, unescaped.match(CHARACTERS) ?? [], spelled, 'whole or cut');
  }
}

/** `secrets` in lower case, each as it stands there, and with its escapes read as `plainOf` reads them. */
function spellingsOf(secrets: readonly string[]): readonly string[] {
  const plain = secrets.map((secret) => unitsOf(secret).map(plainOf).join(''));
  const spellings = new Set([...secrets, ...plain].map((secret) => secret.toLowerCase()));
  return [...spellings].filter(({ length }) => length >= MIN_HIDDEN);
}

/**
 * The text of `units` with `…` for each of `secrets` that stands there, or that is cut off at its end. `read` says what
 * a unit stands for.
 */
function without(
  secrets: readonly string[],
  units: readonly string[],
  read: (unit: string) => string,
  wanted: 'whole' | 'whole or cut',
): string {
  const plain = units.map((unit) => read(unit).toLowerCase());
  const text = plain.join('');
  const unitAt = plain.flatMap((each, index) => Array<number>(each.length).fill(index));
  const hidden = new Set<number>();
  const hide = (begin: number, end: number): void => {
    for (const index of unitAt.slice(begin, end)) hidden.add(index);
  };
  for (const secret of secrets) {
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + secret.length))
      hide(at, at + secret.length);
    if (wanted === 'whole or cut') hide(text.length - cutAtEnd(text, secret), text.length);
  }
  return units.map((unit, index) => (!hidden.has(index) ? unit : hidden.has(index - 1) ? '' : '…')).join('');
}

/** The characters of `text`, each as it is spelled there. */
function unitsOf(text: string): readonly string[] {
  return text.match(UNITS) ?? [];
}

/** What an escape stands for; of several bytes in UTF-8 none does. */
function plainOf(unit: string): string {
  const [, percent, hex, decimal] = ESCAPE.exec(unit) ?? [];
  if (percent === undefined && hex === undefined && decimal === undefined) return unit;
  return String.fromCharCode(decimal === undefined ? Number.parseInt(percent ?? hex ?? '', 16) : Number(decimal));
}

/** How many of the first characters of `secret` stand at the end of `text`. */
function cutAtEnd(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length >= MIN_CUT; length -= 1)
    if (text.endsWith(secret.slice(0, length))) return length;
  return 0;
}
