import { isIP } from 'node:net';
import type {
  DatagramSocket,
  Listener,
  ListenHandler,
  PeerAddress,
  RawServer,
  SingleSocket,
  SocketFailure,
  SocketHandler,
} from '../../../src/net/raw-server.js';

/** Where a proxy answers. An HTTP proxy has the request alone. */
export type ProxyStep = 'greeting' | 'login' | 'request';

/** What a fake proxy is, and what it does wrong. */
export interface FakeProxyOptions {
  readonly kind: 'socks5' | 'http';
  readonly port: number;
  /** Whom it lets in; null for anyone. */
  readonly login: { readonly user: string; readonly password: string } | null;
  /** The hosts that it finds by name. */
  readonly names: Readonly<Record<string, string>>;
  /** What it says at a step instead of its own answer. Without bytes it hangs there. */
  readonly says: Partial<Record<ProxyStep, Buffer>>;
  /** Where it closes the connection instead of answering. */
  readonly diesAt: ProxyStep | null;
  /** Each byte of its answers comes alone. */
  readonly isSlow: boolean;
  /** It answers a request together with the first bytes of the host. */
  readonly joinsData: boolean;
  /** The type and the bytes of the address that it names as the relay's, without the port. Null for its own. */
  readonly namesRelay: Buffer | null;
  /** The code with which it refuses to relay datagrams; 0: it relays them. */
  readonly refusesRelay: number;
}

export const DEFAULT_FAKE_PROXY_OPTIONS: FakeProxyOptions = {
  kind: 'socks5',
  port: 1080,
  login: null,
  names: {},
  says: {},
  diesAt: null,
  isSlow: false,
  joinsData: false,
  namesRelay: null,
  refusesRelay: 0,
};

/** Bytes that wait for one side before the proxy reads no more of the other. */
const MAX_WAITING = 64 * 1024;
const MALFORMED = Symbol('malformed');

/** A proxy of SOCKS5 (RFC 1928, 1929) or of HTTP (RFC 9110, CONNECT) that does what a test tells it to. */
export class FakeProxy implements ListenHandler {
  /** What it was asked: `connect 192.0.2.1:80`, `associate 0.0.0.0:0`, `datagram 192.0.2.1:53`, `login user:password`. */
  readonly log: string[] = [];
  /** Connections that came in, ever. */
  clients = 0;
  options: FakeProxyOptions;
  readonly loop: RawServer;
  /** Ends what is under way. */
  readonly open: Set<() => void> = new Set();
  /** The relays of datagrams that live. */
  readonly relays: Set<FakeRelay> = new Set();
  #listener: Listener | null = null;

  constructor(loop: RawServer, options: Partial<FakeProxyOptions> = {}) {
    this.loop = loop;
    this.options = { ...DEFAULT_FAKE_PROXY_OPTIONS, ...options };
  }

  /** Where it listens. Port 0 stands for a free one, until it has been found. */
  get port(): number {
    const address = this.#listener?.address;
    return address !== undefined && 'port' in address ? address.port : this.options.port;
  }

  start(): this {
    this.loop.listen({ port: this.options.port }, this, (outcome) => {
      if (!outcome.ok) throw new Error(`the proxy cannot listen: ${outcome.code}`);
      this.#listener = outcome.listener;
    });
    return this;
  }

  /** Ends as a process that is killed: everyone who was connected hears of it. */
  die(): void {
    this.#listener?.close();
    for (const end of [...this.open]) end();
    this.open.clear();
  }

  acceptsConnection(): boolean {
    return true;
  }

  externalConnectionMade(socket: SingleSocket): SocketHandler {
    this.clients += 1;
    this.open.add(() => socket.close());
    return new ProxyClient(this, socket);
  }
}

/** A client of the proxy, from its first byte. */
class ProxyClient implements SocketHandler {
  readonly #proxy: FakeProxy;
  readonly #socket: SingleSocket;
  #bytes: Buffer = Buffer.alloc(0);
  #step: ProxyStep | 'over';
  #target: Target | null = null;
  #relay: FakeRelay | null = null;

  constructor(proxy: FakeProxy, socket: SingleSocket) {
    this.#proxy = proxy;
    this.#socket = socket;
    this.#step = proxy.options.kind === 'http' ? 'request' : 'greeting';
  }

  connectionMade(): void {
    throw new Error('the proxy dials no client');
  }

  dataCameIn(_socket: SingleSocket, data: Buffer): void {
    if (this.#target !== null) {
      this.#target.take(Buffer.from(data));
      return;
    }
    this.#bytes = Buffer.concat([this.#bytes, data]);
    while (this.#step !== 'over' && this.#read()) if (this.#bytes.length === 0) break;
  }

  connectionFlushed(): void {
    this.#target?.goOn();
  }

  connectionLost(_socket: SingleSocket, failure: SocketFailure): void {
    this.#relay?.close();
    this.#target?.clientLost(failure);
  }

  /** Whether a whole message was there. */
  #read(): boolean {
    if (this.#step === 'greeting') return this.#readGreeting();
    if (this.#step === 'login') return this.#readLogin();
    return this.#proxy.options.kind === 'http' ? this.#readHttp() : this.#readRequest();
  }

  #readGreeting(): boolean {
    const count = this.#bytes[1] ?? 255;
    if (this.#bytes.length < 2 + count) return false;
    const methods = [...this.#bytes.subarray(2, 2 + count)];
    if (this.#bytes[0] !== 5) throw new Error('this is no SOCKS5');
    this.#bytes = this.#bytes.subarray(2 + count);
    const method = this.#proxy.options.login === null ? 0 : 2;
    const isOffered = methods.includes(method);
    this.#step = !isOffered ? 'over' : method === 0 ? 'request' : 'login';
    return this.#answer('greeting', Buffer.from([5, isOffered ? method : 0xff]), isOffered);
  }

  #readLogin(): boolean {
    const bytes = this.#bytes;
    const userEnd = 2 + (bytes[1] ?? 255);
    const end = userEnd + 1 + (bytes[userEnd] ?? 255);
    if (bytes.length < end) return false;
    const [user, password] = [bytes.toString('utf8', 2, userEnd), bytes.toString('utf8', userEnd + 1, end)];
    this.#bytes = bytes.subarray(end);
    this.#proxy.log.push(`login ${user}:${password}`);
    const { login } = this.#proxy.options;
    const isRight = bytes[0] === 1 && login?.user === user && login.password === password;
    this.#step = isRight ? 'request' : 'over';
    return this.#answer('login', Buffer.from([1, isRight ? 0 : 1]), isRight);
  }

  #readRequest(): boolean {
    const bytes = this.#bytes;
    if (bytes.length < 4) return false;
    const address = addressAt(bytes, 3);
    if (address === null) return false;
    if (address === MALFORMED || bytes[0] !== 5 || bytes[2] !== 0) throw new Error('a wrong request');
    this.#bytes = bytes.subarray(address.end);
    this.#step = 'over';
    if (bytes[1] === 1) this.#connect(address);
    else if (bytes[1] === 3) this.#associate(address);
    else throw new Error(`an unknown command ${bytes[1]}`);
    return true;
  }

  #readHttp(): boolean {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end === -1) return false;
    const [first = '', ...fields] = this.#bytes.toString('latin1', 0, end).split('\r\n');
    this.#bytes = this.#bytes.subarray(end + 4);
    this.#step = 'over';
    const [, place = '', host = '', port = ''] = /^CONNECT (\[?([^\]]*?)\]?:(\d+)) HTTP\/1\.1$/.exec(first) ?? [];
    if (place === '') throw new Error(`a wrong request: ${first}`);
    if (!fields.includes(`Host: ${place}`)) throw new Error('a request without its host');
    const { login } = this.#proxy.options;
    const basic = fields.find((field) => field.startsWith('Proxy-Authorization: Basic '))?.slice(27);
    if (basic !== undefined) this.#proxy.log.push(`login ${Buffer.from(basic, 'base64')}`);
    const right = login === null ? undefined : Buffer.from(`${login.user}:${login.password}`).toString('base64');
    if (right !== undefined && right !== basic) {
      this.#answer('request', httpHead('407 Proxy Authentication Required'), false);
      return true;
    }
    this.#connect({ host, port: Number(port) });
    return true;
  }

  #connect({ host, port }: PeerAddress): void {
    const { log, options, loop } = this.#proxy;
    const isHttp = options.kind === 'http';
    log.push(`connect ${host}:${port}`);
    const found = isIP(host) === 0 ? options.names[host] : host;
    const fail = (code: SocketFailure['code']): void => {
      const status = code === 'refused' ? '502 Bad Gateway' : '504 Gateway Timeout';
      this.#answer('request', isHttp ? httpHead(status) : reply(code === 'refused' ? 5 : 4), false);
    };
    if (found === undefined) {
      fail('unreachable');
      return;
    }
    const made = (): Buffer => (isHttp ? httpHead('200 Connection established') : reply(0));
    this.#target = new Target(loop, { host: found, port }, this.#socket, {
      joinsData: options.joinsData,
      made: (data) => {
        this.#answer('request', Buffer.concat([made(), data]), true);
      },
      fail: (code) => {
        this.#target = null;
        fail(code);
      },
    });
    const target = this.#target;
    this.#proxy.open.add(() => target.close());
    target.take(Buffer.from(this.#bytes));
  }

  #associate({ host, port }: PeerAddress): void {
    const { log, options } = this.#proxy;
    log.push(`associate ${host}:${port}`);
    if (options.refusesRelay !== 0) {
      this.#answer('request', reply(options.refusesRelay), false);
      return;
    }
    const { remote } = this.#socket;
    if (!('host' in remote)) throw new Error('a client without an address');
    this.#relay = new FakeRelay(this.#proxy, remote.host, (relayPort) => {
      this.#answer('request', reply(0, options.namesRelay, relayPort), true);
    });
  }

  /** Says `own`, or what the test says instead. Ends the connection when the proxy does not go on. Returns true. */
  #answer(step: ProxyStep, own: Buffer, goesOn: boolean): boolean {
    const { says, diesAt, isSlow } = this.#proxy.options;
    if (diesAt === step) {
      this.#step = 'over';
      this.#socket.close();
      return true;
    }
    const answer = says[step] ?? own;
    const parts = isSlow ? Array.from(answer, (byte) => Buffer.from([byte])) : [answer];
    const sayNext = (): void => {
      const part = parts.shift();
      if (part !== undefined) this.#socket.write([part]);
      if (parts.length > 0) this.#proxy.loop.addTask(sayNext, 0.1);
      else {
        this.#target?.answered();
        if (!goesOn && says[step] === undefined) this.#socket.end();
      }
    };
    sayNext();
    return true;
  }
}

interface TargetOwner {
  readonly joinsData: boolean;
  /** The host has accepted; `data` is what it has sent already. */
  made(data: Buffer): void;
  fail(code: SocketFailure['code']): void;
}

/** The connection of the proxy to the host that a client asked for. */
class Target implements SocketHandler {
  readonly #client: SingleSocket;
  readonly #owner: TargetOwner;
  readonly #socket: SingleSocket;
  /** What came of the host before our answer had gone. */
  #early: Buffer[] = [];
  #isMade = false;
  #isAnswered = false;
  /** How it was lost before our answer had gone. */
  #lost: SocketFailure['code'] | null = null;

  constructor(loop: RawServer, to: PeerAddress, client: SingleSocket, owner: TargetOwner) {
    this.#client = client;
    this.#owner = owner;
    this.#socket = loop.startConnection(to, this);
  }

  take(data: Buffer): void {
    this.#socket.write([data]);
    if (this.#socket.unsentLength > MAX_WAITING) this.#client.pauseReading();
  }

  /** The client has taken all. */
  goOn(): void {
    this.#socket.resumeReading();
  }

  answered(): void {
    this.#isAnswered = true;
    const early = this.#early;
    this.#early = [];
    for (const data of early) this.#client.write([data]);
    if (this.#lost !== null) this.#end(this.#lost);
  }

  clientLost({ code }: SocketFailure): void {
    if (code === 'ended') this.#socket.end();
    else this.#socket.close();
  }

  close(): void {
    this.#socket.close();
  }

  connectionMade(): void {
    this.#isMade = true;
    if (!this.#owner.joinsData) this.#owner.made(Buffer.alloc(0));
  }

  dataCameIn(_socket: SingleSocket, data: Buffer): void {
    if (this.#owner.joinsData && !this.#isAnswered) this.#owner.made(Buffer.from(data));
    else if (this.#isAnswered) this.#client.write([Buffer.from(data)]);
    else this.#early.push(Buffer.from(data));
    if (this.#client.unsentLength > MAX_WAITING) this.#socket.pauseReading();
  }

  connectionFlushed(): void {
    this.#client.resumeReading();
  }

  connectionLost(_socket: SingleSocket, { code }: SocketFailure): void {
    if (!this.#isMade) this.#owner.fail(code);
    else if (this.#isAnswered) this.#end(code);
    else this.#lost = code;
  }

  #end(code: SocketFailure['code']): void {
    if (code === 'ended') this.#client.end();
    else this.#client.close();
  }
}

/** The relay of a client's datagrams. It sends to others, and hears them, at the address at which the client finds it. */
export class FakeRelay {
  readonly #proxy: FakeProxy;
  readonly #clientHost: string;
  #socket: DatagramSocket | null = null;
  #client: PeerAddress | null = null;
  #isClosed = false;

  constructor(proxy: FakeProxy, clientHost: string, opened: (port: number) => void) {
    this.#proxy = proxy;
    this.#clientHost = clientHost;
    proxy.relays.add(this);
    proxy.open.add(() => this.close());
    const handler = {
      datagramCameIn: (_socket: DatagramSocket, data: Buffer, from: PeerAddress) => this.#cameIn(data, from),
      sendFailed: () => undefined,
    };
    proxy.loop.openDatagram({ family: 4, port: 0 }, handler, (outcome) => {
      if (!outcome.ok) throw new Error(`the relay cannot be opened: ${outcome.code}`);
      this.#socket = outcome.socket;
      if (this.#isClosed) outcome.socket.close();
      else opened(outcome.socket.local.port);
    });
  }

  get port(): number {
    return this.#socket?.local.port ?? 0;
  }

  /** From where the client sent last. */
  get client(): PeerAddress | null {
    return this.#client;
  }

  /** Sends `datagram` to the client as it is. */
  say(datagram: Buffer): void {
    if (this.#client !== null) this.#socket?.send(datagram, this.#client);
  }

  close(): void {
    this.#isClosed = true;
    this.#proxy.relays.delete(this);
    this.#socket?.close();
  }

  #cameIn(data: Buffer, from: PeerAddress): void {
    if (from.host !== this.#clientHost) {
      this.say(Buffer.concat([Buffer.from([0, 0, 0]), addressBytes(from), data]));
      return;
    }
    this.#client = from;
    const address = addressAt(data, 3);
    if (address === null || address === MALFORMED || data[2] !== 0) throw new Error('a wrong datagram');
    const { log, options } = this.#proxy;
    log.push(`datagram ${address.host}:${address.port}`);
    const host = isIP(address.host) === 0 ? options.names[address.host] : address.host;
    if (host !== undefined) this.#socket?.send(Buffer.from(data.subarray(address.end)), { ...address, host });
  }
}

/** A SOCKS5 reply. `address`: its type and bytes; null for 0.0.0.0. */
export function reply(code: number, address: Buffer | null = null, port = 0): Buffer {
  const end = Buffer.alloc(2);
  end.writeUInt16BE(port);
  return Buffer.concat([Buffer.from([5, code, 0]), address ?? Buffer.from([1, 0, 0, 0, 0]), end]);
}

export function httpHead(status: string): Buffer {
  return Buffer.from(`HTTP/1.1 ${status}\r\nVia: a test\r\n\r\n`, 'latin1');
}

/** An IPv4 address, as SOCKS5 writes it. */
export function addressBytes({ host, port }: PeerAddress): Buffer {
  return Buffer.from([1, ...host.split('.').map(Number), port >> 8, port & 0xff]);
}

/** An address as SOCKS5 writes it; null when it is not whole. */
function addressAt(bytes: Buffer, at: number): (PeerAddress & { readonly end: number }) | null | typeof MALFORMED {
  const type = bytes[at];
  const begin = type === 3 ? at + 2 : at + 1;
  const length = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? bytes[at + 1] : -1;
  if (length === -1) return MALFORMED;
  if (length === undefined || bytes.length < begin + length + 2) return null;
  const host = bytes.subarray(begin, begin + length);
  const groups = type === 4 ? host.toString('hex').match(/.{4}/g) : null;
  const text = type === 3 ? host.toString('latin1') : (groups?.join(':') ?? [...host].join('.'));
  return { host: text, port: bytes.readUInt16BE(begin + length), end: begin + length + 2 };
}
