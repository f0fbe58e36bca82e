import { readFile, stat } from 'node:fs';
import { parseIp } from '../../net/ip-address.js';

/** How the table reads its file. */
export interface HostsFiles {
  /** Answers later with what changes when the file does; null when it is not there. */
  stat(path: string, answered: (stamp: string | null) => void): void;
  /** Answers later with a character for each byte; null when we may not read the file. */
  read(path: string, answered: (text: string | null) => void): void;
}

const NODE_FILES: HostsFiles = {
  stat: (path, answered) =>
    stat(path, { bigint: true }, (error, stats) => {
      if (error !== null) answered(null);
      else answered([stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' '));
    }),
  read: (path, answered) => readFile(path, 'latin1', (error, text) => answered(error === null ? text : null)),
};

interface KeptTable {
  readonly stamp: string;
  /** The file's text, as it is and in lower case: a letter of Latin-1 has one character in either. */
  readonly text: string;
  readonly lower: string;
}

/**
 * A table in the form of /etc/hosts, which need not exist. Lists against advertising make it 100,000 lines long, and
 * every tracker and web seed has a name. So the text is kept until the file changes, and is searched, which holds the
 * loop for some 3 ms; to take all of its lines apart holds it for 50 ms.
 */
export class HostsTable {
  readonly #path: string;
  readonly #files: HostsFiles;
  #kept: KeptTable | null = null;
  /** Who waits for the text of a file that has this stamp. */
  #reading: { readonly stamp: string; readonly waiting: ((table: KeptTable | null) => void)[] } | null = null;

  constructor(path: string, files: HostsFiles = NODE_FILES) {
    this.#path = path;
    this.#files = files;
  }

  /** Answers once, later, with the addresses of `name` (lower case), in the table's order. */
  find(name: string, answered: (addresses: readonly string[]) => void): void {
    this.#files.stat(this.#path, (stamp) => {
      // A table that is missing, or that we may not read, knows no name.
      if (stamp === null) answered([]);
      else
        this.#withTable(stamp, (table) =>
          answered(table === null ? [] : addressesInHosts(table.text, table.lower, name)),
        );
    });
  }

  #withTable(stamp: string, use: (table: KeptTable | null) => void): void {
    if (this.#kept?.stamp === stamp) {
      use(this.#kept);
      return;
    }
    if (this.#reading?.stamp === stamp) {
      this.#reading.waiting.push(use);
      return;
    }
    const reading = { stamp, waiting: [use] };
    this.#reading = reading;
    this.#files.read(this.#path, (text) => {
      const table = text === null ? null : { stamp, text, lower: text.toLowerCase() };
      if (this.#reading === reading) {
        this.#reading = null;
        this.#kept = table;
      }
      for (const each of reading.waiting) each(table);
    });
  }
}

/**
 * The addresses of `name` (lower case) in `text`, a table in the form of /etc/hosts, in the table's order. `lower` is
 * the same text in lower case. Only lines in which the name stands as a word are taken apart.
 */
export function addressesInHosts(text: string, lower: string, name: string): string[] {
  const addresses: string[] = [];
  if (name === '') return addresses;
  for (let at = lower.indexOf(name); at !== -1; at = lower.indexOf(name, at)) {
    const end = at + name.length;
    if (!/\s/.test(lower.charAt(at - 1)) || !/^[\s#]?$/.test(lower.charAt(end))) {
      at = end;
      continue;
    }
    const lineEnd = lower.indexOf('\n', end);
    const line = text.slice(lower.lastIndexOf('\n', at) + 1, lineEnd === -1 ? text.length : lineEnd);
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (names.some((each) => each.toLowerCase() === name) && parseIp(address) !== undefined) addresses.push(address);
    at = lineEnd === -1 ? text.length : lineEnd;
  }
  return addresses;
}
