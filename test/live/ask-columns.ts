/** Writes each text of a list to its terminal, asks it where the cursor is then, and writes the answers to argv[2]. */
import { writeFileSync } from 'node:fs';
import { TEXT_COLUMNS } from '../support/text-columns.js';

const { stdin, stdout } = process;
const [, , path = ''] = process.argv;
const columns: number[] = [];

function ask(): void {
  const next = TEXT_COLUMNS[columns.length];
  if (next !== undefined) {
    stdout.write(`\r\x1b[K${next[0]}\x1b[6n`);
    return;
  }
  stdin.setRawMode(false);
  stdin.destroy();
  stdout.write('\r\x1b[K');
  writeFileSync(path, JSON.stringify(columns));
}

let answer = '';
stdin.setRawMode(true);
stdin.setEncoding('latin1').on('data', (text) => {
  answer += text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's report of the cursor (DSR).
  const [, column] = /\x1b\[\d+;(\d+)R/.exec(answer) ?? [];
  if (column === undefined) return;
  answer = '';
  columns.push(Number(column) - 1);
  ask();
});
ask();
