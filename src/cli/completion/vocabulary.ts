/** What a shell can complete after `btget`: the commands, what each takes, and its options with their values. */
import { COMMAND_OPTIONS, isFlag, isRepeatable } from '../command-options.js';
import { CONFIG_OPTIONS, OPTIONS, type OptionSpec, type OptionTable } from '../options.js';

/** What may stand where a value or an argument does: one of some words, a path, or what only the user knows. */
export type Completed = readonly string[] | 'torrent' | 'folder' | 'file' | 'program' | 'unknown';

export interface CompletedOption {
  /** `-d`; null for an option that has no short form. */
  readonly short: string | null;
  /** `--dir`. */
  readonly long: string;
  readonly sentence: string;
  readonly isRepeatable: boolean;
  /** Null for a flag. */
  readonly value: Completed | null;
}

export interface CompletedCommand {
  readonly name: string;
  readonly does: string;
  readonly takes: Completed;
  readonly options: readonly CompletedOption[];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The command whose options are completed when the first word is no command. */
export const DEFAULT_COMMAND = 'download';

const CONFIGURED = Object.keys(COMMAND_OPTIONS);

const COMMANDS: Readonly<Record<string, { readonly does: string; readonly takes: Completed }>> = {
  download: { does: 'download, verify, exit', takes: 'torrent' },
  seed: { does: 'check what is on disk, then serve it', takes: 'torrent' },
  create: { does: 'make a .torrent of a file or folder', takes: 'file' },
  show: { does: 'say what a torrent holds', takes: 'torrent' },
  verify: { does: 'check what is on disk, file by file', takes: 'torrent' },
  cat: { does: 'write the verified bytes of a file to stdout', takes: 'torrent' },
  serve: { does: 'serve the files over HTTP to players', takes: 'torrent' },
  tracker: { does: 'serve announces and scrapes', takes: [] },
  doctor: { does: 'say what works from here, and what does not', takes: 'torrent' },
  config: { does: 'say what each option is, and where that comes from', takes: CONFIGURED },
  completion: { does: 'print a completion script', takes: SHELLS },
  help: { does: 'say what a command takes', takes: [...CONFIGURED, 'config', 'completion', 'exit-codes'] },
};

const HELP: CompletedOption = {
  ...{ short: '-h', long: '--help', sentence: 'this help' },
  ...{ isRepeatable: false, value: null },
};

/** The options that a command has on its command line. Those of the configuration are options of every command. */
export function optionsOf(name: string): OptionTable {
  if (name === 'config') return { ...CONFIG_OPTIONS, json: OPTIONS.json };
  const options = COMMAND_OPTIONS[name];
  return options === undefined ? {} : { ...options, ...CONFIG_OPTIONS };
}

/** All commands of the program. Each has `--help`, but `help` itself has no options. */
export function completedCommands(): readonly CompletedCommand[] {
  return Object.entries(COMMANDS).map(([name, { does, takes }]) => {
    const options = name === 'help' ? [] : [...Object.values(optionsOf(name)).map(completedOption), HELP];
    return { name, does, takes, options };
  });
}

/** An option for completion. Its names and its value are read from its flags in the help (`-d, --dir <dir>`). */
export function completedOption(spec: OptionSpec<unknown>): CompletedOption {
  const [, short = null, long = '', value = ''] = /^(?:(-\w), )?(--[\w-]+)(?: <(.*)>)?$/.exec(spec.flags) ?? [];
  return {
    ...{ short, long, sentence: spec.sentence, isRepeatable: isRepeatable(spec) },
    value: isFlag(spec) ? null : (spec.words ?? completedBy(value.toLowerCase())),
  };
}

/** What the name of a value in the help promises. */
function completedBy(value: string): Completed {
  if (value === 'dir') return 'folder';
  if (value === 'cmd') return 'program';
  return value.split('|').includes('file') ? 'file' : 'unknown';
}
