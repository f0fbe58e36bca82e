/** The manual page for man(1), the help and the table of options say the same. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { completedCommands, optionsOf } from '../../../src/cli/completion/vocabulary.js';
import { runBtget } from '../../support/btget-process.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const PATH = join(ROOT, 'dist/package/btget.1');
const COMMANDS = completedCommands();

/** The text of the page, with the macros at the beginnings of lines, and without what only gives it a look. */
function page(): string {
  assert.ok(existsSync(PATH), 'npm run bundle makes dist/package/btget.1, which is not there');
  const roff = readFileSync(PATH, 'utf8');
  return roff
    .replace(/\\f[A-Z]|\\\|/g, '')
    .replace(/\\([-.])/g, '$1')
    .replaceAll('\\(aq', "'");
}

/** What stands between a heading and the next one of its kind, or of a higher one. */
function section(heading: string): string {
  const [, head = '', ...rest] = page().split(new RegExp(`^\\.(S[SH]) "?${heading}"?\n`, 'm'));
  const ends = head === 'SH' ? /^\.SH /m : /^\.S[SH] /m;
  assert.notEqual(head, '', heading);
  return rest.join('').split(ends)[0] ?? '';
}

const terms = (text: string): string[] => [...text.matchAll(/^\.TP\n(.*)\n/gm)].map(([, term = '']) => term);
const longs = (text: string): string[] => [...text.matchAll(/--[\w-]+/g)].map(([long]) => long);

describe('the manual page', () => {
  it('names each command, and no other', () => {
    assert.deepEqual(
      terms(section('COMMANDS')),
      COMMANDS.map(({ name }) => name),
    );
  });

  it('describes each option of each command as the help does, and no other', async (t) => {
    const groups = new Set(Object.values(optionsOf('download')).map(({ group }) => group));
    for (const { name, options } of COMMANDS) {
      if (options.length <= 1) continue;
      const text =
        name === 'download'
          ? [...groups].map((group) => section(`${group} \\(download\\)`)).join('')
          : section(`Options of ${name}`);
      const [, borrowed = ''] = /^As of download: (.*)\.$/m.exec(text.replaceAll(',\n', ', ')) ?? [];
      const described = [...longs(borrowed), ...terms(text).flatMap(longs)];
      const { out } = await runBtget(t, tmpdir(), [name, '--help']);
      const inHelp = [...out.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, long]) => long);
      assert.deepEqual([...described, '--help'].sort(), inHelp.sort(), name);
    }
  });

  it('gives each option its short form, its value and its sentence', () => {
    const text = page();
    for (const { name } of COMMANDS)
      for (const { flags, sentence } of Object.values(optionsOf(name))) {
        const shown = flags.replace(/<(.*)>/, (_, value: string) => value.toUpperCase());
        assert.ok(text.includes(`\n.TP\n${shown}\n${sentence}\n`), `${shown}: ${sentence}`);
      }
  });

  it('speaks of no option that is not there', () => {
    const all = COMMANDS.flatMap(({ options }) => options.map(({ long }) => long));
    const opposites = all.map((long) => (long.startsWith('--no-') ? `--${long.slice(5)}` : `--no-${long.slice(2)}`));
    const known = new Set([...all, ...opposites, '--version']);
    assert.deepEqual(
      longs(page()).filter((long) => !known.has(long)),
      [],
    );
  });

  it('has the exit codes of the manual', () => {
    const [, table = ''] = readFileSync(join(ROOT, 'docs/manual.md'), 'utf8').split('\n## Exit codes\n');
    const codes = [...(table.split(/^## /m)[0] ?? '').matchAll(/^\| (\d+) \|/gm)].map(([, code]) => code);
    assert.ok(codes.length > 10);
    assert.deepEqual(terms(section('EXIT STATUS')), codes);
  });

  const isThere = spawnSync('man', ['--version'], { stdio: 'ignore' }).error === undefined;
  const skip = isThere ? false : 'man is not installed (Debian package man-db)';
  if (skip !== false) console.log(`what man says of the manual page is NOT TESTED: ${skip}`);
  it('is shown by man without a warning, in 60 columns and in 200', { skip }, () => {
    for (const columns of ['60', '200']) {
      const env = { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: columns };
      const { status, stdout, stderr } = spawnSync('man', ['--warnings', '-l', PATH], { env, encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout, /^NAME\n +btget - wget for BitTorrent\n/m);
      assert.match(stdout, /btget 'magnet:\?xt=/);
    }
  });
});
