import { redactUrl, secretsIn } from './redaction.js';

/** Shorter ones are parts of ordinary words. */
const MIN_HIDDEN = 3;
/** A part of a secret that was cut off at the end of a text. */
const MIN_CUT = 6;

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
      const cut = cutAtEnd(hidden, secret);
      if (cut >= MIN_CUT) hidden = `${hidden.slice(0, -cut)}…`;
    }
    return hidden;
  }
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
