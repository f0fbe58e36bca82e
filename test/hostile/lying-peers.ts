/**
 * Peers that lie about the metadata of a torrent: `lying-peers.js TORRENT KIND...`, one peer for each kind
 * (liar-address.ts says where). Prints `ready` when all listen.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseMetainfo } from '../../src/metainfo/parse-metainfo.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../src/net/node-raw-server.js';
import { FakePeer } from '../support/fakes/fake-peer.js';
import { LIAR_KINDS, type LiarKind, metadataScript } from '../support/fakes/metadata-liars.js';
import { liarAddress } from './liar-address.js';

const [torrent = '', ...kinds] = process.argv.slice(2);
const { info, infoHash } = parseMetainfo(readFileSync(torrent));
const rawServer = new NodeRawServer({
  ...DEFAULT_NODE_RAW_SERVER_OPTIONS,
  gotException: (error) => {
    throw error;
  },
});
for (const [number, kind] of kinds.entries()) {
  if (!LIAR_KINDS.includes(kind as LiarKind)) throw new Error(`no liar ${kind}`);
  const peerId = createHash('sha1').update(`liar ${number}`).digest();
  const script = metadataScript(kind as LiarKind, { timers: rawServer, info, number });
  const { host, port } = liarAddress(number);
  new FakePeer(rawServer, { infoHash, peerId }, script).listen(port, host);
}
rawServer.addTask(() => process.stdout.write('ready\n'), 500);
