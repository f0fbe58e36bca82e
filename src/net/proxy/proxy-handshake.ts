import type { SocketFailure } from '../raw-server.js';
import { type ConnectAnswer, ConnectAnswerReader, encodeConnect } from './http-connect.js';
import type { ProxyServer } from './proxy-server.js';
import {
  decodeSocksMethod,
  decodeSocksReply,
  decodeSocksVerdict,
  encodeSocksCredentials,
  encodeSocksMethods,
  encodeSocksRequest,
  isSocksAddress,
  SOCKS_METHOD,
  type SocksAddress,
  type SocksCommand,
} from './socks5.js';

/** What a proxy has answered in the end. */
export type ProxyAnswer =
  /** `bound`: for `associate`, the address of the relay. `rest`: what the host that we asked for has sent already. */
  { readonly ok: true; readonly bound: SocksAddress | null; readonly rest: Buffer } | ProxyRefusal;

/** `isOurs`: the fault is between the proxy and us, and every other host would fail the same way. */
export interface ProxyRefusal {
  readonly ok: false;
  readonly isOurs: boolean;
  readonly failure: SocketFailure & { readonly cause: string };
}

/**
 * Reads an answer from the front of what has come. When the answer is not whole, 'more' asks to see these bytes again
 * with those that follow; 'taken' keeps what it needs of them.
 */
type Reader = (bytes: Buffer) => { readonly length: number; readonly next: Reader | ProxyAnswer } | 'more' | 'taken';

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * What we and a proxy say to each other before it passes bytes on. Each message of ours leaves when the proxy has
 * answered the one before.
 */
export class ProxyHandshake {
  readonly #proxy: ProxyServer;
  readonly #command: SocksCommand;
  readonly #target: SocksAddress;
  readonly #send: (bytes: Buffer) => void;
  #reader: Reader;
  /** What the reader wants to see again. */
  #kept: Buffer = NOTHING;
  readonly #connectAnswer = new ConnectAnswerReader();

  /** An HTTP proxy knows 'connect' alone. */
  constructor(proxy: ProxyServer, command: SocksCommand, target: SocksAddress, send: (bytes: Buffer) => void) {
    this.#proxy = proxy;
    this.#command = command;
    this.#target = target;
    this.#send = send;
    this.#reader = proxy.kind === 'http' ? this.#readConnectAnswer : this.#readMethod;
  }

  /** Sends the first message. */
  begin(): void {
    const { kind, credentials } = this.#proxy;
    if (kind === 'http') this.#send(encodeConnect(this.#target, credentials));
    else this.#send(encodeSocksMethods(credentials !== null));
  }

  /** Takes what the proxy has sent, and copies what it keeps. Null: the proxy has more to say. */
  dataCameIn(data: Buffer): ProxyAnswer | null {
    let bytes = this.#kept.length === 0 ? data : Buffer.concat([this.#kept, data]);
    this.#kept = NOTHING;
    while (bytes.length > 0) {
      const read = this.#reader(bytes);
      if (read === 'taken') return null;
      if (read === 'more') {
        this.#kept = Buffer.from(bytes);
        return null;
      }
      if (typeof read.next !== 'function') return read.next;
      bytes = bytes.subarray(read.length);
      this.#reader = read.next;
    }
    return null;
  }

  readonly #readMethod: Reader = (bytes) => {
    if (bytes.length < 2) return bytes.length === 1 && bytes[0] !== 5 ? this.#notAProxy() : 'more';
    const { credentials } = this.#proxy;
    switch (decodeSocksMethod(bytes)) {
      case undefined:
        return this.#notAProxy();
      case SOCKS_METHOD.none:
        return this.#request();
      case SOCKS_METHOD.credentials:
        if (credentials === null) break;
        this.#send(encodeSocksCredentials(credentials));
        return { length: 2, next: this.#readVerdict };
    }
    return this.#refused(credentials === null ? refusal(this.#proxy) : 'wants another way to log in');
  };

  readonly #readVerdict: Reader = (bytes) => {
    if (bytes.length < 2) return 'more';
    if (!decodeSocksVerdict(bytes)) return this.#refused(refusal(this.#proxy));
    return this.#request();
  };

  readonly #readReply: Reader = (bytes) => {
    const reply = decodeSocksReply(bytes);
    if (reply === 'more') return 'more';
    if (reply === 'malformed') return this.#notAProxy();
    const { code, bound, length } = reply;
    if (code === 0) return { length, next: { ok: true, bound, rest: Buffer.from(bytes.subarray(length)) } };
    const isUnknownCommand = code === 7 && this.#command === 'connect';
    return this.#failed(SOCKS_FAILURES[code] ?? 'failed', SOCKS_WORDS[code] ?? `answers ${code}`, isUnknownCommand);
  };

  readonly #readConnectAnswer: Reader = (bytes) => {
    const answer = this.#connectAnswer.feed(bytes);
    if (answer === 'more') return 'taken';
    if (answer === 'malformed') return this.#notAProxy();
    const { status, length } = answer;
    if (status < 300) return { length, next: { ok: true, bound: null, rest: Buffer.from(bytes.subarray(length)) } };
    return this.#refusedByHttp(answer);
  };

  /** Asks for the host. The reader has just read the two bytes that allow us to. */
  #request(): ReturnType<Reader> {
    if (this.#command === 'connect' && !isSocksAddress(this.#target))
      return this.#failed('failed', 'cannot be asked for such a host', false);
    this.#send(encodeSocksRequest(this.#command, this.#target));
    return { length: 2, next: this.#readReply };
  }

  #refusedByHttp({ status }: ConnectAnswer): ReturnType<Reader> {
    // tinyproxy answers 401 to a wrong password. To CONNECT nobody but the proxy answers.
    if (status === 407 || status === 401) return this.#failed('failed', refusal(this.#proxy), true);
    if (status === 403 || status === 405)
      return this.#failed('forbidden', `does not connect (HTTP status ${status})`, false);
    return this.#failed(status >= 500 ? 'unreachable' : 'failed', `did not reach it (HTTP status ${status})`, false);
  }

  #notAProxy(): ReturnType<Reader> {
    const name = this.#proxy.kind === 'http' ? 'an HTTP proxy' : 'a SOCKS5 proxy';
    return this.#refused(`does not answer as ${name} does`);
  }

  #refused(what: string): ReturnType<Reader> {
    return this.#failed('failed', what, true);
  }

  #failed(code: SocketFailure['code'], what: string, isOurs: boolean): ReturnType<Reader> {
    const cause = `the proxy ${this.#proxy.shown} ${what}`;
    return { length: 0, next: { ok: false, isOurs, failure: { code, cause } } };
  }
}

/** What the user is told of a proxy that does not let us in: HTTP status 407, or the same in SOCKS5. */
export function refusedByProxy(proxy: ProxyServer): string {
  return `the proxy ${proxy.shown} ${refusal(proxy)}`;
}

function refusal({ credentials }: ProxyServer): string {
  return credentials === null ? 'wants a user name and a password' : 'does not take the user name and the password';
}

/** RFC 1928, section 6, by the code of the reply. */
const SOCKS_FAILURES: Readonly<Record<number, SocketFailure['code']>> = {
  2: 'forbidden',
  3: 'unreachable',
  4: 'unreachable',
  5: 'refused',
  6: 'unreachable',
};

const SOCKS_WORDS: Readonly<Record<number, string>> = {
  1: 'failed',
  2: 'does not allow it',
  3: 'cannot reach the network',
  4: 'cannot reach the host',
  5: 'was refused the connection',
  6: 'did not reach the host in time',
  7: 'does not do that',
  8: 'does not know this kind of address',
};
