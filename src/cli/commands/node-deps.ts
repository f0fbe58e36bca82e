/** The real parser, network and session behind the commands. Modules that load slowly are loaded when they are used. */
import { BtgetError } from '../../base/failure.js';
import { SecretUrl } from '../../base/secret-url.js';
import { beginThread, PIECE_WORKER } from '../../disk/files/worker-thread.js';
import { nodeParseMetainfo } from '../../metainfo/node-parse-metainfo.js';
import type { ReadBlocklist } from '../../session/node-blocklists.js';
import { readCaCertificates } from '../ca-certificates.js';
import type { CliIo } from '../io.js';
import type { SourceReaders } from '../source/load-source.js';
import { classifySource } from '../source/recognise.js';
import { version } from '../version.js';
import type { RunDeps } from './run-torrents.js';

/** What the command line says about the network. */
export interface NetworkValues {
  /** An address or the name of an interface, as `--bind` takes it; null for any. */
  readonly bind: string | null;
  /** The path of a file of certificates (PEM), or null. */
  readonly caCertificate: string | null;
}

export async function nodeDeps(io: CliIo, values: NetworkValues): Promise<RunDeps> {
  const caCertificates = await readCaCertificates(values.caCertificate);
  // The thread takes some 60 ms to start. The modules below take as long to load, on another core.
  const writer = beginThread(PIECE_WORKER);
  const { createNodeSession } = await import('../../session/node-session.js');
  const { resolveBind } = await import('../../net/node-interfaces.js');
  return {
    ...sourceReaders(io, values.bind, caCertificates),
    readBlocklist: (lists) => readBlocklistOf(lists, values.bind, caCertificates),
    createSession: (options, gotException, noted) => {
      // The library would name its own option in the message, and the user wrote another word.
      if (options.bind !== null) resolveBind(options.bind);
      return createNodeSession({ ...options, caCertificates, userAgent: userAgent(), gotException, writer, noted });
    },
  };
}

/** Null for no lists. Rejects with a 'usage' failure when one of them cannot be used. */
export async function readBlocklistOf(
  lists: readonly string[],
  bind: string | null,
  caCertificates: string | null,
): Promise<ReadBlocklist | null> {
  if (lists.length === 0) return null;
  const { readBlocklist } = await import('../../session/node-blocklists.js');
  return readBlocklist(lists, { bind, caCertificates, userAgent: userAgent() });
}

/**
 * `bind`: fetch sources through this address or interface alone; null for any. `caCertificates`: PEM text of
 * authorities to trust besides the well-known ones, or null.
 */
export function sourceReaders(io: CliIo, bind: string | null, caCertificates: string | null): SourceReaders {
  return {
    stdin: lazily(() => io.stdin),
    parse: (bytes) =>
      new Promise((resolve, reject) => {
        nodeParseMetainfo(bytes, (outcome) => (outcome.ok ? resolve(outcome.metainfo) : reject(outcome.failure)));
      }),
    resolve: async (peers) => {
      if (peers.length === 0) return [];
      const { resolveLinkPeers } = await import('../../session/node-link-peers.js');
      return resolveLinkPeers(peers, bind);
    },
    fetch: async (url, maxLength) => {
      const { DEFAULT_FETCH_OPTIONS, httpFetch } = await import('../../discovery/http/http-fetch.js');
      const { Authorities } = await import('../../discovery/http/http-tls.js');
      const { resolveBind } = await import('../../net/node-interfaces.js');
      const fence = bind === null ? null : resolveBind(bind);
      const authorities = caCertificates === null ? null : new Authorities(caCertificates);
      const options = { ...DEFAULT_FETCH_OPTIONS, maxLength, userAgent: userAgent(), bind: fence, authorities };
      return new Promise((resolve, reject) => {
        const target = { url: new SecretUrl(url), source: 'user', asked: null } as const;
        httpFetch(target, options, io.timers, (outcome) => {
          if (outcome.ok) resolve(outcome.body);
          else if (outcome.code === 'forbidden' && isLink(outcome.redirect)) resolve(outcome.redirect);
          else if (outcome.code === 'status' && (outcome.status === 404 || outcome.status === 410))
            reject(new BtgetError('source-not-found', `${target.url}: the server says ${outcome.status}, not found`));
          else reject(new BtgetError('network', `cannot fetch ${target.url}: ${outcome.message}`));
        });
      });
    },
  };
}

/** Some servers answer a request for a .torrent with a redirect to a magnet link, which names the torrent as well. */
function isLink(redirect: string | undefined): redirect is string {
  return redirect !== undefined && classifySource(redirect) === 'magnet';
}

/** An open stdin keeps the process alive until its end, so it is opened only when a command reads it. */
function lazily(open: () => AsyncIterable<Buffer | string>): AsyncIterable<Buffer | string> {
  return { [Symbol.asyncIterator]: () => open()[Symbol.asyncIterator]() };
}

export function userAgent(): string {
  return `btget/${version()}`;
}
