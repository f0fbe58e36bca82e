/** The real parser, network and session behind the commands. What is slow to load is loaded when it is used. */
import { BtgetError } from '../../base/failure.js';
import { parseMetainfo } from '../../metainfo/parse-metainfo.js';
import type { BindAddresses } from '../../net/fence.js';
import type { CliIo } from '../io.js';
import type { SourceReaders } from '../source/load-source.js';
import { version } from '../version.js';
import type { RunDeps } from './run-torrents.js';

export async function nodeDeps(io: CliIo, bind: string | null): Promise<RunDeps> {
  const { createNodeSession } = await import('../../session/node-session.js');
  return {
    ...sourceReaders(io, bind),
    createSession: (options, gotException) => createNodeSession(options, userAgent(), gotException),
  };
}

/** With `bind` the source is fetched through that address alone. */
export function sourceReaders(io: CliIo, bind: string | null): SourceReaders {
  return {
    get stdin() {
      return io.stdin;
    },
    parse: parseMetainfo,
    fetch: async (url, maxLength) => {
      const { DEFAULT_FETCH_OPTIONS, httpFetch } = await import('../../discovery/http-fetch.js');
      const options = { ...DEFAULT_FETCH_OPTIONS, maxLength, userAgent: userAgent(), bind: fenceOf(bind) };
      return new Promise((resolve, reject) => {
        httpFetch(url, options, io.timers, (outcome) => {
          if (outcome.ok) resolve(outcome.body);
          else if (outcome.code === 'status' && (outcome.status === 404 || outcome.status === 410))
            reject(new BtgetError('source-not-found', `${url}: the server says ${outcome.status}, not found`));
          else reject(new BtgetError('network', `cannot fetch ${url}: ${outcome.message}`));
        });
      });
    },
  };
}

function fenceOf(bind: string | null): BindAddresses | null {
  if (bind === null) return null;
  return bind.includes(':') ? { ipv6: bind } : { ipv4: bind };
}

function userAgent(): string {
  return `btget/${version()}`;
}
