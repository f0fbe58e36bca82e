/** Why nothing comes, as a terminal and a log are told of it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { btget, HOSTS, isInstalled } from './support.js';
import { BTGET_COMMAND, Terminal } from './terminal.js';

const LINK = `magnet:?xt=urn:btih:${'0123456789abcdef'.repeat(3).slice(0, 40)}&dn=nobody`;

test('of a link that nobody knows a terminal gets each reason in a row, and a log gets all of them in one line', {
  timeout: 60_000,
  skip: isInstalled('tmux', '-V') ? false : 'tmux is not installed (Debian package tmux)',
}, async (t) => {
  const dir = scratch(t);
  // A node of the DHT that is not there; the names of the others lead nowhere here.
  const args = [LINK, '--bind', HOSTS.btget, '--dht-node', `${HOSTS.rival}:6881`, '--port', '0', '--no-lsd'];
  const log = btget(t, ...args, '-d', join(dir, 'logged'));
  const terminal = new Terminal(t, dir);
  terminal.enter(`${BTGET_COMMAND} ${args.map((word) => `'${word}'`).join(' ')} -d ${join(dir, 'shown')}`);
  const rows = await terminal.until((screen) => {
    const lines = screen.split('\n').map((line) => line.trimEnd());
    const [first, last] = [lines.indexOf('nobody: stalled'), lines.findIndex((line) => line.endsWith('name some'))];
    return first < 0 || last < 0 ? undefined : lines.slice(first, last + 1);
  });
  const dht = /^no node of the DHT answers, 0 of \d+ routers reached/;
  assert.equal(rows.length, 5, rows.join('\n'));
  assert.match(rows[1]?.slice(2) ?? '', dht);
  assert.deepEqual(
    [rows[0], ...rows.slice(2)],
    [
      'nobody: stalled',
      '      a firewall may hold UDP back',
      '  no tracker to ask',
      '      --tracker and --peer name some',
    ],
  );
  terminal.interrupt();
  const [line] = await log.until((output) => /^nobody: stalled.*$/m.exec(output));
  const [first, second, ...others] = line.replace('nobody: stalled: ', '').split('; ');
  assert.match(first ?? '', new RegExp(`${dht.source} \\(a firewall may hold UDP back\\)$`));
  assert.deepEqual([second, others], ['no tracker to ask (--tracker and --peer name some)', []]);
});
