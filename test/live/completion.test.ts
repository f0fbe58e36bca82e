/** Completion of the command line, by the Tab key in a real bash, zsh and fish. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { COMMAND_OPTIONS } from '../../src/cli/command-options.js';
import { bashCompletion } from '../../src/cli/completion/bash.js';
import { fishCompletion } from '../../src/cli/completion/fish.js';
import { completedCommands, SHELLS, type Shell } from '../../src/cli/completion/vocabulary.js';
import { zshCompletion } from '../../src/cli/completion/zsh.js';
import { HANGS_AFTER } from '../support/hang.js';
import { isInstalled } from './support.js';
import { Terminal } from './terminal.js';

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: bashCompletion(completedCommands()),
  zsh: zshCompletion(completedCommands()),
  fish: fishCompletion(completedCommands()),
};

/** What makes a new shell ready: it reads the script twice, asks nothing and knows nothing else. */
const STARTS: Readonly<Record<Shell, readonly string[]>> = {
  bash: [
    'exec bash --norc --noprofile',
    "PS1='$ '; bind 'set show-all-if-ambiguous on'; bind 'set completion-query-items 0'; bind 'set page-completions off'",
    '. ../script; . ../script',
  ],
  zsh: ['exec zsh -f', "PS1='$ '; LISTMAX=1000; autoload -Uz compinit && compinit -D -u", '. ../script; . ../script'],
  fish: ['exec fish --no-config', "function fish_prompt; echo '$ '; end", 'source ../script; source ../script'],
};

/** A shell that has read the script, in a folder with some files. Neither btget nor Node can be started by their names. */
async function shellWith(test: TestContext, shell: Shell) {
  const dir = mkdtempSync(join(tmpdir(), 'btget-completion-'));
  test.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'here/films'), { recursive: true });
  mkdirSync(join(dir, 'bin'));
  for (const name of ['file.torrent', 'first one.TORRENT', 'fig.mkv']) writeFileSync(join(dir, 'here', name), '');
  const ran = join(dir, 'ran');
  for (const name of ['btget', 'node']) {
    writeFileSync(join(dir, 'bin', name), `#!/bin/sh\necho "$0 $*" >>${ran}\n`);
    chmodSync(join(dir, 'bin', name), 0o755);
  }
  writeFileSync(join(dir, 'script'), SCRIPTS[shell]);
  const places = [`HOME=${dir}`, `XDG_CONFIG_HOME=${dir}`, `XDG_DATA_HOME=${dir}`, 'LC_ALL=C.UTF-8'];
  const terminal = new Terminal(test, dir, [...places, `PATH=${dir}/bin:/usr/bin:/bin`]);
  terminal.enter(`cd ${dir}/here`);
  for (const line of STARTS[shell]) terminal.enter(line);
  terminal.enter('clear; echo re""ady');
  await terminal.until((screen) => /^ready$/m.exec(screen));
  return {
    /** Presses Tab behind `line` until `expected` is on the screen, and gives all of the screen. */
    async complete(line: string, ...expected: readonly (string | RegExp)[]): Promise<string> {
      terminal.type(line, 'Tab');
      const screen = await terminal.until((shown) => {
        const [, after = ''] = shown.split(/^ready$/m);
        return expected.every((word) => after.search(word) !== -1) ? after : null;
      });
      assert.ok(!existsSync(ran), `${shell} started a program`);
      return screen;
    },
  };
}

const words = (screen: string, pattern: RegExp): string[] =>
  [...new Set([...screen.matchAll(pattern)].map(([word]) => word))].sort();

for (const shell of SHELLS) {
  const missing = [shell, 'tmux'].find((program) => !isInstalled(program, program === 'tmux' ? '-V' : '--version'));
  const skip = missing === undefined ? false : `${missing} is not installed (Debian package ${missing})`;
  if (skip !== false) console.log(`completion in ${shell} is NOT TESTED: ${skip}`);

  describe(`the Tab key in ${shell}`, { skip, timeout: HANGS_AFTER }, () => {
    it('shows the options of a download that begin so, with no command given', async (t) => {
      const { complete } = await shellWith(t, shell);
      const expected = Object.values(COMMAND_OPTIONS['download'] ?? {})
        .map(({ flags }) => /--[\w-]+/.exec(flags)?.[0] ?? '')
        .filter((long) => long.startsWith('--s'));
      assert.ok(expected.includes('--select'));
      const screen = await complete('btget --s', ...expected);
      assert.deepEqual(words(screen, /--s\w[\w-]+/g), [...expected].sort());
    });

    it('shows the commands that begin so', async (t) => {
      const { complete } = await shellWith(t, shell);
      const expected = completedCommands().flatMap(({ name }) => (name.startsWith('s') ? name : []));
      const screen = await complete('btget s', ...expected);
      // What a command does stands behind its name, in words of its own.
      assert.deepEqual(words(screen, /(?<=^|\s{2,})[a-z]+\b/gm), expected.sort());
    });

    it('offers nothing for a pattern, neither options nor files', async (t) => {
      const { complete } = await shellWith(t, shell);
      await complete('btget --select ', 'btget --select');
      // What was typed is still there, and goes on.
      const screen = await complete('1-3 fi', 'btget --select 1-3 fi', 'file.torrent', 'films');
      const [before = ''] = screen.split('1-3 fi');
      assert.equal(before.trim().replace('$', '').trim(), 'btget --select');
    });

    it('shows torrents and folders, and no other file', async (t) => {
      const { complete } = await shellWith(t, shell);
      const screen = await complete('btget fi', 'file.torrent', 'films/', 'one.TORRENT');
      assert.doesNotMatch(screen, /fig\.mkv/);
    });

    it('puts in what is the only one: a name with a blank, a command, a word, a folder', async (t) => {
      for (const [line, expected] of [
        ['btget seed firs', /btget seed (?:first\\ one\.TORRENT|'first one\.TORRENT'|"first one\.TORRENT")/],
        ['btget down', /btget download/],
        ['btget --encryption req', /btget --encryption require/],
        ['btget seed --encryption=req', /btget seed --encryption=require/],
        ['btget create --meta-version hy', /btget create --meta-version hybrid/],
        ['btget -d fil', /btget -d films\//],
        ['btget create fig', /btget create fig\.mkv/],
        ['btget completion z', /btget completion zsh/],
        ['btget config tra', /btget config tracker/],
        ['btget -- file', /btget -- file\.torrent/],
      ] as const) {
        const { complete } = await shellWith(t, shell);
        await complete(line, expected);
      }
    });

    it('shows no option that the command does not have', async (t) => {
      const { complete } = await shellWith(t, shell);
      const screen = await complete('btget tracker --', '--interval', '--nat-check', '--config');
      assert.doesNotMatch(screen, /--select|--dir/);
    });
  });
}
