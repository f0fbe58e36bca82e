/** `btget config`: prints the value of each option of a command, and where it comes from. */
import { BtgetError } from '../../base/failure.js';
import { COMMAND_OPTIONS, isFlag, isNegated, isRepeatable, plainName } from '../command-options.js';
import { readConfigFile } from '../config/config-file.js';
import { type Setting, settingsOf, unknownVariables } from '../config/settings.js';
import { nearestWord } from '../nearest-word.js';
import { CONFIG_OPTIONS, OPTIONS, type OptionSpec } from '../options.js';
import { jsonLine, printable } from '../output/escape.js';
import { shownSource } from '../source/source-text.js';
import { defineCommand } from './command.js';

export const config = defineCommand(
  {
    name: 'config',
    arguments: '[command]',
    summary: 'Prints each option of a command (download, if none is named), its value and where it comes from.',
    examples: [
      ['btget config', 'every option of download'],
      ['btget config seed --json', 'those of seed, one object a line'],
    ],
    notes: [
      'The command line wins over the environment (BTGET_MAX_UPLOAD=5M), and that over the file, a JSON object such ' +
        'as { "max-upload": "5M", "dht": false, "tracker": { "port": 6969 } }.',
      'With --json: one object an option, option, value, from and where.',
    ],
    options: { ...CONFIG_OPTIONS, json: OPTIONS.json },
  },
  async ([command = 'download'], values, io) => {
    const options = Object.hasOwn(COMMAND_OPTIONS, command) ? COMMAND_OPTIONS[command] : undefined;
    if (options === undefined) {
      const nearest = nearestWord(command, Object.keys(COMMAND_OPTIONS));
      const meant = nearest === null ? '' : `; did you mean ${nearest}?`;
      throw new BtgetError('usage', `there is no command of that name with options: ${shownSource(command)}${meant}`);
    }
    const file = readConfigFile({ path: values.config, none: values.noConfig }, io.env);
    const settings = settingsOf(command, io.env, file);
    const shown = Object.values(options).filter((spec) => !isOffOf(spec, Object.values(options)));
    const rows = shown.map((spec) => rowOf(spec, settings.get(plainName(spec))));
    if (values.json) for (const row of rows) io.stdout.write(`${jsonLine(row)}\n`);
    else for (const line of table(rows)) io.stdout.write(`${line}\n`);
    for (const [variable, nearest] of unknownVariables(io.env)) {
      const meant = nearest === null ? '' : `; did you mean ${nearest}?`;
      io.stderr.write(`warning: ${printable(variable)} sets no option${meant}\n`);
    }
    return 0;
  },
);

/** Whether `spec` is a flag that does without an option that takes a value. Both have one plain name, and one row. */
function isOffOf(spec: OptionSpec<unknown>, all: readonly OptionSpec<unknown>[]): boolean {
  return isFlag(spec) && all.some((other) => !isFlag(other) && plainName(other) === plainName(spec));
}

interface Row {
  /** The plain name. */
  readonly option: string;
  /** As the user wrote it, without secrets. Of an option that nobody set, what its help says, or null. */
  readonly value: string | readonly string[] | boolean | null;
  readonly from: Setting['from'] | 'default';
  /** The variable, or the file and the object in it; null for a default. */
  readonly where: string | null;
}

function rowOf(spec: OptionSpec<unknown>, setting: Setting | undefined): Row {
  const option = plainName(spec);
  if (setting === undefined) return { option, value: initialOf(spec), from: 'default', where: null };
  const { texts, value, isOff, from, where } = setting;
  if (isOff) return { option, value: false, from, where };
  if (isFlag(spec)) return { option, value: value !== isNegated(spec), from, where };
  const shown = texts.map(shownSource);
  return { option, value: isRepeatable(spec) ? shown : (shown[0] ?? null), from, where };
}

/** The initial value in the words of the help: the value itself is in units that the user does not write. */
function initialOf(spec: OptionSpec<unknown>): Row['value'] {
  if (isFlag(spec)) return isNegated(spec);
  return /\(default: (.+)\)$/.exec(spec.sentence)?.[1] ?? null;
}

function table(rows: readonly Row[]): readonly string[] {
  const cells = rows.map(({ option, value, where }) => {
    const texts = value === null ? [] : [value].flat().map((each) => printable(String(each)));
    return [option, texts.join(' ') || '-', where === null ? 'default' : printable(where)] as const;
  });
  const [options, values] = [0, 1].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map(
    ([option, value, where]) => `${option.padEnd(options ?? 0)}  ${value.padEnd(values ?? 0)}  ${where}`,
  );
}
