import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameBytes, nameText } from '../../../src/base/raw-name.js';
import { UNPRINTABLE } from '../../../src/base/unprintable.js';
import { shellPath, shellWord } from '../../../src/cli/output/shell-word.js';

const hasBash = spawnSync('bash', ['-c', 'exit 0']).status === 0;

test('a word is quoted only when the shell would read it in another way', () => {
  const rows = [
    ['a-b_c.1', 'a-b_c.1'],
    ['', "''"],
    ['a b', "'a b'"],
    ["it's", "'it'\\''s'"],
    ['$HOME', "'$HOME'"],
    ['~', "'~'"],
    ['漢', "'漢'"],
    ['a\nb', "$'a\\x0ab'"],
    ["\u202e'\\", "$'\\xe2\\x80\\xae\\'\\\\'"],
    ['\udcff', "$'\\xff'"],
  ] as const;
  for (const [text, word] of rows) assert.equal(shellWord(text), word);
  assert.equal(shellPath('-rf'), './-rf');
});

test('bash reads each name back, byte for byte, and the terminal gets only printable text', { skip: !hasBash }, () => {
  const unit = fc.oneof(
    fc.constantFrom(' ', "'", '"', '\\', '$', '`', '!', '*', '~', '\n', '\t', '\x1b', '\u202e', '\u200d', '漢', '0'),
    fc.integer({ min: 0x80, max: 0xff }).map((byte) => nameText(Buffer.of(byte))),
  );
  const names = fc.sample(
    fc.array(unit, { maxLength: 8 }).map((units) => nameText(nameBytes(units.join('')))),
    200,
  );
  const words = names.map(shellWord);
  for (const word of words) assert.equal(word.search(UNPRINTABLE), -1, word);
  const { stdout, status } = spawnSync('bash', ['-c', `printf '%s\\0' ${words.join(' ')}`]);
  assert.equal(status, 0);
  const expected = Buffer.concat(names.flatMap((name) => [nameBytes(name), Buffer.of(0)]));
  assert.deepEqual(stdout, expected);
});
