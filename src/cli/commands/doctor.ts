/** `btget doctor`: says what works on this machine and in its network, what does not, and why. */
import { BtgetError, interrupted } from '../../base/failure.js';
import { systemRandom } from '../../base/system-random.js';
import type { Swarms } from '../../discovery/swarm-sources.js';
import { bothHashes, swarmsOf } from '../../metainfo/info-hash.js';
import { contentLength } from '../../metainfo/metainfo.js';
import { isLoopbackFence } from '../../net/fence.js';
import { behindGate } from '../../net/listed-gate.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../net/node-raw-server.js';
import { behindProxy } from '../../net/proxy/proxied-loop.js';
import type { PeerAddress, RawServer } from '../../net/raw-server.js';
import { namedBy, type SourcedUrl } from '../../net/url-rule.js';
import type { ReadBlocklist } from '../../session/node-blocklists.js';
import { UNHEARD } from '../../session/node-proxy.js';
import {
  createNodeSession,
  createNodeTrackers,
  type NodeSession,
  type NodeTrackers,
} from '../../session/node-session.js';
import { openWayOut, type WayOut, type WayOutOptions } from '../../session/node-way-out.js';
import { createPeerId } from '../../session/session.js';
import { NO_PORT } from '../../session/session-options.js';
import { DEFAULT_TORRENT_OPTIONS } from '../../torrent/torrent-options.js';
import { checkBlocklist } from '../doctor/blocklist-check.js';
import { type Finding, failed, failureOf, findingJson, findingLine, skipped, warning } from '../doctor/finding.js';
import { checkDescriptors, checkDisk } from '../doctor/machine-checks.js';
import { checkPeers, type PeerSearch } from '../doctor/peer-check.js';
import { checkProxy } from '../doctor/proxy-check.js';
import { checkRoutes } from '../doctor/route-checks.js';
import { checkSession, type ProbedSession } from '../doctor/session-checks.js';
import { checkTrackers, checkUdp } from '../doctor/tracker-checks.js';
import { exitCodeOf, failureMessage, firstExitCode } from '../exit-code.js';
import { type CliIo, onInterrupt } from '../io.js';
import { machineFailure } from '../machine-failure.js';
import { DOCTOR_OPTIONS, type Values } from '../options.js';
import { dhtNews } from '../output/stall-reasons.js';
import { Deadline, untilInterrupted } from '../run/deadline.js';
import { type LoadedMagnet, type LoadedTorrent, loadSource } from '../source/load-source.js';
import { resolvePeers } from '../source/resolve-peers.js';
import { readWayOut } from '../way-out.js';
import { defineCommand } from './command.js';
import { readBlocklistOf, sourceReaders, userAgent } from './node-deps.js';

const INTERRUPTED = exitCodeOf(interrupted());

type DoctorValues = Values<typeof DOCTOR_OPTIONS>;

export const doctor = defineCommand(
  {
    name: 'doctor',
    arguments: '[source]',
    summary: 'Says what works from here and what does not, and why. With a source, tries its trackers and peers too.',
    examples: [
      ['btget doctor', 'the port, the network, the DHT, the gateway, the disk'],
      ['btget doctor debian.torrent', 'the trackers and peers of this torrent too'],
    ],
    notes: ['Exit code 0 when nothing failed. With --json: one object a line, check, state, code, message and hint.'],
    options: DOCTOR_OPTIONS,
  },
  async ([input], values, io) => {
    if (input === undefined && values.peers.length > 0)
      throw new BtgetError('usage', '--peer names a peer of a torrent: name the torrent too');
    const deadline = new Deadline(null, io.timers);
    const read = async (): Promise<readonly [WayOutOptions, ReadBlocklist | null]> => {
      const wayOut = await readWayOut(values, io.env);
      // Nothing is examined without its list.
      return [wayOut, await readBlocklistOf(values.blocklists, wayOut)];
    };
    const [wayOut, blocklist] = await untilInterrupted(deadline, io, () => deadline.within(read(), null));
    const examination = new Examination(values, wayOut, blocklist, io);
    const over = new AbortController();
    const forget = onInterrupt(
      io,
      () => over.abort(),
      () => INTERRUPTED,
    );
    let failure: BtgetError | null = null;
    const forgetFailures = io.onStdoutFailure((broke) => {
      failure = broke;
      over.abort();
    });
    try {
      const findings = await examination.run(input, over.signal);
      if (failure !== null) throw failure;
      return over.signal.aborted ? INTERRUPTED : firstExitCode(findings.map(failureOf));
    } finally {
      await examination.close();
      forgetFailures();
      forget();
    }
  },
);

/**
 * Runs all checks once. `close` must follow in any case: it takes back the port that a router has opened for us, and
 * closes the sockets.
 */
class Examination {
  readonly #values: DoctorValues;
  readonly #options: WayOutOptions;
  readonly #wayOut: WayOut;
  readonly #blocklist: ReadBlocklist | null;
  readonly #io: CliIo;
  readonly #findings: Finding[] = [];
  readonly #rawServer: NodeRawServer;
  readonly #proxied: RawServer;
  readonly #trackers: NodeTrackers;
  readonly #session: NodeSession;

  constructor(values: DoctorValues, options: WayOutOptions, blocklist: ReadBlocklist | null, io: CliIo) {
    this.#values = values;
    this.#blocklist = blocklist;
    this.#options = options;
    this.#wayOut = openWayOut(options, blocklist, UNHEARD);
    this.#io = io;
    const bindAddresses = this.#wayOut.bind;
    this.#rawServer = new NodeRawServer({ ...DEFAULT_NODE_RAW_SERVER_OPTIONS, bindAddresses, gotException });
    const { proxy } = this.#wayOut;
    this.#proxied = behindProxy(this.#rawServer, proxy === null ? null : { proxy, listens: false });
    this.#trackers = createNodeTrackers(behindGate(this.#proxied, blocklist), userAgent(), this.#wayOut);
    const { port, dhtNodes, noDht, noPortMapping, encryption } = values;
    const network = { ...options, port, blocklist, dhtNodes, useDht: !noDht, usePortMapping: !noPortMapping };
    // No packet goes to all of a network.
    const own = { encryption, useLsd: false, userAgent: userAgent(), gotException };
    this.#session = createNodeSession({ ...network, ...own });
  }

  /** When `over` is aborted, nothing more is examined or told. */
  async run(input: string | undefined, over: AbortSignal): Promise<readonly Finding[]> {
    const aborted = new Promise<void>((resolve) => {
      over.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#examine(input, over), aborted]);
    if (this.#blocklist !== null) this.#tell(checkBlocklist(this.#blocklist));
    return this.#findings;
  }

  async #examine(input: string | undefined, over: AbortSignal): Promise<void> {
    const source = input === undefined ? null : await this.#load(input);
    const named = source === null ? null : await this.#lookUpPeers();
    const { dir } = this.#values;
    const machine = [await checkDisk(dir, source?.length ?? null), await checkDescriptors()];
    if (over.aborted) return;
    this.#tell(...machine);
    const port = await this.#examineNetwork(over);
    if (source === null || named === null || over.aborted) return;
    if (source.trackers.length === 0)
      this.#tell(
        warning('tracker', `${source.loaded.input} names no tracker`, 'peers come from the DHT, or from --peer'),
      );
    const question = {
      client: this.#trackers.client,
      swarms: source.swarms,
      peerId: createPeerId(systemRandom),
      port: port ?? this.#values.port.first,
    };
    const asked = await checkTrackers(source.trackers, question);
    if (over.aborted) return;
    this.#tell(...asked);
    if (named.failure !== null) this.#tell(failed('peers', failureMessage(named.failure), null, named.failure.code));
    if (port === null) {
      this.#tell(skipped('peers', 'no peer is looked for without a port to listen on'));
      return;
    }
    const finding = await checkPeers(this.#peerSearch(source, named.peers), this.#io.timers, over);
    if (finding !== null) this.#tell(finding);
  }

  /** The peers that the user names. Rejects with 'usage' for a name that must not be looked up. */
  async #lookUpPeers(): Promise<{ readonly peers: readonly PeerAddress[]; readonly failure: BtgetError | null }> {
    try {
      return { peers: await resolvePeers(this.#values.peers, this.#options), failure: null };
    } catch (error) {
      if (!(error instanceof BtgetError) || error.code === 'usage') throw error;
      return { peers: [], failure: error };
    }
  }

  #peerSearch({ loaded, trackers, swarms }: Examined, peers: readonly PeerAddress[]): PeerSearch {
    const session = this.#session;
    const { noTrackers, encryption } = this.#values;
    const linkPeers = loaded.kind === 'magnet' ? loaded.peers : [];
    const own = { peers, linkPeers, trackers: this.#values.trackers, useTorrentTrackers: !noTrackers };
    const options = { ...DEFAULT_TORRENT_OPTIONS, ...own, usePex: false };
    const isPrivate = loaded.kind === 'torrent' && loaded.metainfo.private;
    return {
      begin: (events) => session.findPeers(loaded.kind === 'torrent' ? loaded.metainfo : loaded.link, options, events),
      trackers: trackers.length,
      swarms: swarms.size > 1 ? [...swarms.keys()] : [null],
      limits: { maxDownload: null, maxPeers: options.maxPeers, encryption, proxies: this.#options },
      dht: () => (isPrivate ? { use: 'private' } : dhtNews(session.dhtStatus())),
      proxyTrouble: () => session.proxyTrouble(),
    };
  }

  /** Resolves to the port that trackers are told; null when we cannot listen. */
  async #examineNetwork(over: AbortSignal): Promise<number | null> {
    const { bind, proxy } = this.#wayOut;
    if (proxy !== null) {
      // All else would be asked beside the proxy.
      const findings = await checkProxy({ proxy, proxied: this.#proxied });
      if (!over.aborted) this.#tell(...findings);
      return NO_PORT.first;
    }
    const ways = [...(await checkRoutes(bind)), await checkUdp(this.#rawServer, bind)];
    if (over.aborted) return null;
    this.#tell(...ways);
    const { port, findings } = await checkSession(this.#probed(), this.#io.timers, over);
    if (!over.aborted) this.#tell(...findings);
    return port;
  }

  #probed(): ProbedSession {
    const session = this.#session;
    const { bind } = this.#wayOut;
    const asksGateways = !this.#values.noPortMapping && !(bind !== null && isLoopbackFence(bind));
    return {
      listen: (answered) => session.listen(answered),
      enterDht: () => session.enterDht(),
      dhtStatus: () => session.dhtStatus(),
      portMapping: () => (asksGateways ? session.portMapping() : null),
    };
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#session.stop(resolve));
    this.#trackers.close();
    this.#rawServer.close();
  }

  async #load(input: string): Promise<Examined | null> {
    const { trackers, noTrackers } = this.#values;
    const source = await loadSource(input, sourceReaders(this.#io, this.#options));
    if (!source.ok) {
      const { failure } = source;
      this.#tell(failed('source', failureMessage(failure), null, machineFailure(failure)?.code ?? failure.code));
      return null;
    }
    const isLink = source.kind === 'magnet';
    const torrent = isLink ? source.link : source.metainfo;
    const length = isLink ? source.link.length : contentLength(source.metainfo);
    const others = new Set(noTrackers ? [] : torrent.trackers.flat());
    for (const url of trackers) others.delete(url);
    const asked = [...namedBy('user', new Set(trackers)), ...namedBy('torrent-tracker', others)];
    return { loaded: source, swarms: swarmsOf(bothHashes(torrent)), length, trackers: asked };
  }

  #tell(...findings: readonly Finding[]): void {
    for (const finding of findings) {
      this.#findings.push(finding);
      this.#io.stdout.write(`${(this.#values.json ? findingJson : findingLine)(finding)}\n`);
    }
  }
}

/** What the checks need to know of a source. */
interface Examined {
  readonly loaded: LoadedTorrent | LoadedMagnet;
  readonly swarms: Swarms;
  /** Bytes of the content; null when a link does not tell it. */
  readonly length: number | null;
  readonly trackers: readonly SourcedUrl[];
}

/** A bug in a callback has no caller that could report it, so it goes to the process, which does. */
function gotException(error: unknown): void {
  throw error;
}
