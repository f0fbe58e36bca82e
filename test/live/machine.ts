import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BTGET, isInstalled, Program, PYTHON, ROOT } from './support.js';

const WATCH_PACKETS = join(ROOT, 'test', 'live', 'watch-packets.py');
export const CAN_WATCH = isInstalled(PYTHON, '--version');

// 192.0.2.0/24 and 198.51.100.0/24 are reserved for documentation.
const MACHINE = `
  set -e
  echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
  ip link set lo up
  ip link add outside type veth peer name world
  ip link set outside arp off
  ip link set world up
  ip addr add 192.0.2.1/24 dev outside
  ip link set outside up
  ip route add default via 192.0.2.254
  echo 'nameserver 198.51.100.53' >"$1"
  mount --bind "$1" /etc/resolv.conf
  echo ready
  exec cat
`;

/**
 * A machine at 192.0.2.1 whose default route is an interface that counts what is sent through it. Its far end is a dead
 * end in the same machine, so that nothing goes anywhere: neither its gateway, 192.0.2.254, nor its name server,
 * 198.51.100.53, ever answers.
 */
export class Machine {
  readonly #test: TestContext;
  readonly #holder: Program;

  constructor(test: TestContext, dir: string) {
    this.#test = test;
    this.#holder = new Program(test, 'unshare', ['-n', '-m', 'sh', '-c', MACHINE, 'sh', join(dir, 'resolv.conf')]);
  }

  async ready(): Promise<void> {
    await this.#holder.until((output) => /ready/.exec(output));
  }

  btget(...args: string[]): Program {
    return this.run(process.execPath, BTGET, ...args);
  }

  /** Any program of the machine. */
  run(...command: readonly string[]): Program {
    return new Program(this.#test, 'nsenter', [...this.#enter(), ...command]);
  }

  /** Packets that left through the default route so far. */
  sentOutside(): number {
    const { stdout, stderr } = spawnSync('nsenter', [...this.#enter(), 'ip', '-j', '-s', 'link', 'show', 'outside']);
    const [link] = JSON.parse(stdout.toString() || `"${stderr}"`) as { stats64: { tx: { packets: number } } }[];
    return link?.stats64.tx.packets ?? Number.NaN;
  }

  /** A line for each packet that leaves from now on, such as `UDP 192.0.2.9:53 …`, in the program's output. */
  async watch(): Promise<Program> {
    const watcher = new Program(this.#test, 'nsenter', [...this.#enter(), PYTHON, WATCH_PACKETS, 'outside']);
    await watcher.until((output) => /watching/.exec(output));
    return watcher;
  }

  #enter(): string[] {
    return ['--net', '--mount', '--target', String(this.#holder.child.pid)];
  }
}
