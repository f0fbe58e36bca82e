import type { Blocklist } from '../net/blocklist.js';
import type { EncryptionPolicy } from '../swarm/connections/dial-ways.js';
import type { HttpProxyUrls } from './node-way-out.js';

/** What a session does: many torrents, one port, one limit for each direction. */
export interface SessionOptions {
  /** Ports to try, counting up, 0 to 65535; 0 lets the system choose. `first` is at most `last`. */
  readonly port: { readonly first: number; readonly last: number };
  /** Listen for peers. Without it the session only dials. */
  readonly listen: boolean;
  /**
   * The address or interface of this machine that every socket uses, or null for any. What is no such thing is a
   * 'usage' failure when the session is made.
   */
  readonly bind: string | null;
  /**
   * Addresses that we neither dial, ask or answer, nor let in, whoever names them; `readBlocklist` makes it. Null for
   * none.
   */
  readonly blocklist: Blocklist | null;
  /**
   * The proxy that carries everything, or null: `socks5://`, `socks5h://` or `http://`, with user name and password in
   * it where the proxy wants them. Nothing goes beside it, and no name but its own is looked up here. What is no such
   * URL is a 'usage' failure when the session is made.
   */
  readonly proxy: string | null;
  /** Listen for peers in spite of `proxy`: they come in past it. */
  readonly listenAnyway: boolean;
  /** The proxies that carry HTTP alone when `proxy` is null, as the environment of a shell names them, or null. */
  readonly httpProxies: HttpProxyUrls | null;
  /** How much encryption of connections between peers is wanted; see `EncryptionPolicy`. */
  readonly encryption: EncryptionPolicy;
  /** Find peers in our own network, and be found there (BEP 14). Without `listen` we do neither. */
  readonly useLsd: boolean;
  /** Ask the gateway to let peers in (PCP, NAT-PMP, UPnP). Without `listen` we ask for nothing. */
  readonly usePortMapping: boolean;
  /**
   * Certificates (PEM) of authorities that are trusted over HTTPS besides the well-known ones, or null. What cannot be
   * read is a 'usage' failure when the session is made.
   */
  readonly caCertificates: string | null;
  /** Bytes a second for all torrents together, at least 1; null for no limit. */
  readonly maxDownload: number | null;
  /** As `maxDownload`, for what we send. */
  readonly maxUpload: number | null;
  /** Find peers in the DHT, and be found there (BEP 5); never for private torrents (BEP 27). */
  readonly useDht: boolean;
  /**
   * Where to enter the DHT besides the public routers, which are not asked behind a loopback fence. `host` is a name or
   * an IP address, `port` is 1 to 65535.
   */
  readonly dhtNodes: readonly { readonly host: string; readonly port: number }[];
  /**
   * The path of the file in which the nodes that we know in the DHT outlive the process; null for none. Not used behind
   * a loopback fence.
   */
  readonly dhtState: string | null;
}

/** Whether a session with these options listens for peers. Peers cannot come in by a proxy. */
export function listensFor({ listen, proxy, listenAnyway }: SessionOptions): boolean {
  return listen && (proxy === null || listenAnyway);
}

/** What trackers hear of a client that does not listen. Some refuse 0. */
export const NO_PORT = { first: 1, last: 1 } as const;

/** The options as a session follows them: behind a proxy nobody is told of a port at which nobody comes in. */
export function followedOptions<T extends SessionOptions>(options: T): T {
  return options.proxy === null || options.listenAnyway ? options : { ...options, listen: false, port: NO_PORT };
}

export const DEFAULT_SESSION_OPTIONS: SessionOptions = {
  port: { first: 6881, last: 6999 },
  listen: true,
  bind: null,
  blocklist: null,
  proxy: null,
  listenAnyway: false,
  httpProxies: null,
  encryption: 'allow',
  useLsd: true,
  usePortMapping: true,
  caCertificates: null,
  maxDownload: null,
  maxUpload: null,
  useDht: true,
  dhtNodes: [],
  dhtState: null,
};
