import type { ProxyServer } from './proxy-server.js';

export type ProxyHost =
  /** An IP literal. */
  { readonly ok: true; readonly host: string } | { readonly ok: false; readonly message: string };

/** A proxy, and what all who go through it share. */
export interface ProxyAccess {
  readonly server: ProxyServer;
  /** Finds the address of the proxy. Answers once, perhaps within the call; not after `cancel()`. */
  findHost(answered: (outcome: ProxyHost) => void): { cancel(): void };
  /** Hears in a sentence why nothing passes the proxy, and null when something does. */
  told(trouble: string | null): void;
  /** Hears in a sentence why the proxy carries no datagrams. */
  carriesNoDatagrams(message: string): void;
}
