/** Blocklists in files and behind URLs: read before anything is dialled, and again when the user asks for it. */
import { BtgetError, interrupted } from '../base/failure.js';
import { SecretUrl } from '../base/secret-url.js';
import { DEFAULT_FETCH_OPTIONS, httpFetch } from '../discovery/http/http-fetch.js';
import type { RangeTables } from '../net/address-ranges.js';
import { Blocklist } from '../net/blocklist.js';
import { type ListInput, type ListsOutcome, readListsInThread } from '../net/node-read-blocklists.js';
import { NodeTimers } from '../net/node-timers.js';
import { UNHEARD } from './node-proxy.js';
import { openWayOut, type WayOutOptions } from './node-way-out.js';
import { onAbort } from './on-abort.js';
import { SESSION_READERS, userAgentText } from './option-readers.js';
import { type Given, having, listOf, orNull, type Reader, type Readers, readOptions, text } from './read-options.js';

export interface BlocklistOptions extends WayOutOptions {
  /** What HTTP servers are told that we are. */
  readonly userAgent: string;
  /** Ends the reading, which then rejects as 'interrupted'. */
  readonly signal: AbortSignal | null;
}

const DEFAULT_BLOCKLIST_OPTIONS: BlocklistOptions = {
  bind: null,
  caCertificates: null,
  proxy: null,
  httpProxies: null,
  userAgent: 'btget',
  signal: null,
};

const READERS: Readers<BlocklistOptions> = {
  bind: SESSION_READERS.bind,
  caCertificates: SESSION_READERS.caCertificates,
  proxy: SESSION_READERS.proxy,
  httpProxies: SESSION_READERS.httpProxies,
  userAgent: userAgentText,
  signal: orNull(having('an AbortSignal', 'addEventListener', 'throwIfAborted')),
};

/** Paths and URLs of lists. */
export const blocklistNames: Reader<readonly string[]> = listOf(
  text('a path or an http(s) URL', (list) => !list.includes('\0')),
);

/** What the lists had in them. */
export interface BlocklistReport {
  /** Ranges of addresses, merged. */
  readonly ranges: number;
  /** Lines that make no sense and count for nothing. */
  readonly badLines: number;
  /** The first of them: its list, without secrets, and its number from 1. Null when there is none. */
  readonly firstBad: { readonly list: string; readonly line: number } | null;
}

/** Bytes of a list as it comes over HTTP. */
const MAX_FETCHED = 64 * 1024 * 1024;
/** Milliseconds. A list is far longer than the answer of a tracker. */
const FETCH_LIMIT = 120_000;

/** A blocklist that can be read again. */
export class ReadBlocklist extends Blocklist {
  readonly #lists: readonly string[];
  readonly #options: BlocklistOptions;
  readonly #ending = new AbortController();
  #report: BlocklistReport;

  /** Made by `readBlocklist`. */
  constructor(lists: readonly string[], options: BlocklistOptions, { tables, report }: Read) {
    super(tables);
    this.#lists = lists;
    this.#options = options;
    this.#report = report;
  }

  /** What the lists had in them when they were last read. */
  get report(): BlocklistReport {
    return this.#report;
  }

  /**
   * Reads every list again. The old ranges count until the new ones are whole, and go on to count when this rejects,
   * with a 'usage' failure. Peers that are listed now are parted from. One call at a time.
   */
  async reload(): Promise<BlocklistReport> {
    const { tables, report } = await read(this.#lists, { ...this.#options, signal: this.#ending.signal });
    this.#report = report;
    this.replace(tables);
    return report;
  }

  /** Ends a `reload` that is under way, and any later one: it rejects as 'interrupted'. */
  stop(): void {
    this.#ending.abort();
  }
}

/**
 * Reads `lists`, each the path or the `http(s)` URL of a blocklist: P2P text, eMule's DAT, networks and single
 * addresses, also packed by gzip. Rejects with a 'usage' failure when one of them cannot be used, so that nothing runs
 * without its list, and with 'interrupted' after an abort.
 */
export async function readBlocklist(
  lists: readonly string[],
  options: Given<BlocklistOptions> = {},
): Promise<ReadBlocklist> {
  const named = blocklistNames(lists, 'lists');
  const all = readOptions(READERS, DEFAULT_BLOCKLIST_OPTIONS, options);
  return new ReadBlocklist(named, all, await read(named, all));
}

interface Read {
  readonly tables: RangeTables;
  readonly report: BlocklistReport;
}

const URL_START = /^https?:\/\//i;

async function read(lists: readonly string[], options: BlocklistOptions): Promise<Read> {
  const inputs: ListInput[] = [];
  for (const list of lists) inputs.push(URL_START.test(list) ? await fetchList(list, options) : { path: list });
  const outcome = await inThread(inputs, options.signal);
  if (!outcome.ok) throw unusable(lists[outcome.list] as string, outcome.message);
  const { tables, reports } = outcome;
  const first = reports.findIndex(({ firstBadLine }) => firstBadLine !== null);
  const line = reports[first]?.firstBadLine ?? null;
  return {
    tables,
    report: {
      ranges: new Blocklist(tables).status.ranges,
      badLines: reports.reduce((sum, { badLines }) => sum + badLines, 0),
      firstBad: line === null ? null : { list: shown(lists[first] as string), line },
    },
  };
}

function inThread(inputs: readonly ListInput[], signal: AbortSignal | null): Promise<ListsOutcome> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      forget();
      settle();
    };
    const reading = readListsInThread(
      inputs,
      (outcome) => end(() => resolve(outcome)),
      (error) => end(() => reject(error)),
    );
    const forget = onAbort(signal, () => {
      reading.cancel();
      reject(interrupted(signal?.reason));
    });
  });
}

/** The user names the URL, so it may lead everywhere. */
function fetchList(list: string, blocklistOptions: BlocklistOptions): Promise<ListInput> {
  const { userAgent, signal } = blocklistOptions;
  const { bind, authorities, proxies } = openWayOut(blocklistOptions, null, UNHEARD);
  return new Promise((resolve, reject) => {
    const options = {
      ...DEFAULT_FETCH_OPTIONS,
      ...{ userAgent, bind, authorities, proxies },
      maxLength: MAX_FETCHED,
      timeLimit: FETCH_LIMIT,
    };
    const target = { url: new SecretUrl(list), source: 'user', asked: null } as const;
    const fetching = httpFetch(target, options, new NodeTimers(), (outcome) => {
      forget();
      if (outcome.ok) resolve({ bytes: new Uint8Array(outcome.body) });
      else reject(unusable(list, outcome.message));
    });
    const forget = onAbort(signal, () => {
      fetching.cancel();
      reject(interrupted(signal?.reason));
    });
  });
}

function unusable(list: string, why: string): BtgetError {
  return new BtgetError('usage', `blocklist ${shown(list)}: ${why}`);
}

function shown(list: string): string {
  return URL_START.test(list) ? new SecretUrl(list).toString() : list;
}
