/** Makes a command's help and its typed values from its options. Only this file imports commander. */
import { Command, CommanderError, Option } from 'commander';
import { BtgetError } from '../base/failure.js';
import { COMMAND_OPTIONS, isFlag, isNegated, plainName } from './command-options.js';
import { readConfigFile } from './config/config-file.js';
import { type Settings, settingsOf, valueFor } from './config/settings.js';
import type { CliIo } from './io.js';
import { CONFIG_OPTIONS, type OptionSpec, type OptionTable, type Values } from './options.js';
import { type HelpRow, helpWidth, layGroups, layRows, wrapText } from './output/help-layout.js';
import { shownSource } from './source/source-text.js';
import { version } from './version.js';

export interface CommandSpec<S> {
  readonly name: string;
  /** As commander writes it: `[source...]`, `<source> [file]`; empty when the command takes no argument. */
  readonly arguments: string;
  readonly summary: string;
  /** Two or three, with which the help opens. */
  readonly examples: readonly HelpRow[];
  /** Paragraphs that stand below the options in the help. */
  readonly notes: readonly string[];
  readonly options: S;
  /** With `--json` it tells events, the last of which is a summary. */
  readonly tellsEvents?: true;
}

export type CommandLine<S> =
  /** The user asked for the help or the version, and it has been printed. */
  { readonly kind: 'help' } | { readonly kind: 'run'; readonly args: readonly string[]; readonly values: Values<S> };

/**
 * The values of a command: the command line wins over the environment, and that over the configuration file. Throws a
 * 'usage' failure when one of them does not fit `spec`.
 */
export function readCommandLine<S extends OptionTable>(
  spec: CommandSpec<S>,
  argv: readonly string[],
  io: CliIo,
): CommandLine<S> {
  const isConfigured = Object.hasOwn(COMMAND_OPTIONS, spec.name);
  const all: OptionTable = isConfigured ? { ...spec.options, ...CONFIG_OPTIONS } : spec.options;
  const command = new Command(`btget ${spec.name}`)
    .helpOption(HELP_FLAGS)
    .version(version(), VERSION_FLAGS)
    .exitOverride()
    .configureHelp({ formatHelp: () => commandHelp({ ...spec, options: all }, helpWidth(io.stdout)) })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // The exception that follows has the same message.
      writeErr: () => undefined,
    });
  if (spec.arguments !== '') command.arguments(spec.arguments);
  const options = Object.entries(all).map(([key, option]) => ({ key, option, made: makeOption(option) }));
  for (const { made } of options) command.addOption(made);
  for (const opposite of oppositesOf(Object.values(all))) command.addOption(opposite);
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'help' };
    const sentence = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    throw new BtgetError('usage', withShownArguments(sentence, argv));
  }
  const isGiven = (made: Option): boolean => command.getOptionValueSource(made.attributeName()) === 'cli';
  const typed = (option: OptionSpec<unknown>, made: Option): unknown => {
    const value: unknown = isGiven(made) ? command.getOptionValue(made.attributeName()) : undefined;
    if (!isFlag(option)) return value instanceof ReadValue ? value.value : undefined;
    // For commander `--proxy URL` and `--no-proxy` are one option. The last one that the user gives says what it is.
    return typeof value === 'boolean' ? value !== isNegated(option) : undefined;
  };
  const given = new Map(options.map(({ key, option, made }) => [key, typed(option, made)]));
  const settings = isConfigured ? settingsFor(spec.name, given, io) : null;
  const values = Object.fromEntries(
    options.map(({ key, option, made }) => {
      const setting = isGiven(made) ? undefined : settings?.get(plainName(option));
      const value = setting === undefined ? given.get(key) : valueFor(option, setting);
      return [key, value === undefined ? option.initial : value];
    }),
  );
  // Each value was made by the reader of its own option, or is its initial value.
  return { kind: 'run', args: command.args, values: values as Values<S> };
}

const HELP_FLAGS = '-h, --help';
// Every command takes it, and the help of none lists it: it says nothing of the command.
const VERSION_FLAGS = '-V, --version';

/** The help of a command in lines of at most `width` columns. */
function commandHelp(spec: CommandSpec<OptionTable>, width: number): string {
  const options = Object.values(spec.options);
  const groups = [...new Set(options.map(({ group }) => group))].map((group) => ({
    title: `${group}:`,
    rows: options.filter((option) => option.group === group).map(({ flags, sentence }): HelpRow => [flags, sentence]),
  }));
  if (groups.length === 0) groups.push({ title: 'Options:', rows: [] });
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

/** `given`: what the command line says. */
function settingsFor(name: string, given: ReadonlyMap<string, unknown>, io: CliIo): Settings {
  const path = given.get('config');
  const choice = { path: typeof path === 'string' ? path : null, none: given.get('noConfig') === true };
  return settingsOf(name, io.env, readConfigFile(choice, io.env));
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

/** For each flag its opposite, which the help does not show: with it the command line wins over the configuration. */
function oppositesOf(specs: readonly OptionSpec<unknown>[]): Option[] {
  const longs = new Set(specs.map(({ flags }) => new Option(flags).long));
  return specs.filter(isFlag).flatMap((spec) => {
    const long = `--${isNegated(spec) ? '' : 'no-'}${plainName(spec)}`;
    return longs.has(long) ? [] : [new Option(long).hideHelp()];
  });
}
