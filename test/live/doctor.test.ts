/** `btget doctor` on machines of different health. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import { Machine } from './machine.js';
import type { Program } from './support.js';

const OPTIONS = { timeout: 60_000 };

/** Takes connections at a port of its own, which it prints, and says nothing. */
const MUTE_SERVER = `const server = require('net').createServer(() => undefined);
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port + '.'));`;

interface Findings {
  /** Of a check, in order. */
  of(check: string): readonly Found[];
  states(): Readonly<Record<string, string>>;
}

interface Found {
  readonly check: string;
  readonly state: string;
  readonly code: string | null;
  readonly message: string;
}

function findings(program: Program): Findings {
  const all = program.events() as unknown as readonly Found[];
  return {
    of: (check) => all.filter((found) => found.check === check),
    states: () => Object.fromEntries(all.map(({ check, state }) => [check, state])),
  };
}

// Each on a machine of its own.
describe('the doctor', { concurrency: true }, () => {
  test(
    'behind a loopback fence the doctor looks at what is left, and not one packet leaves the machine',
    OPTIONS,
    async (t) => {
      const dir = scratch(t);
      const machine = new Machine(t, dir);
      await machine.ready();
      const before = machine.sentOutside();
      const bind = ['--bind', '127.0.0.1'];
      const tracker = machine.btget('tracker', ...bind, '--port', '0');
      const url = await tracker.until((output) => /http:\/\/127\.0\.0\.1:\d+\/announce/.exec(output)?.[0]);
      writeNoise(dir, { 'data.bin': 100_000 });
      const torrent = join(dir, 'data.torrent');
      const made = ['-o', torrent, '--tracker', url, '--meta-version', 'hybrid'];
      const create = machine.btget('create', join(dir, 'data.bin'), ...made);
      assert.equal(await create.ended, 0, create.stderr);
      const seed = machine.btget('seed', torrent, '-d', dir, ...bind);
      await seed.until((output) => /seeding/.exec(output));

      const doctor = machine.btget('doctor', torrent, ...bind, '--json');
      assert.equal(await doctor.ended, 0, doctor.stdout + doctor.stderr);
      const found = findings(doctor);
      assert.deepEqual(found.states(), {
        disk: 'ok',
        descriptors: 'ok',
        ipv4: 'ok',
        ipv6: 'skipped',
        udp: 'ok',
        listen: 'ok',
        dht: 'skipped',
        'port-mapping': 'skipped',
        tracker: 'ok',
        peers: 'ok',
      });
      assert.equal(found.of('peers')[0]?.message, '1 peer of this torrent answered');
      assert.match(
        found.of('tracker')[0]?.message ?? '',
        /: 1 seed, 0 downloading \(v1\); 1 seed, 0 downloading \(v2\)$/,
      );

      const outside = [
        '--tracker',
        'udp://198.51.100.9:6969/announce',
        '--tracker',
        'http://tracker.example.org/announce',
      ];
      const refused = machine.btget('doctor', torrent, ...bind, '--json', ...outside);
      assert.equal(await refused.ended, 6, refused.stdout + refused.stderr);
      assert.deepEqual(
        findings(refused)
          .of('tracker')
          .map(({ state, code }) => [state, code]),
        [
          ['failed', 'network'],
          ['failed', 'network'],
          ['ok', null],
        ],
      );
      assert.equal(machine.sentOutside(), before);
    },
  );

  test('without name servers and routers the doctor says so, names what to do, and ends with 6', OPTIONS, async (t) => {
    const dir = scratch(t);
    const machine = new Machine(t, dir);
    await machine.ready();
    const before = machine.sentOutside();
    const doctor = machine.btget('doctor', '--json', '--dht-node', '198.51.100.77:6881', '-d', join(dir, 'not', 'yet'));
    assert.equal(await doctor.ended, 6, doctor.stdout + doctor.stderr);
    const found = findings(doctor);
    assert.match(found.of('ipv4')[0]?.message ?? '', /leaves from 192\.0\.2\.1/);
    assert.equal(found.of('ipv6')[0]?.state, 'warning');
    assert.equal(found.of('dht')[0]?.state, 'failed');
    assert.match(found.of('dht')[0]?.message ?? '', /1 silent, 4 without an address/);
    assert.equal(found.of('port-mapping')[0]?.state, 'warning');
    assert.ok(machine.sentOutside() > before, 'routers and gateways were asked');
  });

  test(
    'a port that somebody has, a folder that nobody may write, and too many bytes are told with their exit codes',
    OPTIONS,
    async (t) => {
      const dir = scratch(t);
      const machine = new Machine(t, dir);
      await machine.ready();
      const bind = ['--bind', '127.0.0.1', '--json'];
      const tracker = machine.btget('tracker', '--bind', '127.0.0.1', '--port', '0');
      const port = await tracker.until((output) => /http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1]);
      const taken = machine.btget('doctor', ...bind, '--port', port);
      assert.equal(await taken.ended, 6, taken.stdout + taken.stderr);
      assert.match(findings(taken).of('listen')[0]?.message ?? '', /in use/);

      mkdirSync(join(dir, 'folder'));
      writeNoise(dir, { file: 10 });
      const blocked = machine.btget('doctor', ...bind, '-d', join(dir, 'file'));
      assert.equal(await blocked.ended, 16, blocked.stdout + blocked.stderr);

      const missing = machine.btget('doctor', ...bind, join(dir, 'none.torrent'));
      assert.equal(await missing.ended, 3, missing.stdout + missing.stderr);
      assert.equal(findings(missing).of('listen')[0]?.state, 'ok', 'the rest is looked at all the same');
    },
  );

  test('Ctrl-C while peers are looked for ends the doctor with 7, and nothing more is said', OPTIONS, async (t) => {
    const dir = scratch(t);
    const machine = new Machine(t, dir);
    await machine.ready();
    const bind = ['--bind', '127.0.0.1'];
    const tracker = machine.btget('tracker', ...bind, '--port', '0');
    const url = await tracker.until((output) => /http:\/\/127\.0\.0\.1:\d+\/announce/.exec(output)?.[0]);
    writeNoise(dir, { 'data.bin': 1000 });
    const torrent = join(dir, 'data.torrent');
    const create = machine.btget('create', join(dir, 'data.bin'), '-o', torrent, '--tracker', url);
    assert.equal(await create.ended, 0, create.stderr);
    // A port at which nobody says a word.
    const mute = machine.run(process.execPath, '-e', MUTE_SERVER);
    const port = await mute.until((output) => /port (\d+)\./.exec(output)?.[1]);
    const doctor = machine.btget('doctor', torrent, ...bind, '--json', '--peer', `127.0.0.1:${port}`);
    await doctor.until((output) => /"check":"tracker"/.exec(output));
    assert.equal(await doctor.interrupt(), 7, doctor.stderr);
    assert.deepEqual(findings(doctor).of('peers'), []);
    const show = machine.run('curl', '-s', url.replace('announce', 'stats.json'));
    await show.ended;
    const { leeches } = JSON.parse(show.stdout) as { leeches: number };
    assert.equal(leeches, 0, 'it has said good-bye to the tracker');
  });

  test('Ctrl-C ends the doctor with 7', OPTIONS, async (t) => {
    const dir = scratch(t);
    const machine = new Machine(t, dir);
    await machine.ready();
    const doctor = machine.btget('doctor');
    await doctor.until((output) => /UDP over/.exec(output));
    assert.equal(await doctor.interrupt(), 7, doctor.stderr);
  });
});
