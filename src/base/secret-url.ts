import { redactUrl, secretsIn } from './redaction.js';

/** Secrets shorter than this are not hidden, because ordinary words contain them. */
const MIN_HIDDEN = 3;
/** The shortest beginning of a secret that is hidden at the end of a text, where the secret was cut off. */
const MIN_CUT = 6;

/** An escaped character, as in a URL (perhaps escaped several times) or in HTML. */
const ESCAPE = /%(?:25)*([2-7][0-9a-f])|&#(?:x0{0,5}([2-7][0-9a-f])|0{0,5}(\d{2,3}));/i;
const UNITS = new RegExp(`${ESCAPE.source}|.`, 'gisu');
const CHARACTERS = /./gsu;

/**
 * A URL that may hold a password or a passkey. Any code that prints it prints it without these secrets. Only sockets,
 * and files that the user asks us to write, get the whole URL.
 */
export class SecretUrl {
  readonly #whole: string;
  #shown: string | null = null;
  #secrets: readonly string[] | null = null;

  constructor(text: string) {
    this.#whole = text;
  }

  /** The URL with its secrets. */
  get whole(): string {
    return this.#whole;
  }

  /** The URL without its secrets. */
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

  /** `text` from a server that knows this URL, without the URL's secrets: some servers quote the request. */
  hide(text: string): string {
    this.#secrets ??= spellingsOf(secretsIn(this.#whole));
    const spelled = (unit: string): string => unit;
    const whole = without(this.#secrets, text.match(CHARACTERS) ?? [], spelled, 'whole');
    const unescaped = ESCAPE.test(whole) ? without(this.#secrets, unitsOf(whole), plainOf, 'whole or cut') : whole;
    return without(this.#secrets, unescaped.match(CHARACTERS) ?? [], spelled, 'whole or cut');
  }
}

/** `secrets` in lower case, each as it is spelled, and with its escapes decoded as `plainOf` does. */
function spellingsOf(secrets: readonly string[]): readonly string[] {
  const plain = secrets.map((secret) => unitsOf(secret).map(plainOf).join(''));
  const spellings = new Set([...secrets, ...plain].map((secret) => secret.toLowerCase()));
  return [...spellings].filter(({ length }) => length >= MIN_HIDDEN);
}

/**
 * The text of `units`, with `…` in place of each secret that occurs in it. With 'whole or cut', the beginning of a
 * secret at the very end of the text is replaced as well. `read` says which character a unit stands for.
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

/** The characters of `text`, each as it is spelled there: an escape is one unit. */
function unitsOf(text: string): readonly string[] {
  return text.match(UNITS) ?? [];
}

/** The character that a unit stands for. Only escapes of ASCII characters are decoded. */
function plainOf(unit: string): string {
  const [, percent, hex, decimal] = ESCAPE.exec(unit) ?? [];
  if (percent === undefined && hex === undefined && decimal === undefined) return unit;
  return String.fromCharCode(decimal === undefined ? Number.parseInt(percent ?? hex ?? '', 16) : Number(decimal));
}

/** How many of the first characters of `secret` the text ends with; 0 when they are fewer than `MIN_CUT`. */
function cutAtEnd(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length >= MIN_CUT; length -= 1)
    if (text.endsWith(secret.slice(0, length))) return length;
  return 0;
}
