/** Makes a command's help and its typed values from its options. Only this file imports commander. */
import { Command, CommanderError, Option } from 'commander';
import { BtgetError } from '../base/failure.js';
import type { CliIo } from './io.js';
import type { OptionSpec, Values } from './options.js';
import { type HelpRow, helpWidth, layGroups, layRows, wrapText } from './output/help-layout.js';
import { shownSource } from './source/source-text.js';

export interface CommandSpec<S> {
  readonly name: string;
  /** As commander writes it: `[source...]`, `<path>`; empty when the command takes no argument. */
  readonly arguments: string;
  readonly summary: string;
  /** Two or three, with which the help opens. */
  readonly examples: readonly HelpRow[];
  /** Paragraphs that stand below the options in the help. */
  readonly notes: readonly string[];
  readonly options: S;
}

export type CommandLine<S> =
  /** The user asked for the help, and it has been printed. */
  { readonly kind: 'help' } | { readonly kind: 'run'; readonly args: readonly string[]; readonly values: Values<S> };

/** Throws a 'usage' failure when `argv` does not fit `spec`. */
export function readCommandLine<S extends Readonly<Record<string, OptionSpec<unknown>>>>(
  spec: CommandSpec<S>,
  argv: readonly string[],
  io: CliIo,
): CommandLine<S> {
  const command = new Command(`btget ${spec.name}`)
    .helpOption(HELP_FLAGS)
    .exitOverride()
    .configureHelp({ formatHelp: () => commandHelp(spec, helpWidth(io.stdout)) })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // The exception that follows has the same message.
      writeErr: () => undefined,
    });
  if (spec.arguments !== '') command.argument(spec.arguments);
  const options = Object.entries(spec.options).map(([key, option]) => ({ key, option, made: makeOption(option) }));
  for (const { made } of options) command.addOption(made);
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'help' };
    const sentence = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    throw new BtgetError('usage', withShownArguments(sentence, argv));
  }
  const values = Object.fromEntries(
    options.map(({ key, option, made }) => {
      const value: unknown = command.getOptionValue(made.attributeName());
      if (made.negate) return [key, value === false];
      // `--no-x` has taken back what `--x` said before.
      const isUnsaid = value === undefined || value === false;
      return [key, value instanceof ReadValue ? value.value : isUnsaid ? option.initial : value];
    }),
  );
  // Each value was made by the reader of its own option, or is its initial value.
  return { kind: 'run', args: command.args, values: values as Values<S> };
}

const HELP_FLAGS = '-h, --help';

/** The help of a command in lines of at most `width` columns. */
function commandHelp(spec: CommandSpec<Readonly<Record<string, OptionSpec<unknown>>>>, width: number): string {
  const options = Object.values(spec.options);
  const groups = [...new Set(options.map(({ group }) => group))].map((group) => ({
    title: `${group}:`,
    rows: options.filter((option) => option.group === group).map(({ flags, sentence }): HelpRow => [flags, sentence]),
  }));
  groups.at(-1)?.rows.push([HELP_FLAGS, 'this help']);
  const paragraphs = [
    wrapText(spec.summary, width),
    layRows(spec.examples, width),
    wrapText(`Usage: btget ${spec.name} [options] ${spec.arguments}`.trimEnd(), width, 2),
    ...layGroups(groups, width),
    ...spec.notes.map((note) => wrapText(note, width)),
  ];
  return `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** Commander's sentences quote an argument as the user wrote it. This hides the secrets of a URL in it. */
function withShownArguments(sentence: string, argv: readonly string[]): string {
  let shown = sentence;
  for (const argument of argv) {
    const [, name = '', value = ''] = /^(--[^=]*=)?(.*)$/s.exec(argument) ?? [];
    if (value !== '') shown = shown.replaceAll(argument.replaceAll('\n', ' '), name + shownSource(value));
  }
  return shown;
}

/**
 * The value that an option's reader made of the user's text. It is wrapped because commander takes a bare null for a
 * missing value.
 */
class ReadValue {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

// Commander gets no default: it would print the bare value, and the option's sentence says it better.
function makeOption(spec: OptionSpec<unknown>): Option {
  const option = new Option(spec.flags);
  const name = option.long ?? spec.flags;
  const { read } = spec;
  if (read !== undefined)
    option.argParser((text: string, before: unknown) => {
      return new ReadValue(read.call(spec, text, name, before instanceof ReadValue ? before.value : spec.initial));
    });
  return option;
}
