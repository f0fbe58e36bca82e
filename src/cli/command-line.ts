/** Makes a command's help and its typed values from its options. Only this file imports commander. */
import { Command, CommanderError, Option } from 'commander';
import { BtgetError } from '../base/failure.js';
import type { CliIo } from './io.js';
import type { OptionSpec, Values } from './options.js';
import { shownSource } from './source/source-text.js';

export interface CommandSpec<S> {
  readonly name: string;
  /** As commander writes it: `[source...]`, `<source> [file]`; empty when the command takes no argument. */
  readonly arguments: string;
  readonly summary: string;
  /** Whole lines that stand below the options in the help. */
  readonly footer: string;
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
  const command = new Command(`btget ${spec.name}`.trimEnd())
    .description(spec.summary)
    .helpOption('-h, --help', 'this help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // The exception that follows has the same message.
      writeErr: () => undefined,
      getOutHelpWidth: () => io.stdout.columns ?? 100,
    })
    .addHelpText('after', spec.footer === '' ? '' : `\n${spec.footer}`);
  if (spec.arguments !== '') command.arguments(spec.arguments);
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
  const option = new Option(spec.flags, spec.sentence).helpGroup(`${spec.group}:`);
  const name = option.long ?? spec.flags;
  const { read } = spec;
  if (read !== undefined)
    option.argParser((text: string, before: unknown) => {
      return new ReadValue(read.call(spec, text, name, before instanceof ReadValue ? before.value : spec.initial));
    });
  return option;
}
