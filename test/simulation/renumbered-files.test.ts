/** Whole clients on a file system that numbers its files anew, as FAT does when the system has forgotten them. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import type { FileNames } from '../../src/disk/names.js';
import type { IdentifiedFile } from '../../src/disk/system/operations.js';
import { DiskClient } from '../support/disk/disk-client.js';
import { hereWorker } from '../support/disk/disk-worker.js';
import { renumberedDisk } from '../support/disk/renumbered-disk.js';
import { sampleTorrent } from '../support/sample-torrent.js';
import { SimulatedSwarm } from '../support/simulation/simulated-swarm.js';

const KIB = 1024;
const root = mkdtempSync(join(tmpdir(), 'btget-renumbered-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** More files than a worker keeps open. Most pieces at their borders are parts of two files. */
const LENGTH = 10 * KIB;
const SAMPLE = sampleTorrent(
  Array.from({ length: 100 }, (_, index) => ({ path: `t/${index}`, length: LENGTH })),
  4 * KIB,
);

function put(dir: string, nameOf: (file: number) => { readonly name: string; readonly length: number }): void {
  for (const [index, { path }] of SAMPLE.metainfo.files.entries()) {
    const { name, length } = nameOf(index);
    const file = join(dir, `${path.join('/')}${name}`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, SAMPLE.fileBytes(index).subarray(0, length));
  }
}

/** Runs a client with a peer that has everything. */
function run(dir: string): DiskClient {
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const seed = swarm.start({ seed: true });
  const client = new DiskClient(swarm, SAMPLE, {
    operations: renumberedDisk(),
    memory: 1 << 20,
    torrent: { dir, peers: [seed.address] },
    done: () => undefined,
  });
  client.runToEnd(600_000);
  return client;
}

function assertDone(client: DiskClient, dir: string, downloaded: number): void {
  assert.deepEqual([client.failure, client.done, client.warnings], [null, true, []]);
  assert.equal(client.status.downloaded, downloaded);
  for (const [index, { path }] of SAMPLE.metainfo.files.entries())
    assert.deepEqual(readFileSync(join(dir, ...path)), SAMPLE.fileBytes(index));
  client.stop();
  assert.deepEqual(readdirSync(dir), ['t']);
}

test('files that get other numbers are found whole', () => {
  const dir = join(root, 'whole');
  put(dir, () => ({ name: '', length: LENGTH }));
  assertDone(run(dir), dir, 0);
});

test('files that get other numbers go on where they were', () => {
  const dir = join(root, 'begun');
  put(dir, (file) => (file % 5 === 0 ? { name: '.part', length: 4 * KIB } : { name: '', length: LENGTH }));
  const client = run(dir);
  assertDone(client, dir, client.status.downloaded);
  assert.ok(client.status.downloaded < SAMPLE.metainfo.length / 2);
});

test('files that get other numbers are written to again after they were closed to make room', async () => {
  const place = { id: 0, root: join(root, 'written'), partNames: true, overwrite: false };
  const worker = hereWorker(renumberedDisk());
  const namesOf = (file: number): FileNames => ({ final: `${file}`, part: `${file}.part` });
  const write = async (file: number, begin: number, text: string): Promise<void> => {
    const writes = [{ file, names: namesOf(file), begin, from: 0, length: text.length }];
    const told = await worker.ask('write', { place, writes, data: Buffer.from(text) });
    assert.ok(told.ok, `file ${file}`);
  };
  const files = Array.from({ length: 150 }, (_, file) => file);
  for (const [begin, text] of ['one', 'two'].entries()) for (const file of files) await write(file, begin * 3, text);
  const told = await worker.ask('identifyOurs', { place, names: namesOf(0) });
  assert.ok(told.ok && told.value !== null);
  writeFileSync(join(place.root, 'stranger'), 'theirs');
  renameSync(join(place.root, 'stranger'), join(place.root, '1.part'));
  const writes = [{ file: 1, names: namesOf(1), begin: 0, from: 0, length: 1 }];
  const strange = await worker.ask('write', { place, writes, data: Buffer.from('x') });
  assert.ok(!strange.ok && strange.failure.lost === '1.part');
  await worker.ask('end', {});
  for (const file of files)
    if (file !== 1) assert.equal(readFileSync(join(place.root, `${file}.part`), 'utf8'), 'onetwo');
});

test('a file that has another number and is alike in all else is the same only where files are numbered anew', async () => {
  for (const isAnew of [true, false]) {
    const operations = { ...renumberedDisk(), numbersAnew: () => isAnew };
    const place = { id: 0, root: join(root, `alike-${isAnew}`), partNames: true, overwrite: false };
    mkdirSync(place.root);
    for (const name of ['hashed', 'adopted', 'written', 'other']) writeFileSync(join(place.root, name), 'text');
    const worker = hereWorker(operations);
    const forgets = (): void => {
      const other = operations.open(join(place.root, 'other'), 'read', false);
      operations.read(other, Buffer.alloc(4), 4, 0);
      operations.close(other);
    };
    const seen = (name: string): IdentifiedFile => operations.identify(join(place.root, name)) ?? assert.fail(name);
    const { id, ...identity } = seen('hashed');
    const adopted = {
      file: 1,
      names: { final: 'adopted', part: 'adopted' },
      identity: seen('adopted'),
      isWritten: true,
    };
    const written = {
      file: 2,
      names: { final: 'written', part: 'written' },
      identity: seen('written'),
      isWritten: false,
    };
    const isClaimed = (await worker.ask('adopt', { place, files: [written] })).ok;
    forgets();
    const sources = [
      { kind: 'file', places: [{ root: place.root, path: 'hashed', id, identity }], begin: 0, length: 4 },
    ] as const;
    const hashed = await worker.ask('hash', { jobs: [{ sources, pieceLength: 4, sha1: true, tree: null }] });
    const isAdopted = (await worker.ask('adopt', { place, files: [adopted] })).ok;
    const writes = [{ file: 2, names: written.names, begin: 0, from: 0, length: 1 }];
    const isWritten = (await worker.ask('write', { place, writes, data: Buffer.from('T') })).ok;
    assert.deepEqual(
      { isClaimed, hashed: hashed.ok && hashed.value[0]?.kind, isAdopted, isWritten },
      { isClaimed: true, hashed: isAnew ? 'hashed' : 'missing', isAdopted: isAnew, isWritten: isAnew },
    );
    await worker.ask('end', {});
  }
});

test('files that get other numbers are served', () => {
  const dir = join(root, 'served');
  put(dir, () => ({ name: '', length: LENGTH }));
  const swarm = new SimulatedSwarm(SAMPLE, 1);
  const client = new DiskClient(swarm, SAMPLE, {
    operations: renumberedDisk(),
    memory: 1 << 20,
    torrent: { dir, mode: 'seed', seedGoal: { ratio: null, time: null } },
    done: () => undefined,
  });
  client.runToEnd(60_000);
  const leech = swarm.start({ torrent: { peers: [client.address] } });
  swarm.timeline.runUntil(() => leech.done || leech.failure !== null, 600_000);
  assert.equal(leech.failure, null);
  assert.deepEqual([client.failure, client.warnings], [null, []]);
  client.stop();
  swarm.stop();
});
