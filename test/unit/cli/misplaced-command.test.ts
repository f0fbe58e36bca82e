import assert from 'node:assert/strict';
import { test } from 'node:test';
import { misplacedCommand } from '../../../src/cli/commands/misplaced-command.js';

const COMMANDS = ['download', 'seed', 'show', 'verify', 'cat', 'create', 'config'];
const misplaced = (line: string): string | null => misplacedCommand(line.split(' '), (word) => COMMANDS.includes(word));

test('a command behind options is misplaced', () => {
  for (const line of ['--bind 127.0.0.1 seed x', '-q seed x', '--json seed', '-d here seed x', '--dir=here seed x'])
    assert.equal(misplaced(line), 'seed', line);
});

test('the value of an option is no command', () => {
  for (const line of [
    'x -d download',
    'x -d seed',
    'x -qd seed',
    'x --output show',
    'x --on-complete cat',
    'x --select verify',
    '-i create',
    '--config config',
    'x --dir=seed',
  ])
    assert.equal(misplaced(line), null, line);
});

test('a file that is there is no command', () => {
  assert.equal(
    misplacedCommand(['--json', 'src'], (word) => word === 'src'),
    null,
  );
});
