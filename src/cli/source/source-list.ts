/** Which sources a command line names: its arguments, then those of `--input-file`. */
import { readFile } from 'node:fs/promises';
import { BtgetError } from '../../base/failure.js';
import { openFailure } from './load-source.js';

export async function listSources(
  args: readonly string[],
  inputFile: string | null,
  stdin: AsyncIterable<Buffer | string>,
): Promise<readonly string[]> {
  const sources = [...args];
  if (inputFile !== null) sources.push(...sourcesIn(await readText(inputFile, stdin)));
  if (sources.length === 0)
    throw new BtgetError('usage', 'no source given: a .torrent, its URL, a magnet link, or - for stdin');
  const fromStdin = sources.filter((source) => source === '-').length + (inputFile === '-' ? 1 : 0);
  if (fromStdin > 1) throw new BtgetError('usage', 'stdin can be read only once: - is given twice');
  return sources;
}

function sourcesIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

async function readText(path: string, stdin: AsyncIterable<Buffer | string>): Promise<string> {
  if (path === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString('utf8');
  }
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw openFailure(path, error);
  }
}
