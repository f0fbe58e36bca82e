/** What the commands that look for peers make of their options, and read before anything is dialled. */

import type { PeerAddress } from '../../net/raw-server.js';
import type { ReadBlocklist } from '../../session/node-blocklists.js';
import { DEFAULT_SESSION_OPTIONS, type SessionOptions } from '../../session/session-options.js';
import { dhtStatePath } from '../dht-state-path.js';
import type { CliIo } from '../io.js';
import type { OPTIONS, PEER_OPTIONS, Values } from '../options.js';
import type { Output } from '../output/events.js';
import { BlocklistNews } from '../run/blocklist-news.js';
import type { Deadline } from '../run/deadline.js';
import { resolvePeers } from '../source/resolve-peers.js';
import { httpProxiesOf, noticeOfProxies } from '../way-out.js';

type PeerValues = Values<typeof PEER_OPTIONS>;

/** The options of a session. The blocklist is still to be read. */
export function sessionOptionsOf(
  values: PeerValues & Pick<Values<typeof OPTIONS>, 'maxDownload' | 'maxUpload' | 'noPortMapping'>,
  env: CliIo['env'],
): SessionOptions {
  return {
    ...DEFAULT_SESSION_OPTIONS,
    port: values.port,
    bind: values.bind,
    proxy: values.proxy,
    httpProxies: httpProxiesOf(values, env),
    listenAnyway: values.listenAnyway,
    encryption: values.encryption,
    useLsd: !values.noLsd,
    usePortMapping: !values.noPortMapping,
    maxDownload: values.maxDownload,
    maxUpload: values.maxUpload,
    useDht: !values.noDht,
    dhtNodes: values.dhtNodes,
    dhtState: dhtStatePath(env),
  };
}

export interface LookedUpPeers {
  readonly blocklist: ReadBlocklist | null;
  /** Null when there is no blocklist. */
  readonly news: BlocklistNews | null;
  /** The peers that the user names. */
  readonly peers: readonly PeerAddress[];
  /** From now on the list is not read again. */
  readonly forgetReload: () => void;
}

/**
 * Says which proxies count for HTTP alone, reads the blocklist, and has it read again when the user wants that; then it
 * looks up the peers that the user names. Nothing runs without its list. Rejects with what cannot be used.
 */
export async function lookUpPeers(
  values: PeerValues,
  io: CliIo,
  output: Pick<Output, 'tell'>,
  readBlocklist: (lists: readonly string[]) => Promise<ReadBlocklist | null>,
  deadline: Deadline,
): Promise<LookedUpPeers> {
  const notice = noticeOfProxies(httpProxiesOf(values, io.env));
  if (notice !== null) output.tell({ type: 'note', message: notice });
  const blocklist = await blocklistWithin(deadline, values, readBlocklist);
  const news = blocklist === null ? null : new BlocklistNews(blocklist, output);
  news?.wasRead('read');
  const forgetReload = news === null ? () => undefined : io.onReload(() => news.reload());
  try {
    return { blocklist, news, peers: await peersWithin(deadline, values), forgetReload };
  } catch (error) {
    forgetReload();
    throw error;
  }
}

/** Reads the user's blocklist. It is given up when it is not here in time. */
export function blocklistWithin(
  deadline: Deadline,
  { blocklists }: Pick<PeerValues, 'blocklists'>,
  readBlocklist: (lists: readonly string[]) => Promise<ReadBlocklist | null>,
): Promise<ReadBlocklist | null> {
  return deadline.within(readBlocklist(blocklists), blocklists.length === 0 ? null : '--blocklist');
}

/** Looks up the peers that the user names. They are given up when they are not known in time. */
export function peersWithin(
  deadline: Deadline,
  values: Pick<PeerValues, 'peers' | 'bind' | 'proxy'>,
): Promise<readonly PeerAddress[]> {
  return deadline.within(resolvePeers(values.peers, values), values.peers.length === 0 ? null : '--peer');
}
