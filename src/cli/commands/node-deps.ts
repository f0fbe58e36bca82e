/** The real parser, network and session behind the commands. What is slow to load is loaded when it is used. */
import { BtgetError } from '../../base/failure.js';
import { SecretUrl } from '../../base/secret-url.js';
import { beginThread, PIECE_WORKER } from '../../disk/files/worker-thread.js';
import { nodeParseMetainfo } from '../../metainfo/node-parse-metainfo.js';
import { readCaCertificates } from '../ca-certificates.js';
import type { CliIo } from '../io.js';
import type { SourceReaders } from '../source/load-source.js';
import { classifySource } from '../source/recognise.js';
import { version } from '../version.js';
import type { RunDeps } from './run-torrents.js';

/** What the command line says of the network. */
export interface NetworkValues {
  readonly bind: string | null;
  /** A file. */
  readonly caCertificate: string | null;
}

export async function nodeDeps(io: CliIo, values: NetworkValues): Promise<RunDeps> {
  const caCertificates = await readCaCertificates(values.caCertificate);
  // The thread takes some 60 ms to start; what follows takes as long to load, on another core.
  const writer = beginThread(PIECE_WORKER);
  const { createNodeSession } = await import('../../session/node-session.js');
  return {
    ...sourceReaders(io, values.bind, caCertificates),
    createSession: (options, gotException, noted) =>
      createNodeSession({ ...options, caCertificates, userAgent: userAgent(), gotException, writer, noted }),
  };
}

/** With `bind` the source is fetched through that address or interface alone. `caCertificates` are trusted too. */
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

/** A server that is asked for a .torrent and redirects to a magnet link has named a torrent all the same. */
function isLink(redirect: string | undefined): redirect is string {
  return redirect !== undefined && classifySource(redirect) === 'magnet';
}

/** Whoever opens stdin holds the process until it ends, so that happens only when it is read. */
function lazily(open: () => AsyncIterable<Buffer | string>): AsyncIterable<Buffer | string> {
  return { [Symbol.asyncIterator]: () => open()[Symbol.asyncIterator]() };
}

export function userAgent(): string {
  return `btget/${version()}`;
}
