import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { BTGET, isInstalled, Program, PYTHON, ROOT } from './support.js';

const NFT_CHAINS = join(ROOT, 'test', 'live', 'nft-chains.py');

export const HAS_GATEWAY = isInstalled('miniupnpd', '--version') && isInstalled(PYTHON, '--version');

/** Addresses of the home's network, and of the world. The world's are public ones: miniupnpd serves no others. */
export const HOME = { gateway: '192.168.77.1', client: '192.168.77.2', outside: '100.20.0.1', world: '100.20.0.2' };

/** A network namespace that lives as long as the test. */
class Namespace {
  readonly #test: TestContext;
  readonly #holder: Program;

  constructor(test: TestContext) {
    this.#test = test;
    this.#holder = new Program(test, 'unshare', ['-n', 'sh', '-c', 'ip link set lo up; echo ready; exec cat']);
  }

  async ready(): Promise<void> {
    await this.#holder.until((output) => /ready/.exec(output));
  }

  get pid(): string {
    return String(this.#holder.child.pid);
  }

  start(command: string, ...args: string[]): Program {
    return new Program(this.#test, 'nsenter', ['--net', '--target', this.pid, command, ...args]);
  }

  /** Runs shell commands, of which none may fail. */
  run(script: string): void {
    const { status, stderr } = spawnSync('nsenter', ['--net', '--target', this.pid, 'sh', '-e', '-c', script]);
    if (status !== 0) throw new Error(`${script}: ${stderr}`);
  }
}

/** A home behind a gateway that translates addresses and is asked by PCP, NAT-PMP and UPnP (miniupnpd), and the world. */
export class Home {
  readonly client: Namespace;
  readonly world: Namespace;
  readonly #gateway: Namespace;
  readonly #dir: string;

  constructor(test: TestContext, dir: string) {
    this.client = new Namespace(test);
    this.world = new Namespace(test);
    this.#gateway = new Namespace(test);
    this.#dir = dir;
  }

  async ready(options: { readonly natPmp: boolean; readonly upnp: boolean }): Promise<void> {
    await Promise.all([this.client.ready(), this.world.ready(), this.#gateway.ready()]);
    this.#gateway.run(`
      ip link add inside type veth peer name home netns ${this.client.pid}
      ip link add outside type veth peer name net netns ${this.world.pid}
      ip link set inside up
      ip link set outside up
      ip addr add ${HOME.gateway}/24 dev inside
      ip addr add ${HOME.outside}/24 dev outside
      echo 1 >/proc/sys/net/ipv4/ip_forward
      ${PYTHON} ${NFT_CHAINS}
    `);
    this.client.run(`
      ip link set home up
      ip addr add ${HOME.client}/24 dev home
      ip route add default via ${HOME.gateway}
    `);
    this.world.run(`ip link set net up; ip addr add ${HOME.world}/24 dev net`);
    const yesOrNo = (is: boolean) => (is ? 'yes' : 'no');
    const config = `
      ext_ifname=outside
      listening_ip=inside
      enable_natpmp=${yesOrNo(options.natPmp)}
      enable_upnp=${yesOrNo(options.upnp)}
      secure_mode=yes
      uuid=00000000-0000-0000-0000-000000000001
      lease_file=${this.#leases}
      upnp_table_name=filter
      upnp_nat_table_name=filter
      allow 1024-65535 0.0.0.0/0 1024-65535
    `;
    writeFileSync(join(this.#dir, 'miniupnpd.conf'), config.replace(/^ +/gm, ''));
    const files = ['-f', join(this.#dir, 'miniupnpd.conf'), '-P', join(this.#dir, 'miniupnpd.pid')];
    const daemon = this.#gateway.start('miniupnpd', '-d', ...files);
    await daemon.until((output) => /Listening for NAT-PMP|HTTP listening on port/.exec(output));
  }

  btget(...args: string[]): Program {
    return this.client.start(process.execPath, BTGET, ...args);
  }

  /** What the gateway lets in, as `TCP 6881 to 192.168.77.2`. */
  letsIn(): string[] {
    // The daemon removes the file when nothing is left in it.
    const lines = existsSync(this.#leases) ? readFileSync(this.#leases, 'utf8').split('\n') : [];
    const found = lines.filter((line) => line !== '').map((line) => line.split(':'));
    return found.map(([transport, outside, host]) => `${transport} ${outside} to ${host}`).sort();
  }

  get #leases(): string {
    return join(this.#dir, 'leases');
  }
}
