import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isInstalled, LIBTORRENT_PEER, Program, PYTHON } from './support.js';

export interface RivalTask {
  /** The path of a .torrent, or a magnet link. */
  readonly torrent: string;
  /** Where the content lies, or shall lie. */
  readonly dir: string;
  readonly host: string;
  /** Peers to dial, `HOST:PORT`. */
  readonly peers: readonly string[];
  /** The torrent's tracker is one of UDP. */
  readonly overUdp?: boolean;
  /** It finds its peers in its own network. */
  readonly overLsd?: boolean;
  /** It asks for as many blocks ahead as it can be told to. Only libtorrent can. */
  readonly farAhead?: boolean;
  /** It tells its peers of each other, and hears what they tell; libtorrent always does. */
  readonly usesPex?: boolean;
  /** What it wants of message stream encryption; absent: what it wants when nobody says anything. */
  readonly encryption?: EncryptionWish;
  /** Nodes, `HOST:PORT`, at which the DHT is entered; absent: without the DHT. */
  readonly dhtNodes?: readonly string[];
}

/**
 * 'preferred': encrypted where the other side can. 'required': nothing else, and any stream behind it. 'rc4': RC4 alone.
 * 'plaintext': an encrypted handshake alone, and a plain stream behind it (libtorrent). 'none': plain alone (libtorrent).
 */
export type EncryptionWish = 'preferred' | 'required' | 'rc4' | 'plaintext' | 'none';

const ARIA2_ENCRYPTION: Readonly<Record<EncryptionWish, readonly string[]>> = {
  preferred: ['--bt-min-crypto-level=arc4'],
  required: ['--bt-require-crypto=true'],
  rc4: ['--bt-force-encryption=true'],
  plaintext: ['--bt-require-crypto=true'],
  none: [],
};

/** Transmission 3.00 knows three: tolerated, preferred, required. It always chooses RC4 where it chooses. */
const TRANSMISSION_ENCRYPTION: Readonly<Record<EncryptionWish, number>> = {
  preferred: 1,
  required: 2,
  rc4: 2,
  plaintext: 2,
  none: 0,
};

/** Another client. It serves what lies in the folder and fetches what does not, until the test ends. */
export interface Rival {
  readonly name: string;
  readonly installed: boolean;
  /** What to install when it is not there. */
  readonly package: string;
  /** Can be told of a peer without a tracker. */
  readonly dials: boolean;
  /** Takes part in a DHT of addresses like those of the tests. */
  readonly knowsDht: boolean;
  /** Resolves when it listens, to `HOST:PORT`, and to a way to wait until it has everything. */
  start(test: TestContext, task: RivalTask): Promise<{ address: string; complete: () => Promise<unknown> }>;
}

const aria2: Rival = {
  name: 'aria2',
  installed: isInstalled('aria2c', '--version'),
  package: 'aria2',
  dials: false,
  knowsDht: false,
  async start(test, { torrent, dir, host, encryption, overUdp = false, overLsd = false }) {
    const program = new Program(test, 'aria2c', [
      `--dir=${dir}`,
      `--interface=${host}`,
      '--listen-port=21000-21999',
      '--check-integrity=true',
      '--seed-ratio=0.0',
      // It asks UDP trackers through the socket of its DHT, which knows nobody here.
      `--enable-dht=${overUdp}`,
      '--dht-listen-port=25000-25999',
      `--dht-file-path=${join(dir, '..', 'dht.dat')}`,
      '--enable-dht6=false',
      `--bt-enable-lpd=${overLsd}`,
      `--bt-lpd-interface=${host}`,
      '--enable-peer-exchange=false',
      '--disable-ipv6=true',
      '--console-log-level=info',
      '--summary-interval=1',
      '--file-allocation=none',
      '--no-conf=true',
      ...(encryption === undefined ? [] : ARIA2_ENCRYPTION[encryption]),
      '--bt-hash-check-seed=true',
      torrent,
    ]);
    const port = await program.until((output) => /[Ll]istening on TCP port (\d+)/.exec(output)?.[1]);
    return {
      address: `${host}:${port}`,
      // The metadata of a magnet link is a download of its own to it.
      complete: () => program.until((output) => /Download complete: (?!\[)|seeding begins|SEED\(/i.exec(output)),
    };
  },
};

const libtorrent: Rival = {
  name: 'libtorrent',
  installed: isInstalled(PYTHON, '-c', 'import libtorrent'),
  package: 'python3-libtorrent',
  dials: true,
  knowsDht: true,
  async start(test, { torrent, dir, host, peers, dhtNodes, encryption, overLsd = false, farAhead = false }) {
    const known = dhtNodes === undefined ? peers : ['--dht', ...dhtNodes];
    const wish = encryption === undefined ? [] : [`--encryption=${encryption}`];
    const options = [...(overLsd ? ['--lsd'] : []), ...(farAhead ? ['--far-ahead'] : []), ...wish];
    const args = [LIBTORRENT_PEER, torrent, dir, host, '22000', ...options, ...known];
    const program = new Program(test, PYTHON, args);
    const port = await program.until((output) => /"port": (\d+)/.exec(output)?.[1]);
    const complete = () => program.until((output) => /"state": "seeding"/.exec(output));
    return { address: `${host}:${port}`, complete };
  },
};

const transmission: Rival = {
  name: 'transmission',
  installed: isInstalled('transmission-daemon', '--version'),
  package: 'transmission-daemon',
  dials: false,
  knowsDht: true,
  async start(test, { torrent, dir, host, dhtNodes, encryption, usesPex = false }) {
    const config = join(dir, '..', 'transmission');
    mkdirSync(config, { recursive: true });
    writeFileSync(
      join(config, 'settings.json'),
      JSON.stringify({
        'bind-address-ipv4': host,
        'dht-enabled': dhtNodes !== undefined,
        'lpd-enabled': false,
        'utp-enabled': false,
        'pex-enabled': usesPex,
        ...(encryption === undefined ? {} : { encryption: TRANSMISSION_ENCRYPTION[encryption] }),
        'port-forwarding-enabled': false,
        'peer-port': 23000,
        'download-dir': dir,
        // Several of them run at the same time, each at a host of its own.
        'rpc-bind-address': host,
        'rpc-port': 23001,
        'rpc-whitelist-enabled': false,
        'watch-dir-enabled': false,
        'start-added-torrents': true,
        'speed-limit-up-enabled': false,
      }),
    );
    writeFileSync(
      join(config, 'dht.bootstrap'),
      (dhtNodes ?? []).map((node) => `${node.replace(':', ' ')}\n`).join(''),
    );
    const program = new Program(test, 'transmission-daemon', ['--foreground', '--config-dir', config, '--log-info']);
    await program.until((output) => /Serving RPC|RPC Server/i.exec(output));
    const rpc = await connectRpc(`http://${host}:23001/transmission/rpc`, program);
    await rpc('torrent-add', { filename: torrent, 'download-dir': dir });
    return { address: `${host}:23000`, complete: () => untilComplete(rpc) };
  },
};

type Rpc = (method: string, args: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** Transmission answers 409 with a session id that every later call must carry. */
async function connectRpc(url: string, program: Program): Promise<Rpc> {
  let session = '';
  const call: Rpc = async (method, args) => {
    for (;;) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'X-Transmission-Session-Id': session },
        body: JSON.stringify({ method, arguments: args }),
      });
      if (response.status !== 409) return ((await response.json()) as { arguments: Record<string, unknown> }).arguments;
      session = response.headers.get('X-Transmission-Session-Id') ?? '';
    }
  };
  for (;;) {
    try {
      await call('session-get', {});
      return call;
    } catch (error) {
      if (program.child.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function untilComplete(rpc: Rpc): Promise<void> {
  for (;;) {
    const { torrents } = (await rpc('torrent-get', { fields: ['leftUntilDone', 'status', 'sizeWhenDone'] })) as {
      torrents: { leftUntilDone: number; status: number; sizeWhenDone: number }[];
    };
    const SEEDING = 6;
    if (torrents[0] !== undefined && torrents[0].leftUntilDone === 0 && torrents[0].status === SEEDING) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const RTORRENT_ENCRYPTION: Readonly<Record<EncryptionWish, string>> = {
  preferred: 'allow_incoming,try_outgoing,enable_retry',
  required: 'require',
  rc4: 'require,require_RC4',
  plaintext: 'require',
  none: 'none',
};

const rtorrent: Rival = {
  name: 'rtorrent',
  installed: isInstalled('rtorrent', '-h'),
  package: 'rtorrent',
  dials: false,
  knowsDht: false,
  async start(test, { torrent, dir, host, encryption = 'preferred' }) {
    const config = join(dir, '..', 'rtorrent');
    for (const folder of [config, dir]) mkdirSync(folder, { recursive: true });
    const [checked, finished] = [join(config, 'checked'), join(config, 'finished')];
    const options = [
      'system.daemon.set = true',
      `session.path.set = ${config}`,
      `directory.default.set = ${dir}`,
      'network.port_range.set = 26000-26000',
      `network.bind_address.set = ${host}`,
      'dht.mode.set = disable',
      'protocol.pex.set = no',
      `protocol.encryption.set = ${RTORRENT_ENCRYPTION[encryption]}`,
      `method.set_key = event.download.hash_done,checked,"execute.nothrow=touch,${checked}"`,
      `method.set_key = event.download.finished,done,"execute.nothrow=touch,${finished}"`,
    ];
    writeFileSync(join(config, 'rc'), `${options.join('\n')}\n`);
    const program = new Program(test, 'rtorrent', ['-n', '-o', `import=${join(config, 'rc')}`, torrent]);
    const isSeed = readdirSync(dir).length > 0;
    return { address: `${host}:26000`, complete: () => untilThere(isSeed ? checked : finished, program) };
  },
};

/** 0: encrypted where the other side can. 1: encrypted alone. 2: plain alone. */
const QBITTORRENT_ENCRYPTION: Readonly<Record<EncryptionWish, number>> = {
  preferred: 0,
  required: 1,
  rc4: 1,
  plaintext: 1,
  none: 2,
};

const qbittorrent: Rival = {
  name: 'qbittorrent',
  installed: isInstalled('qbittorrent-nox', '--version'),
  package: 'qbittorrent-nox',
  dials: false,
  knowsDht: false,
  async start(test, { torrent, dir, host, encryption = 'preferred' }) {
    const profile = join(dir, '..', 'qbittorrent');
    const config = join(profile, 'qBittorrent', 'config');
    mkdirSync(config, { recursive: true });
    const options = [
      '[LegalNotice]',
      'Accepted=true',
      '[BitTorrent]',
      `Session\\Encryption=${QBITTORRENT_ENCRYPTION[encryption]}`,
      'Session\\Port=27000',
      `Session\\InterfaceAddress=${host}`,
      'Session\\DHTEnabled=false',
      'Session\\LSDEnabled=false',
      'Session\\PeXEnabled=false',
      'Session\\BTProtocol=TCP',
      '[Network]',
      'PortForwardingEnabled=false',
      '[Preferences]',
      'WebUI\\Address=127.0.0.1',
      'WebUI\\Port=27001',
      'WebUI\\LocalHostAuth=false',
    ];
    writeFileSync(join(config, 'qBittorrent.conf'), `${options.join('\n')}\n`);
    const place = [`--profile=${profile}`, `--save-path=${dir}`, '--add-paused=false', '--skip-dialog=true'];
    const program = new Program(test, 'qbittorrent-nox', [...place, torrent]);
    return { address: `${host}:27000`, complete: () => untilUploading('http://127.0.0.1:27001', program) };
  },
};

async function untilThere(path: string, program: Program): Promise<void> {
  while (!existsSync(path)) {
    if (program.child.exitCode !== null) throw new Error(`it has ended: ${program.stdout}${program.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function untilUploading(url: string, program: Program): Promise<void> {
  for (;;) {
    try {
      const response = await fetch(`${url}/api/v2/torrents/info`);
      const [first] = (await response.json()) as { progress: number; state: string }[];
      if (first !== undefined && first.progress === 1 && /^(?:uploading|stalledUP)$/.test(first.state)) return;
    } catch (error) {
      if (program.child.exitCode !== null) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export const RIVALS: readonly Rival[] = [aria2, libtorrent, transmission];
/** These only show that they and btget understand each other's encryption. */
export const ENCRYPTING_RIVALS: readonly Rival[] = [...RIVALS, rtorrent, qbittorrent];
