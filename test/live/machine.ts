import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BTGET, Program } from './support.js';

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
  ip route add default dev outside
  echo 'nameserver 198.51.100.53' >"$1"
  mount --bind "$1" /etc/resolv.conf
  echo ready
  exec cat
`;

/**
 * A machine whose default route is an interface that counts what is sent through it. Its far end is a dead end in the
 * same machine, so that nothing goes anywhere, and its name server, 198.51.100.53, never answers.
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
    return new Program(this.#test, 'nsenter', [...this.#enter(), process.execPath, BTGET, ...args]);
  }

  /** Packets that left through the default route so far. */
  sentOutside(): number {
    const { stdout, stderr } = spawnSync('nsenter', [...this.#enter(), 'ip', '-j', '-s', 'link', 'show', 'outside']);
    const [link] = JSON.parse(stdout.toString() || `"${stderr}"`) as { stats64: { tx: { packets: number } } }[];
    return link?.stats64.tx.packets ?? Number.NaN;
  }

  #enter(): string[] {
    return ['--net', '--mount', '--target', String(this.#holder.child.pid)];
  }
}
