/** Multicast in a network namespace of its own: the one place where it disturbs nobody. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { DatagramOutcome, DatagramSocket } from '../../src/net/raw-server.js';
import { nodeWorld } from '../support/contract/node-world.js';

const PORT = 6771;
const GROUPS = [
  { family: 4, host: '10.9.1.1', other: '10.9.1.2', group: '239.192.152.143' },
  { family: 6, host: 'fd00:9::1', other: 'fd00:9::2', group: 'ff15::efc0:988f' },
] as const;

// A network with nobody else on it, in whichever namespace this runs.
const NETWORK = `
  ip link show group0 2>/dev/null && exit
  ip link add group0 type veth peer name group1
  ip link set group0 up
  ip link set group1 up
  ip addr add 10.9.1.1/24 dev group0
  ip addr add fd00:9::1/64 dev group0 nodad
`;

for (const { family, host, other, group } of GROUPS) {
  test(`two sockets hear a group on one port over IPv${family}, from the address of their interface`, async (t) => {
    assert.equal(spawnSync('sh', ['-e', '-c', NETWORK]).status, 0);
    const world = nodeWorld(() => ({ host, port: 0 }));
    t.after(() => world.close());
    const log: string[] = [];
    const open = async (name: string, isFenced: boolean): Promise<DatagramSocket> => {
      const bind = family === 4 ? { ipv4: host } : { ipv6: host };
      const server = world.create({ bindAddresses: isFenced ? bind : null });
      const outcomes: DatagramOutcome[] = [];
      server.openDatagram(
        { family, port: PORT, group, ...(isFenced ? {} : { host }) },
        {
          datagramCameIn: (_, data, from) => log.push(`${name} got ${data} from ${from.host}`),
          sendFailed: (_, to, failure) => log.push(`${name} failed ${to.host} ${failure.code}`),
        },
        (answer) => outcomes.push(answer),
      );
      await world.until(() => outcomes.length === 1);
      const [outcome] = outcomes;
      assert.ok(outcome?.ok, JSON.stringify(outcome));
      return outcome.socket;
    };
    const fenced = await open('fenced', true);
    await open('free', false);
    fenced.send(Buffer.from('x'), { host: group, port: PORT });
    await world.until(() => log.length === 2);
    assert.deepEqual(log.sort(), [`fenced got x from ${host}`, `free got x from ${host}`]);
    log.length = 0;
    fenced.send(Buffer.from('x'), { host: other, port: PORT });
    await world.until(() => log.length === 1);
    assert.deepEqual(log, [`fenced failed ${other} forbidden`]);
  });
}
