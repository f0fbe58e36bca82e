/** Joins the extensions of BEP 10 that one torrent speaks, for `joinSwarm`. */
import type { Timers } from '../base/clock.js';
import type { Metainfo } from '../metainfo/metainfo.js';
import type { PieceIndex, PieceLayout } from '../metainfo/piece-layout.js';
import type { AddressSource } from '../net/address-source.js';
import type { PeerAddress } from '../net/raw-server.js';
import type { PeerConnection } from '../swarm/connections/peer-connection.js';
import { DontHave } from '../swarm/extensions/dont-have.js';
import { type ExtendedPeer, type Extension, Extensions } from '../swarm/extensions/extensions.js';
import { DEFAULT_PEER_EXCHANGE_OPTIONS, PeerExchange } from '../swarm/extensions/peer-exchange.js';
import type { Judgement } from '../swarm/judgement.js';
import { DEFAULT_METADATA_SHARING_OPTIONS, MetadataSharing } from '../swarm/metadata/metadata-sharing.js';
import type { Peer } from '../swarm/peer.js';
import type { PexPeer } from '../swarm/pex-message.js';
import { DEFAULT_UPLOAD_OPTIONS } from '../swarm/upload-options.js';
import type { TorrentParts } from './torrent-parts.js';

export interface ExtensionsParts extends Pick<TorrentParts, 'client' | 'port'> {
  readonly timers: Timers;
  readonly metainfo: Metainfo;
  readonly layout: PieceLayout;
  /** Whether peers are told of peers. */
  readonly usePex: boolean;
  readonly isComplete: () => boolean;
  readonly peers: () => Iterable<Peer>;
  readonly startConnection: (address: PeerAddress, source: AddressSource) => void;
  /** A peer has a piece no more. */
  readonly gotDontHave: (connection: PeerConnection, piece: PieceIndex) => Judgement;
  /** A peer has said something of itself. */
  readonly gotNews: (peer: ExtendedPeer) => void;
}

export function joinExtensions(parts: ExtensionsParts): Extensions {
  const { timers, metainfo, client, port } = parts;
  const spoken: Extension[] = [];
  // BEP 27: peers of a private torrent come from its trackers alone, and who has only the link shall not get it from
  // us.
  if (!metainfo.private) {
    spoken.push(new MetadataSharing(metainfo.info, () => timers.now(), DEFAULT_METADATA_SHARING_OPTIONS));
    if (parts.usePex) {
      const peers = () => reachable(parts.peers(), extensions);
      // Two seeds have nothing to say to each other.
      const startConnection = (address: PeerAddress, source: AddressSource, isSeed: boolean): void => {
        if (!isSeed || !parts.isComplete()) parts.startConnection(address, source);
      };
      spoken.push(new PeerExchange({ timers, peers, startConnection }, DEFAULT_PEER_EXCHANGE_OPTIONS));
    }
  }
  // Behind the others, which have the ids that they had while there was no metadata: what peers sent under these ids
  // may be under way yet.
  spoken.push(new DontHave(parts.layout, parts.gotDontHave));
  const own = () => ({
    version: client,
    port,
    requestQueue: DEFAULT_UPLOAD_OPTIONS.maxQueued,
    metadataSize: metainfo.private ? null : metainfo.info.length,
    uploadOnly: parts.isComplete(),
  });
  const extensions = new Extensions(spoken, own, parts.gotNews);
  return extensions;
}

/** Those of our peers whom others can dial: we did it ourselves, or they have said on which port they listen. */
function* reachable(peers: Iterable<Peer>, extensions: Extensions): Iterable<PexPeer> {
  for (const { connection, download } of peers) {
    const { address, locallyInitiated } = connection;
    const stated = extensions.peerOf(connection)?.handshake;
    const port = locallyInitiated ? address.port : (stated?.port ?? null);
    if (port === null) continue;
    const isSeed = download.has.isComplete || stated?.uploadOnly === true;
    yield { address: { host: address.host, port }, isSeed, isReachable: locallyInitiated };
  }
}
