/**
 * `npm run test:hostile`: attacks by real processes, each file in a network namespace of its own. With `--report` a table
 * of what they did follows; other arguments are the built files to run instead of all.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AttackRow } from './report.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const IN_NAMESPACE = fileURLToPath(new URL('../../../test/live/in-namespace.sh', import.meta.url));

const asked = process.argv.slice(2);
const named = asked.filter((argument) => argument !== '--report');
const all = readdirSync(HERE).filter((name) => name.endsWith('.test.js'));
const files = named.length > 0 ? named : all.sort().map((name) => join(HERE, name));
const dir = mkdtempSync(join(tmpdir(), 'btget-hostile-'));
const report = join(dir, 'report');
// Root keeps the users of the machine, so that one of them can attack another.
const keepsUsers = process.getuid?.() === 0 && spawnSync('unshare', ['-n', 'true']).status === 0;
const unshare = keepsUsers ? { BTGET_UNSHARE: '-n' } : {};
const { status } = spawnSync('sh', [IN_NAMESPACE, ...files], {
  stdio: 'inherit',
  env: { ...process.env, ...unshare, HOSTILE_REPORT: report },
});
const lines = existsSync(report) ? readFileSync(report, 'utf8').trim().split('\n') : [];
rmSync(dir, { recursive: true, force: true });
if (asked.includes('--report')) process.stdout.write(tableOf(lines.map((line) => JSON.parse(line) as AttackRow)));
process.exitCode = status ?? 1;

function tableOf(rows: readonly AttackRow[]): string {
  const head = ['| attack | figure | clean | under attack | limit |', '| --- | --- | --- | --- | --- |'];
  const body = rows.map(({ attack, figure, clean, underAttack, limit }) =>
    ['', attack, figure, clean ?? '–', underAttack, limit, ''].join(' | ').trim(),
  );
  return `\n${[...head, ...body].join('\n')}\n`;
}
