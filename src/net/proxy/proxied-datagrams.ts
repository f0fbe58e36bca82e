import type { Millis, Task } from '../../base/clock.js';
import { passDatagram } from '../fence.js';
import { normaliseHost, parseIp } from '../ip-address.js';
import {
  type DatagramHandler,
  type DatagramOptions,
  type DatagramOutcome,
  type DatagramSocket,
  MAX_DATAGRAM,
  type PeerAddress,
  type RawServer,
  type SingleSocket,
  type SocketFailure,
  type SocketHandler,
} from '../raw-server.js';
import { reachOf } from '../reach.js';
import type { ProxyAccess } from './proxy-access.js';
import { type ProxyAnswer, ProxyHandshake } from './proxy-handshake.js';
import { decodeSocksDatagram, encodeSocksDatagram, isSocksAddress, type SocksAddress } from './socks5.js';

/** We ask for a relay wherever the datagrams come from: we do not know our port, and NAT may change it. */
const FROM_ANYWHERE: SocksAddress = { host: '0.0.0.0', port: 0 };
/** How long the proxy may take to grant a relay. */
const GRANT_LIMIT: Millis = 30_000;
/**
 * A datagram of the relay shows that the proxy lives; we note that at most this often. The proxy says nothing more on
 * its connection, which the loop would else lose as idle.
 */
const SIGN_INTERVAL: Millis = 30_000;
/** How long we wait before we ask again, when a relay has been lost for the `tries`-th time since it last worked. */
const waitAfter = (tries: number): Millis => 5_000 + Math.min(120_000, 500 * tries * tries);

/**
 * A UDP socket whose datagrams go by the relay of a SOCKS5 proxy (UDP ASSOCIATE). RFC 1928: "A UDP association
 * terminates when the TCP connection that the UDP ASSOCIATE request arrived on terminates." Then we ask for another.
 * Until it is granted nothing leaves, by any way.
 */
export class ProxiedDatagramSocket implements DatagramSocket, DatagramHandler, SocketHandler {
  readonly #loop: RawServer;
  readonly #proxy: ProxyAccess;
  readonly #family: 4 | 6;
  readonly #handler: DatagramHandler;
  /** Null when it has been called. */
  #answered: ((outcome: DatagramOutcome) => void) | null;
  #search: { cancel(): void } | null = null;
  #proxyHost = '';
  /** The connection by which the relay lives. */
  #control: SingleSocket | null = null;
  /** Null when the relay is granted. */
  #handshake: ProxyHandshake | null = null;
  #socket: DatagramSocket | null = null;
  #relay: PeerAddress | null = null;
  #wait: Task | null = null;
  #tries = 0;
  #lastSign: Millis = 0;
  /** Something was sent to a name, which the proxy may find at an address of the other family. */
  #sendsToNames = false;
  #isClosed = false;

  /**
   * Asks the proxy for a relay, and answers once, later. A proxy that does not relay is a failure. While it cannot be
   * reached the socket is open, and carries nothing.
   */
  constructor(
    loop: RawServer,
    proxy: ProxyAccess,
    { family }: DatagramOptions,
    handler: DatagramHandler,
    answered: (outcome: DatagramOutcome) => void,
  ) {
    this.#loop = loop;
    this.#proxy = proxy;
    this.#family = family;
    this.#handler = handler;
    this.#answered = answered;
    this.#wait = loop.addTask(() => this.#ask(), 0);
  }

  /** Where the proxy relays; only the proxy sees the port of this machine. */
  get local(): PeerAddress {
    return this.#relay ?? FROM_ANYWHERE;
  }

  send(data: Buffer, to: PeerAddress): void {
    if (this.#isClosed) return;
    const packed = this.#pack(data, to);
    if (Buffer.isBuffer(packed) && this.#socket !== null && this.#relay !== null) {
      this.#socket.send(packed, this.#relay);
      return;
    }
    const cause = `the proxy ${this.#name} relays nothing now`;
    const failure: SocketFailure = Buffer.isBuffer(packed) ? { code: 'unreachable', cause } : packed;
    this.#loop.addTask(() => {
      if (!this.#isClosed) this.#handler.sendFailed(this, to, failure);
    }, 0);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#letGo();
  }

  datagramCameIn(_socket: DatagramSocket, datagram: Buffer, from: PeerAddress): void {
    const relay = this.#relay;
    // Any host may send to our port. Of the relay's datagrams the proxy says where each comes from.
    if (relay === null || from.host !== relay.host || from.port !== relay.port) return;
    this.#sawSign();
    const unpacked = decodeSocksDatagram(datagram);
    const ip = parseIp(unpacked?.from.host ?? '');
    // Port 0 cannot be answered.
    if (unpacked === undefined || ip === undefined || unpacked.from.port === 0) return;
    if (ip.family !== this.#family && !this.#sendsToNames) return;
    this.#handler.datagramCameIn(this, unpacked.data, { host: ip.text, port: unpacked.from.port });
  }

  sendFailed(): void {
    // It was for the relay. Those who wait for an answer have deadlines.
  }

  connectionMade(_socket: SingleSocket): void {
    this.#handshake?.begin();
  }

  dataCameIn(_socket: SingleSocket, data: Buffer): void {
    // Once the relay is granted, the proxy has nothing to say.
    const answer = this.#handshake?.dataCameIn(data) ?? null;
    if (answer !== null) this.#gotAnswer(answer);
  }

  connectionFlushed(_socket: SingleSocket): void {
    // Our messages have left.
  }

  connectionLost(_socket: SingleSocket, { code }: SocketFailure): void {
    // When a granted relay ends, the proxy may still carry connections, so the user hears of no trouble.
    if (this.#handshake === null) this.#askLater();
    else this.#lost(`the proxy ${this.#name} ${code === 'refused' ? 'refuses connections' : 'was lost'}`);
  }

  get #name(): string {
    return this.#proxy.server.shown;
  }

  #ask(): void {
    this.#wait = this.#loop.addTask(() => this.#lost(`the proxy ${this.#name} does not answer`), GRANT_LIMIT);
    let isFound = false;
    const search = this.#proxy.findHost((found) => {
      isFound = true;
      this.#search = null;
      if (this.#isClosed) return;
      if (found.ok) this.#dial(found.host);
      else this.#loop.addTask(() => this.#lost(found.message), 0);
    });
    if (!isFound) this.#search = search;
  }

  #dial(host: string): void {
    const { server } = this.#proxy;
    this.#proxyHost = host;
    this.#handshake = new ProxyHandshake(server, 'associate', FROM_ANYWHERE, (bytes) => this.#control?.write([bytes]));
    this.#control = this.#loop.startConnection({ host, port: server.port }, this);
  }

  #gotAnswer(answer: ProxyAnswer): void {
    this.#handshake = null;
    this.#proxy.told(answer.ok || !answer.isOurs ? null : answer.failure.cause);
    if (!answer.ok) {
      this.#refused(answer.failure.cause);
      return;
    }
    const relay = relayAddress(answer.bound, this.#proxyHost);
    if (relay.port === 0) {
      this.#refused(`the proxy ${this.#name} names no port for datagrams`);
      return;
    }
    const control = this.#control;
    this.#loop.openDatagram({ family: relay.host.includes(':') ? 6 : 4, port: 0 }, this, (outcome) => {
      if (this.#isClosed || this.#control !== control) {
        if (outcome.ok) outcome.socket.close();
      } else if (outcome.ok) {
        this.#wait?.cancel();
        this.#lastSign = this.#loop.now();
        this.#socket = outcome.socket;
        this.#relay = relay;
        this.#tries = 0;
        this.#tell({ ok: true, socket: this });
      } else this.#refused(String(outcome.cause ?? outcome.code));
    });
  }

  /** There will be no relay. */
  #refused(cause: string): void {
    this.#proxy.carriesNoDatagrams(`${cause} (it was asked to carry UDP)`);
    if (this.#answered === null) {
      this.#askLater();
      return;
    }
    this.close();
    this.#tell({ ok: false, code: 'forbidden', cause });
  }

  /** The proxy cannot be reached now. */
  #lost(trouble: string): void {
    if (this.#isClosed) return;
    this.#proxy.told(trouble);
    this.#askLater();
  }

  #askLater(): void {
    this.#letGo();
    this.#tries += 1;
    this.#wait = this.#loop.addTask(() => this.#ask(), waitAfter(this.#tries));
    this.#tell({ ok: true, socket: this });
  }

  #sawSign(): void {
    const now = this.#loop.now();
    if (now - this.#lastSign < SIGN_INTERVAL) return;
    this.#lastSign = now;
    // A connection whose reading has just begun again is not idle.
    this.#control?.pauseReading();
    this.#control?.resumeReading();
  }

  /** What the relay is sent, or why it is sent nothing. A name is judged by the proxy. */
  #pack(data: Buffer, to: PeerAddress): Buffer | SocketFailure {
    if (parseIp(to.host) === undefined) {
      if (!isSocksAddress(to)) return { code: 'failed', cause: 'no address and no name of a host' };
      this.#sendsToNames = true;
    } else {
      const passage = passDatagram(null, { family: this.#family, group: null, asks: null }, data.length, to);
      if (!passage.ok) return passage.failure;
    }
    const packed = encodeSocksDatagram(to, data);
    return packed.length > MAX_DATAGRAM ? { code: 'failed', cause: 'EMSGSIZE' } : packed;
  }

  #letGo(): void {
    this.#wait?.cancel();
    this.#search?.cancel();
    this.#control?.close();
    this.#socket?.close();
    this.#control = null;
    this.#socket = null;
    this.#relay = null;
    this.#handshake = null;
  }

  #tell(outcome: DatagramOutcome): void {
    const answered = this.#answered;
    this.#answered = null;
    answered?.(outcome);
  }
}

/**
 * Where the relay is. Proxies name it as they see themselves: by no address, by a name, or by an address of their own
 * network. Then it is at the address at which we reach the proxy. So a proxy elsewhere cannot make us send datagrams
 * to our own machine or into our own network.
 */
function relayAddress(bound: SocksAddress | null, proxyHost: string): PeerAddress {
  const port = bound?.port ?? 0;
  const reach = reachOf(bound?.host ?? '');
  const isSeen = reach === 'public' || (reach !== 'nowhere' && reach === reachOf(proxyHost));
  const host = isSeen ? (bound?.host ?? '') : proxyHost;
  return { host: normaliseHost(host) ?? host, port };
}
