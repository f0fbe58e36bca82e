import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HostsTable } from '../../../../src/discovery/http/http-hosts-table.js';
import {
  DEFAULT_NAME_LOOKUP_OPTIONS,
  lookUpName,
  type NameLookupOptions,
  type NameOutcome,
} from '../../../../src/discovery/http/http-name-lookup.js';
import { scratch } from '../../../support/disk/scratch.js';

const A = 1;

/**
 * A name server that knows `name.test`, and denies every other name. It says nothing about `silent.test`, fails at
 * `broken.test`, and knows of `half.test` that it has no IPv4, but not whether it has IPv6.
 */
async function serveNames(t: TestContext): Promise<{ server: string; asked: string[]; isAsked: Promise<unknown> }> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, { port, address }) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    const name = labels.join('.');
    asked.push(name);
    if (name === 'silent.test') return;
    const data =
      type === A
        ? [
            [192, 0, 2, 1],
            [192, 0, 2, 2],
          ]
        : [[0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 1]];
    const records = name === 'name.test' ? data : [];
    const header = Buffer.from(query.subarray(0, 12));
    const [answered, failed, denied] = [0x8180, 0x8182, 0x8183];
    const isBroken = name === 'broken.test' || (name === 'half.test' && type !== A);
    header.writeUInt16BE(isBroken ? failed : records.length > 0 || name === 'half.test' ? answered : denied, 2);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt32BE(0, 8);
    // The name is that of the question, at byte 12. The answer lives for a minute.
    const answers = records.map((bytes) =>
      Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, bytes.length, ...bytes]),
    );
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...answers]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return { server: `127.0.0.1:${socket.address().port}`, asked, isAsked: once(socket, 'message') };
}

function options(t: TestContext, server: string, more: Partial<NameLookupOptions> = {}): NameLookupOptions {
  const dir = scratch(t);
  const hostsPath = join(dir, 'hosts');
  writeFileSync(hostsPath, '192.0.2.9 listed.test\n0.0.0.0 blocked.test\n');
  return {
    ...DEFAULT_NAME_LOOKUP_OPTIONS,
    hosts: new HostsTable(hostsPath),
    servers: [server],
    askSystem: false,
    ...more,
  };
}

function find(name: string, how: NameLookupOptions): Promise<NameOutcome> {
  return new Promise((resolve) => lookUpName(name, how, resolve));
}

test('the table of hosts comes first, then the name servers, whose families take turns', async (t) => {
  const { server, asked } = await serveNames(t);
  const how = options(t, server);
  const outcomes: NameOutcome[] = [];
  for (const name of ['listed.test', 'blocked.test', 'name.test', 'nowhere.test']) outcomes.push(await find(name, how));
  outcomes.push(await find('name.test', { ...how, hosts: new HostsTable('/nowhere') }));
  assert.deepEqual(outcomes, [
    { ok: true, addresses: ['192.0.2.9'] },
    { ok: true, addresses: ['0.0.0.0'] },
    { ok: true, addresses: ['192.0.2.1', '2001:db8::1', '192.0.2.2'] },
    { ok: false, isUnknown: true, message: 'nowhere.test was not found: ENOTFOUND' },
    { ok: true, addresses: ['192.0.2.1', '2001:db8::1', '192.0.2.2'] },
  ]);
  assert.deepEqual(new Set(asked), new Set(['name.test', 'nowhere.test']));
});

test('behind a fence we ask only for addresses of its families, and only name servers of these families', async (t) => {
  const { server, asked } = await serveNames(t);
  assert.deepEqual(await find('name.test', options(t, server, { bind: { ipv4: '127.0.0.1' } })), {
    ok: true,
    addresses: ['192.0.2.1', '192.0.2.2'],
  });
  assert.deepEqual(await find('name.test', options(t, server, { bind: { ipv6: '::1' } })), {
    ok: false,
    isUnknown: false,
    message: 'name.test was not found: no name server can be reached from the bound address',
  });
  assert.deepEqual(asked, ['name.test']);
});

test('a name is unknown only when the name servers have said so of every family', async (t) => {
  const { server } = await serveNames(t);
  const how = options(t, server);
  const outcomes: NameOutcome[] = [];
  for (const name of ['nowhere.test', 'half.test', 'broken.test']) outcomes.push(await find(name, how));
  assert.deepEqual(outcomes, [
    { ok: false, isUnknown: true, message: 'nowhere.test was not found: ENOTFOUND' },
    { ok: false, isUnknown: false, message: 'half.test was not found: ESERVFAIL' },
    { ok: false, isUnknown: false, message: 'broken.test was not found: ESERVFAIL' },
  ]);
});

test('a cancelled lookup is never answered, and asks no other server', async (t) => {
  const { server, isAsked } = await serveNames(t);
  const log: NameOutcome[] = [];
  const say = (outcome: NameOutcome): void => {
    log.push(outcome);
  };
  const how = options(t, server, { askSystem: true });
  lookUpName('name.test', how, say).cancel();
  const silent = lookUpName('silent.test', how, say);
  await isAsked;
  silent.cancel();
  await find('name.test', how);
  assert.deepEqual(log, []);
});
