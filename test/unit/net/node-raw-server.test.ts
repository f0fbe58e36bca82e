import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ListenOutcome } from '../../../src/net/raw-server.js';
import { nodeWorld } from '../../support/contract/node-world.js';
import { Pair, type RawServerWorld } from '../../support/contract/raw-server-world.js';
import { HANGS_AFTER } from '../../support/hang.js';

const LEAVING_PROCESS = fileURLToPath(new URL('../../support/contract/leaving-process.js', import.meta.url));

describe('NodeRawServer', () => {
  let world: RawServerWorld;
  beforeEach(() => {
    world = nodeWorld(() => ({ host: '127.0.0.1', port: 0 }));
  });
  afterEach(() => world.close());

  for (const [scenario, output] of [
    ['unused', ''],
    ['tasks', 'ran\n'],
    ['closed', ''],
    ['stopped', 'ended\n'],
    ['sockets', ''],
  ] as const) {
    it(`lets the process end: ${scenario}`, { timeout: HANGS_AFTER }, async () => {
      const child = spawn(process.execPath, [LEAVING_PROCESS, scenario], { stdio: ['ignore', 'pipe', 'inherit'] });
      let printed = '';
      child.stdout.on('data', (data) => {
        printed += data;
      });
      const [code] = await once(child, 'close');
      assert.deepEqual({ code, printed }, { code: 0, printed: output });
    });
  }

  it('keeps the process alive while it listens for ever, though there is nothing to do', {
    timeout: HANGS_AFTER,
  }, async () => {
    const child = spawn(process.execPath, [LEAVING_PROCESS, 'holding'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (data) => {
      printed += data;
      if (printed === 'holding\n') child.kill('SIGTERM');
    });
    const [code, signal] = await once(child, 'close');
    assert.deepEqual({ code, signal, printed }, { code: 0, signal: null, printed: 'holding\nended\n' });
  });

  it('names a peer by its IPv4 address when it came to a socket of both families', async () => {
    const pair = new Pair(world);
    const outcomes: ListenOutcome[] = [];
    pair.listening.listen({ port: 0 }, pair.b, (outcome) => outcomes.push(outcome));
    await world.until(() => outcomes.length === 1);
    const [outcome] = outcomes;
    assert.ok(outcome?.ok && 'port' in outcome.listener.address);
    pair.dialler.startConnection({ host: '::ffff:127.0.0.1', port: outcome.listener.address.port }, pair.a);
    await world.until(() => pair.b.sockets.length === 1 && pair.a.sockets.length === 1);
    assert.deepEqual(pair.a.socket.remote, { host: '127.0.0.1', port: outcome.listener.address.port });
    assert.ok('host' in pair.b.socket.remote);
    assert.equal(pair.b.socket.remote.host, '127.0.0.1');
  });

  it('listens in both families at one port when it is bound to an address of each', async (t) => {
    const hasIpv6 = Object.values(networkInterfaces()).flat();
    if (!hasIpv6.some((entry) => entry?.address === '::1')) return t.diagnostic('no ::1 here');
    const pair = new Pair(world);
    const server = world.create({ bindAddresses: { ipv4: '127.0.0.1', ipv6: '::1' } });
    const outcomes: ListenOutcome[] = [];
    server.listen({ port: 0 }, pair.b, (outcome) => outcomes.push(outcome));
    await world.until(() => outcomes.length === 1);
    const [outcome] = outcomes;
    assert.ok(outcome?.ok && 'port' in outcome.listener.address);
    const { port } = outcome.listener.address;
    for (const host of ['127.0.0.1', '::1']) server.startConnection({ host, port }, pair.handler(host));
    await world.until(() => pair.b.sockets.length === 2);
    outcome.listener.close();
    const late = ['127.0.0.1', '::1'].map((host) => {
      const handler = pair.handler(`late ${host}`);
      server.startConnection({ host, port }, handler);
      return handler;
    });
    await world.until(() => late.every((handler) => handler.lostCode() === 'refused'));
  });

  it('loses a dial from an address that this machine does not have, later', async () => {
    const pair = new Pair(world);
    const server = world.create({ bindAddresses: { ipv4: '192.0.2.77' } });
    server.startConnection({ host: '127.0.0.1', port: 9 }, pair.a);
    assert.equal(pair.a.lostCode(), null);
    await world.until(() => pair.a.lostCode() !== null);
    assert.deepEqual(pair.a.lost, { code: 'failed', cause: 'EADDRNOTAVAIL' });
    const outcomes: ListenOutcome[] = [];
    server.listen({ port: 0 }, pair.b, (outcome) => outcomes.push(outcome));
    await world.until(() => outcomes.length === 1);
    assert.deepEqual(outcomes, [{ ok: false, code: 'failed', cause: 'EADDRNOTAVAIL' }]);
  });

  it('says that a connection is refused, and why', async () => {
    const pair = new Pair(world);
    (await pair.listen()).close();
    pair.dialler.startConnection(pair.address, pair.a);
    await world.until(() => pair.a.lostCode() !== null);
    assert.deepEqual(pair.a.lost, { code: 'refused', cause: 'ECONNREFUSED' });
    const missing = pair.handler('missing');
    pair.dialler.startConnection({ path: '/nonexistent/btget' }, missing);
    await world.until(() => missing.lostCode() !== null);
    assert.deepEqual(missing.lost, { code: 'refused', cause: 'ENOENT' });
  });

  it('reads all dialled sockets through one buffer', async () => {
    const pair = await new Pair(world).connect();
    const other = pair.handler('other');
    pair.dialler.startConnection(pair.address, other);
    await world.until(() => pair.b.sockets.length === 2);
    const memory = new Set<ArrayBufferLike>();
    for (const handler of [pair.a, other]) handler.onData = (_socket, data) => memory.add(data.buffer);
    for (const socket of pair.b.sockets) socket.write([Buffer.from('x')]);
    await world.until(() => pair.a.text + other.text === 'xx');
    assert.equal(memory.size, 1);
  });

  it('reports a reset by the other side', async () => {
    const pair = new Pair(world);
    await pair.listen();
    assert.ok('port' in pair.address);
    const raw = connect(pair.address);
    await once(raw, 'connect');
    await world.until(() => pair.b.sockets.length === 1);
    raw.resetAndDestroy();
    await world.until(() => pair.b.lostCode() !== null);
    assert.deepEqual(pair.b.lost, { code: 'reset', cause: 'ECONNRESET' });
    assert.deepEqual(pair.log, ['b accepted', 'b lost reset']);
  });

  it('sends what was written before `end`, although the other side is slow and ends at once', async () => {
    const pair = new Pair(world);
    const length = 16 * 1024 * 1024;
    const raw = createServer({ allowHalfOpen: true }, (socket) => socket.end()).listen(0, '127.0.0.1');
    await once(raw, 'listening');
    const { port } = raw.address() as { port: number };
    const counted = new Promise<number>((resolve) => {
      raw.on('connection', (socket) => {
        let sum = 0;
        socket.on('data', (data) => {
          sum += data.length;
        });
        socket.on('end', () => resolve(sum));
      });
    });
    const socket = pair.dialler.startConnection({ host: '127.0.0.1', port }, pair.a);
    socket.write([Buffer.alloc(length)]);
    socket.end();
    assert.equal(await counted, length);
    await world.until(() => pair.a.lostCode() !== null);
    assert.deepEqual(pair.log, ['a made', 'a lost ended']);
    assert.equal(pair.a.flushedCount, 1);
    raw.close();
  });

  it('keeps a task that is due after more than 24 days', async () => {
    const server = world.create();
    const warnings: Error[] = [];
    const gotWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', gotWarning);
    let ran = 0;
    server.addTask(
      () => {
        ran += 1;
      },
      2 ** 31 + 5,
    );
    server.addTask(() => {
      ran += 100;
    }, Number.POSITIVE_INFINITY);
    await world.settle();
    await new Promise<void>((resolve) => server.addTask(resolve, 5));
    await world.settle();
    process.off('warning', gotWarning);
    assert.deepEqual({ ran, warnings }, { ran: 0, warnings: [] });
  });

  it('refuses to listen for ever after it is closed', () => {
    const pair = new Pair(world);
    world.close();
    assert.throws(() =>
      (pair.listening as unknown as { listenForever(ended: () => void): void }).listenForever(() => undefined),
    );
  });
});
