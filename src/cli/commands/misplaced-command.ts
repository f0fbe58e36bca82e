import { existsSync } from 'node:fs';
import { isFlag } from '../command-options.js';
import { CONFIG_OPTIONS, OPTIONS, type OptionSpec } from '../options.js';

/**
 * The first command among the words of a download, which belongs before all options: `btget -d here seed x.torrent`.
 * Null when there is none. Neither the name of a file that is there nor the value of an option is one.
 */
export function misplacedCommand(argv: readonly string[], isCommand: (word: string) => boolean): string | null {
  const isMisplaced = (word: string, at: number): boolean =>
    isCommand(word) && !takesValue(argv[at - 1] ?? '') && !existsSync(word);
  return argv.find(isMisplaced) ?? null;
}

/** Whether the next word is the value of this one. Short options may be joined: `-qd here`. */
function takesValue(word: string): boolean {
  const flag = word.startsWith('--') ? word : `-${/^-[a-z]+$/i.test(word) ? word.slice(-1) : ''}`;
  const names = ({ flags }: OptionSpec<unknown>): readonly string[] => flags.split(/[ ,]+/);
  return Object.values<OptionSpec<unknown>>({ ...OPTIONS, ...CONFIG_OPTIONS }).some(
    (option) => !isFlag(option) && names(option).includes(flag),
  );
}
