import type { EncryptionPolicy } from '../swarm/connections/dial-ways.js';

/** What a whole process is to do. */
export interface SessionOptions {
  /** Ports to try, counting up. */
  readonly port: { readonly first: number; readonly last: number };
  /** Listen for peers at all. */
  readonly listen: boolean;
  /** The address or interface that every socket uses, or null for any. */
  readonly bind: string | null;
  /** How much encryption of connections between peers is wanted. */
  readonly encryption: EncryptionPolicy;
  /** Find peers in the own network, and be found there (BEP 14). Only who listens does. */
  readonly useLsd: boolean;
  /** Ask the gateway to let peers in. Only who listens does. */
  readonly usePortMapping: boolean;
  /**
   * Certificates (PEM) of authorities that are trusted over HTTPS besides the well-known ones, or null. What cannot be
   * read is a 'usage' failure when the session is made.
   */
  readonly caCertificates: string | null;
  /** Bytes a second for the process; null for no limit. */
  readonly maxDownload: number | null;
  readonly maxUpload: number | null;
  /** Find peers in the DHT, and be found there; never for private torrents. */
  readonly useDht: boolean;
  /**
   * Where to enter the DHT besides the public routers, which are not asked behind a loopback fence. Names or IP
   * literals.
   */
  readonly dhtNodes: readonly { readonly host: string; readonly port: number }[];
  /**
   * The file in which whom we know in the DHT outlives the process; null for none. Not used behind a loopback fence.
   */
  readonly dhtState: string | null;
}

export const DEFAULT_SESSION_OPTIONS: SessionOptions = {
  port: { first: 6881, last: 6999 },
  listen: true,
  bind: null,
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
