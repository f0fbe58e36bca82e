import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ProxyHandshake } from '../../net/proxy/proxy-handshake.js';
import type { Destination } from './http-destination.js';
import { type Authorities, explainTls } from './http-tls.js';

/** Where a connection for HTTP leads. */
export interface HttpPlace {
  readonly url: URL;
  readonly destination: Destination;
  /** The authorities that we trust besides the well-known ones, or null. */
  readonly authorities: Authorities | null;
}

/** Hears how a connection begins. After `ready` or `failed` nothing comes. */
export interface HttpSocketEvents {
  /** The destination has accepted the connection. */
  connected(): void;
  /** The request may be sent on `socket`: it is known who the server is. From now on the caller hears its events. */
  ready(socket: Socket): void;
  failed(message: string): void;
}

/**
 * Whether the request goes to the proxy itself, which passes it on (RFC 9112, section 3.2.2: "the client MUST send the
 * target URI in absolute-form"). Many HTTP proxies connect to the port of HTTPS alone.
 */
export function isForProxy({ url, destination }: Pick<HttpPlace, 'url' | 'destination'>): boolean {
  return url.protocol === 'http:' && destination.by?.access.server.kind === 'http';
}

/** Connects for HTTP: straight or by a proxy, with TLS for `https:`. `destroy` ends it at once and in silence. */
export function openHttpSocket(place: HttpPlace, events: HttpSocketEvents): { destroy(): void } {
  const { url, destination, authorities } = place;
  const { by, localAddress } = destination;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  let isOver = false;
  let secure: Socket | null = null;
  const destroy = (): void => {
    isOver = true;
    secure?.destroy();
    tcp.destroy();
  };
  const fail = (message: string): void => {
    if (isOver) return;
    destroy();
    events.failed(message);
  };
  const failProxy = (message: string, isOurs: boolean): void => {
    if (!isOver) by?.access.told(isOurs ? message : null);
    fail(message);
  };
  const ready = (socket: Socket): void => {
    isOver = true;
    socket.removeAllListeners();
    // An error may still come of the layer below, which tells the same to the one above.
    if (socket !== tcp) tcp.on('error', () => undefined);
    events.ready(socket);
  };
  const beginTls = (): void => {
    const tls = connectTls({
      socket: tcp,
      // The certificate must be for `servername`, and where that is empty for `host`. Without both, Node would take
      // localhost.
      host,
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...(authorities === null ? {} : { secureContext: authorities.context }),
    });
    secure = tls;
    tls.once('secureConnect', () => {
      if (!isOver) ready(tls);
    });
    tls.on('error', (error: NodeJS.ErrnoException) => fail(explain(error, host)));
    tls.on('close', () => fail(CLOSED_EARLY));
  };
  const reached = (): void => {
    events.connected();
    if (isOver) return;
    if (url.protocol === 'https:') beginTls();
    else ready(tcp);
  };
  const tcp = connectTcp({
    ...(by === null ? { host: destination.host, port: portOf(url) } : { host: by.host, port: by.access.server.port }),
    ...(localAddress === undefined ? {} : { localAddress }),
  });
  tcp.on('error', (error: NodeJS.ErrnoException) => {
    if (by === null || secure !== null) fail(explain(error, null));
    else failProxy(`the proxy ${by.access.server.shown}: ${explain(error, null)}`, true);
  });
  tcp.on('close', () => {
    if (by === null || secure !== null) fail(CLOSED_EARLY);
    else failProxy(`the proxy ${by.access.server.shown}: ${CLOSED_EARLY}`, true);
  });
  tcp.once('connect', () => {
    if (isOver) return;
    if (by === null || isForProxy(place)) reached();
    else {
      const { server } = by.access;
      const target = { host: destination.host, port: portOf(url) };
      const handshake = new ProxyHandshake(server, 'connect', target, (bytes) => tcp.write(bytes));
      const gotData = (bytes: Buffer): void => {
        const answer = handshake.dataCameIn(bytes);
        if (answer === null || isOver) return;
        if (!answer.ok) {
          failProxy(answer.failure.cause, answer.isOurs);
          return;
        }
        tcp.off('data', gotData);
        tcp.pause();
        if (answer.rest.length > 0) tcp.unshift(answer.rest);
        by.access.told(null);
        reached();
      };
      tcp.on('data', gotData);
      handshake.begin();
    }
  });
  return { destroy };
}

/** The port of `url`; its scheme's port when it names none. */
export function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

const CLOSED_EARLY = 'the connection was closed early';

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: CLOSED_EARLY,
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  EADDRNOTAVAIL: 'the bound address is not ours',
};

/** Why a socket failed, in our own words. `host` is the name that the certificate must be for; null without TLS. */
export function explain(error: NodeJS.ErrnoException, host: string | null): string {
  const known = EXPLANATIONS[error.code ?? ''];
  if (known !== undefined) return known;
  // An error of the system names its call. Any other error before the answer comes from TLS.
  const isTls = error.code === 'EPROTO' || (host !== null && error.syscall === undefined);
  return isTls ? explainTls(error, host ?? '') : error.message;
}
