import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesInHosts } from '../../../../src/discovery/http/http-name-lookup.js';

const TABLE = `# a comment
127.0.0.1\tlocalhost
192.0.2.1  tracker.test Tracker # tracker.other
2001:db8::1 tracker.test\r
0.0.0.0 blocked.test
nonsense tracker.test

192.0.2.3`;

test('a table of hosts gives every address of a name or an alias, in its order, whatever other lines it has', () => {
  const names = ['tracker.test', 'tracker', 'tracker.other', 'blocked.test', '192.0.2.3', 'a', ''];
  assert.deepEqual(
    names.map((name) => addressesInHosts(TABLE, name)),
    [['192.0.2.1', '2001:db8::1'], ['192.0.2.1'], [], ['0.0.0.0'], [], [], []],
  );
});
