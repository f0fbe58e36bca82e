import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BTGET, isInstalled, Program, PYTHON, ROOT } from './support.js';

const WATCH_PACKETS = join(ROOT, 'test', 'live', 'watch-packets.py');

/** Who the user of the proxy is. No part of it may be seen. */
export const LOGIN = { user: 'alice77', password: 'hunter22' } as const;
/** `LOGIN.password` as crypt(3) keeps it. */
const HASH = '$6$btget$lHyEOMcpyXoXZkBOeJngJnN1EdofIlbPd.1my4XixfI4KPbtCHsWlt3qS2NvvruUiRU1xWgFk3DnHdMmumTEQ/';
/** Where every proxy listens. */
export const PROXY = { host: '192.0.2.254', port: 1080 } as const;
/** The ports that the proxy's machine gives to those who ask for any, such as a relay of datagrams. */
const RELAY_PORTS = { first: 40_000, last: 44_999 } as const;
const NAME_SERVER = '198.51.100.53';

/** Hosts beyond the proxy, in the test's own namespace. 198.51.100.0/24 is reserved for documentation. */
export const BEYOND = { tracker: '198.51.100.1', web: '198.51.100.2', seed: '198.51.100.3' } as const;
/** Their names. Only who asks on the proxy's machine learns what they mean. */
export const NAMES = { tracker: 'tracker.example.org', web: 'web.example.org' } as const;

/** A proxy of Debian's, and how it is started. */
export interface ProxyProgram {
  readonly name: string;
  /** The scheme of `--proxy`. */
  readonly scheme: 'socks5' | 'http';
  readonly installed: boolean;
  /** The Debian package. */
  readonly package: string;
  /** Writes what it needs into `dir`; its command line. Without `login` it takes everybody. */
  command(dir: string, login: typeof LOGIN | null): readonly string[];
}

/** As dante keeps its rules. `commands` are those that it grants. */
function dante(name: string, commands: string): ProxyProgram {
  return {
    name,
    scheme: 'socks5',
    installed: isInstalled('danted', '-v'),
    package: 'dante-server',
    command: (dir, login) => {
      const config = join(dir, 'danted.conf');
      const lines = [
        `internal: ${PROXY.host} port = ${PROXY.port}`,
        'external: world',
        `socksmethod: ${login === null ? 'none' : 'username'}`,
        'clientmethod: none',
        'user.privileged: root',
        'user.unprivileged: root',
        'client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }',
        `socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 command: ${commands} }`,
      ];
      writeFileSync(config, `${lines.join('\n')}\n`);
      // It has children, which outlive it unless their first process ends with it.
      return ['unshare', '-p', '-f', '--kill-child', 'danted', '-f', config, '-p', join(dir, 'danted.pid')];
    },
  };
}

const MICROSOCKS: ProxyProgram = {
  name: 'microsocks',
  scheme: 'socks5',
  installed: isInstalled('microsocks', '-h'),
  package: 'microsocks',
  command: (_dir, login) => {
    const place = ['-i', PROXY.host, '-p', String(PROXY.port)];
    return ['microsocks', ...place, ...(login === null ? [] : ['-u', login.user, '-P', login.password])];
  },
};

const TINYPROXY: ProxyProgram = {
  name: 'tinyproxy',
  scheme: 'http',
  installed: isInstalled('tinyproxy', '-v'),
  package: 'tinyproxy',
  command: (dir, login) => {
    const config = join(dir, 'tinyproxy.conf');
    const lines = [`Listen ${PROXY.host}`, `Port ${PROXY.port}`, 'Timeout 600', 'MaxClients 100'];
    if (login !== null) lines.push(`BasicAuth ${login.user} ${login.password}`);
    writeFileSync(config, `${lines.join('\n')}\n`);
    return ['tinyproxy', '-d', '-c', config];
  },
};

export const PROXIES = {
  microsocks: MICROSOCKS,
  dante: dante('dante', 'connect udpassociate udpreply'),
  /** It refuses UDP ASSOCIATE. */
  danteWithoutUdp: dante('dante without UDP', 'connect'),
  tinyproxy: TINYPROXY,
} as const;

const PROXY_SIDE = `
  set -e
  ip link set lo up
  for file in hosts passwd shadow; do mount --bind "$1/$file" "/etc/$file"; done
  echo ready
  exec cat
`;
const CLIENT_SIDE = `
  set -e
  ip link set lo up
  mount --bind "$1/resolv.conf" /etc/resolv.conf
  echo ready
  exec cat
`;

let machines = 0;

/**
 * A machine at 192.0.2.1 whose only neighbour, 192.0.2.254, runs proxies. The neighbour forwards nothing: what the
 * machine sends elsewhere, by IPv4 and by IPv6, ends there, and is seen. Beyond lies the test's own namespace with `BEYOND`. The machine's
 * name server does not answer.
 */
export class ProxiedMachine {
  readonly #test: TestContext;
  readonly #dir: string;
  readonly #client: Program;
  readonly #proxySide: Program;

  constructor(test: TestContext, dir: string) {
    this.#test = test;
    this.#dir = dir;
    const files = {
      hosts: `127.0.0.1 localhost\n${BEYOND.tracker} ${NAMES.tracker}\n${BEYOND.web} ${NAMES.web}\n`,
      passwd: `root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n${LOGIN.user}:x:1000:1000::/:/bin/sh\n`,
      shadow: `root:*:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n${LOGIN.user}:${HASH}:20000:0:99999:7:::\n`,
      'resolv.conf': `nameserver ${NAME_SERVER}\n`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
    this.#proxySide = new Program(test, 'unshare', ['-n', '-m', 'sh', '-c', PROXY_SIDE, 'sh', dir]);
    this.#client = new Program(test, 'unshare', ['-n', '-m', 'sh', '-c', CLIENT_SIDE, 'sh', dir]);
  }

  async ready(): Promise<void> {
    for (const side of [this.#proxySide, this.#client]) await side.until((output) => /ready/.exec(output));
    const [client, proxy] = [this.#client.child.pid, this.#proxySide.child.pid];
    machines += 1;
    const [near, far] = [`10.9.${100 + machines}.1`, `10.9.${100 + machines}.2`];
    const world = `world${machines}`;
    const inClient = `nsenter --net --target ${client}`;
    const inProxy = `nsenter --net --target ${proxy}`;
    const script = `
      set -e
      ip link add outside netns ${client} type veth peer name home netns ${proxy}
      ip link add ${world} type veth peer name world netns ${proxy}
      for host in ${Object.values(BEYOND).join(' ')}; do ip addr replace $host/32 dev lo; done
      ip addr add ${near}/30 dev ${world}
      ip link set ${world} up
      ${inProxy} sh -c '
        set -e
        echo 0 >/proc/sys/net/ipv4/ip_forward
        echo ${RELAY_PORTS.first} ${RELAY_PORTS.last} >/proc/sys/net/ipv4/ip_local_port_range
        ip addr add ${PROXY.host}/24 dev home
        ip link set home up
        ip addr add ${far}/30 dev world
        ip link set world up
        ip route add 198.51.100.0/24 via ${near}
        ip route add 10.9.0.0/16 via ${near}'
      ${inClient} sh -c '
        set -e
        ip addr add 192.0.2.1/24 dev outside
        ip link set outside up
        ip route add default via ${PROXY.host}
        ip addr add 2001:db8::1/64 dev outside nodad
        ip neigh add 2001:db8::fe lladdr 02:00:00:00:00:01 dev outside
        ip route add default via 2001:db8::fe'`;
    const { status, stderr } = spawnSync('sh', ['-c', script]);
    assert.equal(status, 0, String(stderr));
  }

  /** `--proxy`, and its URL. */
  proxied({ scheme }: ProxyProgram, login: { user: string; password: string } | null = null): readonly string[] {
    const who = login === null ? '' : `${login.user}:${login.password}@`;
    return ['--proxy', `${scheme}://${who}${PROXY.host}:${PROXY.port}`];
  }

  /** Starts a proxy at `PROXY`, and resolves when it listens. */
  async startProxy(proxy: ProxyProgram, login: typeof LOGIN | null = null): Promise<Program> {
    const enter = ['--net', '--mount', '--target', String(this.#proxySide.child.pid)];
    const program = new Program(this.#test, 'nsenter', [...enter, ...proxy.command(this.#dir, login)]);
    while (!this.#listens()) {
      if (program.child.exitCode !== null) throw new Error(`${proxy.name} ended: ${program.stdout}${program.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return program;
  }

  btget(...args: string[]): Program {
    return new Program(this.#test, 'nsenter', [...this.#enter(), process.execPath, BTGET, ...args]);
  }

  /** A line for each packet that leaves the machine from now on, in the program's output. */
  async watch(): Promise<Watched> {
    const watcher = new Program(this.#test, 'nsenter', [...this.#enter(), PYTHON, WATCH_PACKETS, 'outside']);
    await watcher.until((output) => /watching/.exec(output));
    return new Watched(watcher);
  }

  #listens(): boolean {
    const place = new RegExp(` [0-9A-F]{8}:${PROXY.port.toString(16).padStart(4, '0').toUpperCase()} \\S+ 0A `);
    return place.test(readFileSync(`/proc/${this.#proxySide.child.pid}/net/tcp`, 'latin1'));
  }

  #enter(): string[] {
    return ['--net', '--mount', '--target', String(this.#client.child.pid)];
  }
}

/** What has left a machine. */
export class Watched {
  readonly #watcher: Program;

  constructor(watcher: Program) {
    this.#watcher = watcher;
  }

  /** The targets of the packets so far, each once, such as `UDP 198.51.100.53:53`. */
  async targets(): Promise<readonly string[]> {
    // It sees a packet a moment after it has left.
    await new Promise((resolve) => setTimeout(resolve, 200));
    return [...new Set([...this.#watcher.stdout.matchAll(/^(\S+ \S+) /gm)].map(([, target]) => target ?? ''))];
  }

  /** Those that are neither the proxy nor its relay of datagrams. */
  async beside(): Promise<readonly string[]> {
    const targets = await this.targets();
    return targets.filter((target) => {
      const relay = target.startsWith(`UDP ${PROXY.host}:`) ? Number(target.split(':')[1]) : 0;
      const isRelay = relay >= RELAY_PORTS.first && relay <= RELAY_PORTS.last;
      return !isRelay && target !== `TCP ${PROXY.host}:${PROXY.port}`;
    });
  }
}
