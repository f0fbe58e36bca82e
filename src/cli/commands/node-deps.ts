/** The real parser, network and session behind the commands. Modules that load slowly are loaded when they are used. */
import { BtgetError } from '../../base/failure.js';
import { SecretUrl } from '../../base/secret-url.js';
import { BegunThread, PIECE_WORKER } from '../../disk/files/worker-thread.js';
import { nodeParseMetainfo } from '../../metainfo/node-parse-metainfo.js';
import type { ReadBlocklist } from '../../session/node-blocklists.js';
import type { NodeSession } from '../../session/node-session.js';
import type { WayOutOptions } from '../../session/node-way-out.js';
import type { CliIo } from '../io.js';
import { withProxyRemedy } from '../output/proxy-remedy.js';
import type { CreateReadingSession } from '../run/reading-run.js';
import { type SourceReaders, tooLong } from '../source/load-source.js';
import { classifySource } from '../source/recognise.js';
import { version } from '../version.js';
import { type NetworkValues, readWayOut } from '../way-out.js';
import type { ReadingDeps } from './run-reading.js';
import type { RunDeps } from './run-torrents.js';

export async function nodeDeps(io: CliIo, values: NetworkValues): Promise<RunDeps> {
  const { createSession, ...deps } = await nodeReadingDeps(io, values);
  return {
    ...deps,
    createSession: (options, gotException, noted, warned) => createSession(options, null, gotException, noted, warned),
  };
}

type CreateNodeSession = (...given: Parameters<CreateReadingSession>) => NodeSession;

/** As `nodeDeps`, for commands that read a torrent while it is fetched. */
export async function nodeReadingDeps(
  io: CliIo,
  values: NetworkValues,
): Promise<Omit<ReadingDeps, 'createSession'> & { readonly createSession: CreateNodeSession }> {
  const wayOut = await readWayOut(values, io.env);
  // The thread takes some 60 ms to start. The modules below take as long to load, on another core.
  const writer = new BegunThread(PIECE_WORKER);
  const { createNodeSession } = await import('../../session/node-session.js');
  const { resolveBind } = await import('../../net/node-interfaces.js');
  return {
    ...sourceReaders(io, wayOut),
    readBlocklist: (lists) => readBlocklistOf(lists, wayOut),
    createSession: (options, cacheDir, gotException, noted, warned) => {
      // The library would name its own option in the message, and the user wrote another word.
      if (options.bind !== null) resolveBind(options.bind);
      const network = { ...wayOut, userAgent: userAgent() };
      return createNodeSession({ ...options, ...network, cacheDir, gotException, writer, noted, warned });
    },
  };
}

/** Null for no lists. Rejects with a 'usage' failure when one of them cannot be used. */
export async function readBlocklistOf(lists: readonly string[], wayOut: WayOutOptions): Promise<ReadBlocklist | null> {
  if (lists.length === 0) return null;
  const { readBlocklist } = await import('../../session/node-blocklists.js');
  try {
    return await readBlocklist(lists, { ...wayOut, userAgent: userAgent() });
  } catch (error) {
    if (!(error instanceof BtgetError)) throw error;
    throw new BtgetError(error.code, withProxyRemedy(error.message, wayOut), { cause: error });
  }
}

/** `wayOut`: how sources are fetched. */
export function sourceReaders(io: CliIo, wayOut: WayOutOptions): SourceReaders {
  return {
    stdin: lazily(() => io.stdin),
    parse: (bytes) =>
      new Promise((resolve, reject) => {
        nodeParseMetainfo(bytes, (outcome) => (outcome.ok ? resolve(outcome.metainfo) : reject(outcome.failure)));
      }),
    resolve: async (peers) => {
      if (peers.length === 0) return [];
      const { lookUpHost, lookUpNothing, resolveLinkPeers } = await import('../../session/node-link-peers.js');
      return resolveLinkPeers(peers, wayOut.bind, wayOut.proxy === null ? lookUpHost : lookUpNothing);
    },
    fetch: async (url, maxLength) => {
      const { DEFAULT_FETCH_OPTIONS, httpFetch } = await import('../../discovery/http/http-fetch.js');
      const { answerTooLong } = await import('../../discovery/http/http-response.js');
      const { UNHEARD } = await import('../../session/node-proxy.js');
      const { openWayOut } = await import('../../session/node-way-out.js');
      const { bind, authorities, proxies } = openWayOut(wayOut, null, UNHEARD);
      const options = { ...DEFAULT_FETCH_OPTIONS, maxLength, userAgent: userAgent(), bind, authorities, proxies };
      return new Promise((resolve, reject) => {
        const target = { url: new SecretUrl(url), source: 'user', asked: null } as const;
        httpFetch(target, options, io.timers, (outcome) => {
          if (outcome.ok) resolve(outcome.body);
          else if (outcome.code === 'forbidden' && isLink(outcome.redirect)) resolve(outcome.redirect);
          else if (outcome.code === 'status' && (outcome.status === 404 || outcome.status === 410))
            reject(new BtgetError('source-not-found', `${target.url}: the server says ${outcome.status}, not found`));
          else if (outcome.message === answerTooLong(maxLength)) reject(tooLong(String(target.url), 'longer'));
          else {
            const message = `cannot fetch ${target.url}: ${outcome.message}`;
            reject(new BtgetError('network', withProxyRemedy(message, wayOut)));
          }
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

/** What servers, gateways and peers are told that we are. */
export function userAgent(): string {
  return `btget/${version()}`;
}
