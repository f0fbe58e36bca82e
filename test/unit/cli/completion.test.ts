/** The completion scripts: made from the commands and options that there are, and right in the eyes of each shell. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { completedCommands, completedOption, SHELLS } from '../../../src/cli/completion/vocabulary.js';
import { main } from '../../../src/cli/main.js';
import { runBtget } from '../../support/btget-process.js';
import { scratch } from '../../support/disk/scratch.js';
import { FakeIo } from './support/fake-io.js';

const MAIN = fileURLToPath(new URL('../../../../src/cli/main.ts', import.meta.url));

async function btget(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const io = new FakeIo();
  const code = await main(argv, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

describe('completion', () => {
  for (const shell of SHELLS) {
    const isThere = spawnSync(shell, ['--version'], { stdio: 'ignore' }).error === undefined;
    const skip = isThere ? false : `${shell} is not installed (Debian package ${shell})`;
    if (!isThere) console.log(`the syntax of the script for ${shell} is NOT TESTED: ${skip}`);

    it(`prints a script that ${shell} takes`, { skip }, async (t) => {
      const { code, out, err } = await btget('completion', shell);
      assert.deepEqual([code, err], [0, '']);
      const script = join(scratch(t), 'script');
      const check = (text: string) => {
        writeFileSync(script, text);
        return spawnSync(shell, ['-n', script], { encoding: 'utf8' });
      };
      const { status, stderr } = check(out);
      assert.deepEqual([status, stderr], [0, '']);
      // A check that takes everything would prove nothing.
      assert.notEqual(check(`${out}\nif (`).status, 0);
    });

    it(`names each command and each option in the script for ${shell}`, async () => {
      const { out } = await btget('completion', shell);
      const long = shell === 'fish' ? (name: string) => `-l ${name.slice(2)} ` : (name: string) => name;
      for (const { name, options } of completedCommands()) {
        assert.ok(out.includes(name), name);
        for (const option of options) assert.ok(out.includes(long(option.long)), option.long);
      }
    });
  }

  it('knows each command that there is, with the options that its help lists', async (t) => {
    const loaded = [...readFileSync(MAIN, 'utf8').matchAll(/\('\.\/commands\/(\w+)\.js'\)\)\.\1\b/g)];
    const names = completedCommands().map(({ name }) => name);
    assert.deepEqual(
      names.filter((name) => name !== 'help'),
      loaded.map(([, name]) => name),
    );
    for (const { name, options } of completedCommands()) {
      if (name === 'help') continue;
      const { out } = await runBtget(t, tmpdir(), [name, '--help']);
      const shown = [...out.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)].map(([, short = null, long]) => [short, long]);
      assert.deepEqual(options.map(({ short, long }) => [short, long]).sort(), shown.sort(), name);
    }
  });

  it('offers words where they are a list, and the paths that a value is about', () => {
    const download = completedCommands().find(({ name }) => name === 'download');
    const offered = Object.fromEntries(download?.options.map(({ long, value }) => [long, value]) ?? []);
    assert.deepEqual(
      ['--encryption', '--dir', '--blocklist', '--on-complete', '--select', '--json'].map((long) => offered[long]),
      [['off', 'allow', 'prefer', 'require'], 'folder', 'file', 'program', 'unknown', null],
    );
    const flags = ['--log <FILE>', '--to <DIR>'].map((flags) =>
      completedOption({ flags, sentence: '', group: 'Files', initial: '', read: (text) => text }),
    );
    assert.deepEqual(
      flags.map(({ value }) => value),
      ['file', 'folder'],
    );
  });

  it('is wrong usage for any other shell', async () => {
    for (const argv of [['completion'], ['completion', 'tcsh'], ['completion', 'bash', 'zsh']]) {
      const { code, out, err } = await btget(...argv);
      assert.deepEqual([code, out], [28, '']);
      assert.match(err, /^btget: [^\n]+\n$/);
    }
  });
});
