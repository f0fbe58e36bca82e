import assert from 'node:assert/strict';
import { renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { addressesInHosts, type HostsFiles, HostsTable } from '../../../../src/discovery/http/http-hosts-table.js';
import { countCalls } from '../../../support/counted-steps.js';
import { scratch } from '../../../support/disk/scratch.js';

const TABLE = `# a comment
127.0.0.1\tlocalhost
192.0.2.1  tracker.test Tracker # tracker.other
2001:DB8::1 tracker.test\r
0.0.0.0 blocked.test
nonsense tracker.test
tracker.test
192.0.2.4 my.tracker.test tracker.test.other
192.0.2.5 my.tracker.test TRACKER.test#end

192.0.2.3`;

const find = (text: string, name: string): string[] => addressesInHosts(text, text.toLowerCase(), name);

test('a table of hosts gives every address of a name or an alias, in its order, whatever other lines it has', () => {
  const names = ['tracker.test', 'tracker', 'tracker.other', 'blocked.test', '192.0.2.3', 'a', '', 'end'];
  assert.deepEqual(
    names.map((name) => find(TABLE, name)),
    [['192.0.2.1', '2001:DB8::1', '192.0.2.5'], ['192.0.2.1'], [], ['0.0.0.0'], [], [], [], []],
  );
});

test('of a long table only the lines with the name are taken apart', () => {
  const methods = ['split', 'replace', 'trim', 'slice', 'toLowerCase', 'charAt', 'indexOf', 'lastIndexOf'];
  const stepsIn = (lines: number): number => {
    const blocked = Array.from({ length: lines }, (_, index) => `0.0.0.0 ads${index}.example\n`).join('');
    const text = `${blocked}192.0.2.1 tracker.test\n${blocked}`;
    const lower = text.toLowerCase();
    return countCalls(String.prototype, methods, () =>
      assert.deepEqual(addressesInHosts(text, lower, 'tracker.test'), ['192.0.2.1']),
    );
  };
  assert.equal(stepsIn(10_000), stepsIn(1));
});

/** A file whose stamp and text the test changes, and what was asked of it. */
class FakeFiles implements HostsFiles {
  readonly log: string[] = [];
  stamp: string | null = '1';
  text: string | null = '192.0.2.1 a.test\n';

  stat(path: string, answered: (stamp: string | null) => void): void {
    this.log.push(`stat ${path}`);
    setImmediate(() => answered(this.stamp));
  }

  read(path: string, answered: (text: string | null) => void): void {
    this.log.push(`read ${path}`);
    setImmediate(() => answered(this.text));
  }
}

test('the file is read once for many look-ups, and again when it has changed, is gone or could not be read', async () => {
  const files = new FakeFiles();
  const table = new HostsTable('/hosts', files);
  const findIn = (name: string): Promise<readonly string[]> => new Promise((resolve) => table.find(name, resolve));
  const readsOf = async (names: readonly string[]): Promise<readonly [number, ...(readonly string[])[]]> => {
    files.log.length = 0;
    const addresses = await Promise.all(names.map(findIn));
    assert.equal(files.log.filter((line) => line === 'stat /hosts').length, names.length);
    return [files.log.filter((line) => line === 'read /hosts').length, ...addresses];
  };
  assert.deepEqual(await readsOf(['a.test', 'b.test', 'a.test']), [1, ['192.0.2.1'], [], ['192.0.2.1']]);
  files.text = '192.0.2.2 a.test\n';
  assert.deepEqual(
    await readsOf(['a.test', 'a.test']),
    [0, ['192.0.2.1'], ['192.0.2.1']],
    'nobody knows that it changed',
  );
  files.stamp = '2';
  assert.deepEqual(await readsOf(['a.test', 'a.test']), [1, ['192.0.2.2'], ['192.0.2.2']]);
  assert.deepEqual(await readsOf(['a.test']), [0, ['192.0.2.2']]);
  files.stamp = null;
  assert.deepEqual(await readsOf(['a.test']), [0, []]);
  files.stamp = '3';
  files.text = null;
  assert.deepEqual(await readsOf(['a.test']), [1, []]);
  files.text = '192.0.2.3 a.test\n';
  assert.deepEqual(await readsOf(['a.test']), [1, ['192.0.2.3']]);
});

test('a change of the time, the length or the inode of the file is seen', async (t) => {
  const path = join(scratch(t), 'hosts');
  const table = new HostsTable(path);
  const addresses = (): Promise<readonly string[]> => new Promise((resolve) => table.find('a.test', resolve));
  assert.deepEqual(await addresses(), []);
  writeFileSync(path, '192.0.2.1 a.test\n');
  utimesSync(path, 1_000, 1_000);
  assert.deepEqual(await addresses(), ['192.0.2.1']);
  writeFileSync(path, '192.0.2.2 a.test\n');
  utimesSync(path, 2_000, 2_000);
  assert.deepEqual(await addresses(), ['192.0.2.2'], 'another time');
  writeFileSync(path, '192.0.2.33 a.test\n');
  utimesSync(path, 2_000, 2_000);
  assert.deepEqual(await addresses(), ['192.0.2.33'], 'another length');
  const other = `${path}.new`;
  writeFileSync(other, '192.0.2.44 a.test\n');
  utimesSync(other, 2_000, 2_000);
  assert.notEqual(statSync(other).ino, statSync(path).ino);
  renameSync(other, path);
  assert.deepEqual(await addresses(), ['192.0.2.44'], 'another inode');
});
