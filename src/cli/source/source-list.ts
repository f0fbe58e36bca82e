/** Lists the sources that a command line names: its arguments, then the lines of `--input-file`. */
import { BtgetError } from '../../base/failure.js';
import { readGivenFile } from '../../base/system-given-file.js';
import type { Deadline } from '../run/deadline.js';
import { pathsIn, refuseLostBytes } from '../utf8-paths.js';
import { meantSource, openFailure } from './load-source.js';
import { bareSource, decodeText } from './source-text.js';

/** Bytes of a list. */
const MAX_LENGTH = 32 * 1024 * 1024;

/** As `listSources`. A list that is not here in time is given up. */
export function listSourcesWithin(
  deadline: Deadline,
  args: readonly string[],
  inputFile: string | null,
  stdin: AsyncIterable<Buffer | string>,
): Promise<readonly string[]> {
  return deadline.within(listSources(args, inputFile, stdin), inputFile === '-' ? 'stdin' : inputFile);
}

/**
 * `inputFile`: a path, `-` for stdin, or null. Rejects with 'usage' when there is no source or when stdin would be read
 * twice, and with a failure of the file when it cannot be read.
 */
export async function listSources(
  args: readonly string[],
  inputFile: string | null,
  stdin: AsyncIterable<Buffer | string>,
): Promise<readonly string[]> {
  const sources = [...args];
  if (inputFile !== null) {
    const listed: string[] = [];
    for (const line of sourcesIn(await readText(inputFile, stdin))) listed.push(await meantSource(line));
    refuseLostBytes(pathsIn(listed));
    sources.push(...listed);
  }
  if (sources.length === 0)
    throw new BtgetError('usage', 'no source given: a .torrent, its URL, a magnet link, or - for stdin');
  const fromStdin = sources.filter((source) => bareSource(source) === '-').length + (inputFile === '-' ? 1 : 0);
  if (fromStdin > 1) throw new BtgetError('usage', 'stdin can be read only once: - is given twice');
  return sources;
}

function sourcesIn(text: string): string[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\r|\n/)
    .filter((line) => bareSource(line) !== '' && !line.trimStart().startsWith('#'));
}

async function readText(path: string, stdin: AsyncIterable<Buffer | string>): Promise<string> {
  const name = path === '-' ? 'stdin' : path;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of path === '-' ? stdin : readGivenFile(path)) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > MAX_LENGTH) throw new BtgetError('usage', `${name} is too long for a list of sources`);
      chunks.push(bytes);
    }
  } catch (error) {
    throw error instanceof BtgetError ? error : openFailure(name, error);
  }
  const text = decodeText(Buffer.concat(chunks, length));
  if (/^d\d+:/.test(text))
    throw new BtgetError('usage', `${name} is a .torrent, and no list of sources: give it without --input-file`);
  if (text.includes('\0')) throw new BtgetError('usage', `${name} is no list of sources: it holds a NUL byte`);
  return text;
}
