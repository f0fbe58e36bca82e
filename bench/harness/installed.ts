import { spawnSync } from 'node:child_process';

export const PYTHON = '/usr/bin/python3';

/** The versions of the other clients; undefined for a client that is not installed. */
export interface Rivals {
  readonly libtorrent: string | undefined;
  readonly aria2: string | undefined;
  readonly mktorrent: string | undefined;
  readonly transmission: string | undefined;
}

export function findRivals(): Rivals {
  return {
    libtorrent: said(/([\d.]+)/, PYTHON, '-c', 'import libtorrent; print(libtorrent.__version__)'),
    aria2: said(/aria2 version (\S+)/, 'aria2c', '--version'),
    mktorrent: said(/mktorrent (\S+)/, 'mktorrent', '-h'),
    transmission: said(/transmission-create (\S+)/, 'transmission-create', '--version'),
  };
}

/** The first group of `pattern` in what the program prints. Its exit code does not matter. */
function said(pattern: RegExp, command: string, ...args: readonly string[]): string | undefined {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return pattern.exec(`${stdout}\n${stderr}`)?.[1];
}
