/** How wide a real terminal draws the texts whose columns we count. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { columnsOf } from '../../src/cli/output/escape.js';
import { scratch } from '../support/disk/scratch.js';
import { TEXT_COLUMNS } from '../support/text-columns.js';
import { isInstalled, ROOT } from './support.js';
import { Terminal } from './terminal.js';

const NO_WIDE_SELECTOR = 'it knows no selector U+FE0F, and draws the form as text';
const NO_SKIN_TONE = 'it draws the skin tone as a picture of its own, two columns wider';
const NO_KEYS = 'it draws U+20E3 upon the narrow digit';

/** Where tmux 3.3a draws other columns than we count, and why. Others may know more. */
const OTHER_IN_TMUX: Readonly<Record<string, string>> = {
  'the same in its coloured form': NO_WIDE_SELECTOR,
  'a coloured heart': NO_WIDE_SELECTOR,
  'a flag of two pictures': NO_WIDE_SELECTOR,
  'a skin tone': NO_SKIN_TONE,
  'a skin tone upon a narrow picture': NO_SKIN_TONE,
  'the same with a selector': NO_SKIN_TONE,
  'a key': NO_KEYS,
  'a key without the selector': NO_KEYS,
};

test('tmux draws each text as wide as we count it, but for what it does not know of emoji', {
  timeout: 20_000,
  skip: isInstalled('tmux', '-V') ? false : 'tmux is not installed (Debian package tmux)',
}, async (t) => {
  const dir = scratch(t);
  const path = join(dir, 'columns.json');
  const terminal = new Terminal(t, dir);
  terminal.enter(`${process.execPath} ${join(ROOT, 'dist/test/live/ask-columns.js')} ${path}; echo exit $?`);
  assert.equal(await terminal.until((screen) => /^exit (\d+)$/m.exec(screen)?.[1]), '0');
  assert.ok(existsSync(path));
  const drawn: readonly number[] = JSON.parse(readFileSync(path, 'utf8'));
  assert.equal(drawn.length, TEXT_COLUMNS.length);
  const others = TEXT_COLUMNS.flatMap(([text, , what], index) => {
    const columns = drawn[index];
    if (columns === columnsOf(text)) return [];
    t.diagnostic(`${what}: ${columns} columns, and ${columnsOf(text)} counted; ${OTHER_IN_TMUX[what] ?? 'why?'}`);
    return [what];
  });
  assert.deepEqual(
    others.filter((what) => OTHER_IN_TMUX[what] === undefined),
    [],
  );
});
