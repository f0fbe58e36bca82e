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
  const blocklist = await deadline.within(
    readBlocklist(values.blocklists),
    values.blocklists.length === 0 ? null : '--blocklist',
  );
  const news = blocklist === null ? null : new BlocklistNews(blocklist, output);
  news?.wasRead('read');
  const forgetReload = news === null ? () => undefined : io.onReload(() => news.reload());
  try {
    const peers = await deadline.within(
      resolvePeers(values.peers, values),
      values.peers.length === 0 ? null : '--peer',
    );
    return { blocklist, news, peers, forgetReload };
  } catch (error) {
    forgetReload();
    throw error;
  }
}
