/** `btget tracker`: serves announces and scrapes until told to stop. */
import { systemRandom } from '../../base/system-random.js';
import { resolveBind } from '../../net/node-interfaces.js';
import { DEFAULT_NODE_RAW_SERVER_OPTIONS, NodeRawServer } from '../../net/node-raw-server.js';
import type { RawServer } from '../../net/raw-server.js';
import { ConnectionIds } from '../../tracker/connection-ids.js';
import { HttpHandler } from '../../tracker/http-handler.js';
import type { HttpRequest } from '../../tracker/http-message.js';
import { DEFAULT_NAT_CHECK_OPTIONS, NatCheck } from '../../tracker/nat-check.js';
import { Tracker } from '../../tracker/tracker.js';
import { DEFAULT_HTTP_OPTIONS, DEFAULT_TRACKER_OPTIONS, type TrackerOptions } from '../../tracker/tracker-options.js';
import type { TrackerFace } from '../../tracker/tracker-standing.js';
import { TrustedProxies } from '../../tracker/trusted-proxies.js';
import { UdpHandler } from '../../tracker/udp-handler.js';
import { AllowedTorrents } from '../content/allowed-torrents.js';
import { exitCodeOf, failureCode, failureLines, failureMessage } from '../exit-code.js';
import { onInterrupt } from '../io.js';
import { TRACKER_OPTIONS, type Values } from '../options.js';
import { printable } from '../output/escape.js';
import { PAGE_STYLE, writeTrackerPage } from '../output/tracker-page.js';
import { version } from '../version.js';
import { defineCommand } from './command.js';
import { openTrackerPorts } from './tracker-ports.js';
import { TrackerStateFile } from './tracker-state-file.js';

/** How often `--nat-check` calls a peer back before it gives the peer up, as in mainline. */
const NAT_CHECK_TRIES = 3;

export const tracker = defineCommand(
  {
    name: 'tracker',
    arguments: '',
    summary:
      'Serves announces and scrapes, over HTTP and UDP, until told to stop. Shows itself at /, /stats.json, /metrics.',
    examples: [
      ['btget tracker', 'announce at http://HOST:6969/announce and udp://HOST:6969/announce'],
      ['btget tracker --allowed torrents/ --state tracker.state', 'for these torrents; remembers its peers'],
    ],
    notes: [],
    options: TRACKER_OPTIONS,
  },
  async (_args, values, io) => {
    const say = (line: string): unknown => io.stderr.write(`${printable(line)}\n`);
    const allowed = values.allowed === null ? null : new AllowedTorrents(values.allowed);
    await allowed?.read(say);
    const bind = values.bind === null ? null : resolveBind(values.bind);
    let failure: unknown = null;
    const fail = (error: unknown): void => {
      failure ??= error;
      for (const line of failureLines(failureCode(error), failureMessage(error))) say(`btget: ${line}`);
    };
    let stop: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const server = new NodeRawServer({
      ...DEFAULT_NODE_RAW_SERVER_OPTIONS,
      bindAddresses: bind,
      gotException: (error) => {
        fail(error);
        stop();
      },
    });
    const saver = values.state === null ? null : new TrackerStateFile(values.state, say, systemRandom);
    const proxies = new TrustedProxies(values.trustedProxies);
    const service = createTracker(server, values, proxies, allowed, saver);
    saver?.takeOver((state) => service.restore(state));
    const handler = new HttpHandler(
      server,
      (request) => service.get(request),
      DEFAULT_HTTP_OPTIONS,
      (host) => proxies.includes(host),
    );
    const udp = new UdpHandler(server, service, new ConnectionIds(server, systemRandom));
    const ports = await openTrackerPorts(server, values.port, bind, handler, udp);
    const close = (): void => {
      service.stop();
      handler.close();
      ports.close();
      server.stop();
    };
    // Not before the port is opened: where it is in use, the same command may run already and keep its state there.
    try {
      await saver?.begin(service.encode());
    } catch (error) {
      close();
      throw error;
    }
    service.begin();
    const rereading = allowed?.readAgainAndAgain(server, say);
    const forgetReload = allowed === null ? () => undefined : io.onReload(() => allowed.readAgain(say));
    const forget = onInterrupt(
      io,
      () => stop(),
      () => 0,
    );
    // A program that reads this line may send a signal at once, so all handlers are set before.
    if (!values.quiet) for (const scheme of ['udp', 'http']) say(`tracker at ${scheme}://${ports.place}/announce`);
    server.listenForever(() => undefined);
    await ended;
    rereading?.cancel();
    close();
    const lost = (await saver?.end(service.encode())) ?? null;
    if (lost !== null) fail(lost);
    forget();
    forgetReload();
    return failure === null ? 0 : exitCodeOf(failure);
  },
);

function createTracker(
  server: RawServer,
  values: Values<typeof TRACKER_OPTIONS>,
  proxies: TrustedProxies,
  allowed: AllowedTorrents | null,
  saver: TrackerStateFile | null,
): Tracker {
  const { interval } = values;
  const options: TrackerOptions = {
    ...DEFAULT_TRACKER_OPTIONS,
    interval,
    minInterval: Math.min(interval, DEFAULT_TRACKER_OPTIONS.minInterval),
    // A peer may announce half an interval late.
    peerTimeout: Math.max(interval * 1.5, 60_000),
    natCheckTries: values.natCheck ? NAT_CHECK_TRIES : 0,
  };
  const natCheck = new NatCheck(server, systemRandom.bytes(20), DEFAULT_NAT_CHECK_OPTIONS);
  const save = (state: readonly Buffer[]): void => saver?.save(state);
  const clientOf = ({ remote, headers }: HttpRequest): string => proxies.clientOf(remote.host, headers);
  const isAllowed = (infoHash: Buffer): boolean => allowed?.has(infoHash) ?? true;
  const face: TrackerFace = {
    version: version(),
    known: (infoHash) => allowed?.known(infoHash) ?? null,
    page: { style: PAGE_STYLE, write: writeTrackerPage },
  };
  return new Tracker({ timers: server, random: systemRandom, natCheck, isAllowed, clientOf, face, save }, options);
}
