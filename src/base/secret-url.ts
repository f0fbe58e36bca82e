import { redactUrl, secretsIn } from './redaction.js';

/** Shorter ones are parts of ordinary words. */
const MIN_HIDDEN = 3;
/** A part of a secret that was cut off at the end of a text. */
const MIN_CUT = 6;

/** A character as a URL spells it, once or several times over, or HTML. */
const ESCAPE = /%(?:25)*([2-7][0-9a-f])|&#(?:x0{0,5}([2-7][0-9a-f])|0{0,5}(\d{2,3}));/i;
const UNITS = new RegExp(`${ESCAPE.source}|.`, 'gisu');

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
    // The longest first: some hold others.
    this.#secrets ??= [...secretsIn(this.#whole)]
      .filter(({ length }) => length >= MIN_HIDDEN)
      .sort((one, other) => other.length - one.length);
    let hidden = text;
    for (const secret of this.#secrets) {
      hidden = hidden.replaceAll(new RegExp(escapeRegExp(secret), 'gi'), '…');
      if (ESCAPE.test(hidden)) hidden = hideEscaped(hidden, secret);
      const cut = cutAtEnd(hidden, secret);
      if (cut >= MIN_CUT) hidden = `${hidden.slice(0, -cut)}…`;
    }
    return hidden;
  }
}

/** Without `secret` where some of its characters are escaped, as a URL or a page of HTML spells them. */
function hideEscaped(text: string, secret: string): string {
  const wanted = secret.toLowerCase();
  const units = text.match(UNITS) ?? [];
  const plain = units.map((unit) => plainOf(unit).toLowerCase());
  let hidden = '';
  for (let at = 0; at < units.length; ) {
    let end = at;
    let length = 0;
    while (end < units.length && length < wanted.length && wanted.startsWith(plain[end] as string, length)) {
      length += (plain[end] as string).length;
      end += 1;
    }
    const isIt = length === wanted.length || (end === units.length && length >= MIN_CUT);
    hidden += isIt ? '…' : units[at];
    at = isIt ? end : at + 1;
  }
  return hidden;
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

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
