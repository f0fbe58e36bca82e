/** What the configuration file and the environment say about the options of a command. */
import { BtgetError } from '../../base/failure.js';
import { COMMAND_OPTIONS, isFlag, isNegated, isRepeatable, plainName } from '../command-options.js';
import type { Environment } from '../io.js';
import { nearestWord } from '../nearest-word.js';
import type { OptionSpec, OptionTable } from '../options.js';
import type { ConfigFile } from './config-file.js';

/** The value of an option, and where it was found. */
export interface Setting {
  readonly option: OptionSpec<unknown>;
  /** As the user wrote it. A flag has one text, `true` or `false`, which is about its plain name. */
  readonly texts: readonly string[];
  /** What the command gets. */
  readonly value: unknown;
  /** It is `false` of an option that takes a value and has a flag which does without: `--proxy URL`, `--no-proxy`. */
  readonly isOff: boolean;
  readonly from: 'environment' | 'file';
  /** The variable, or the file and the key. */
  readonly where: string;
}

/** By the plain name of the option. */
export type Settings = ReadonlyMap<string, Setting>;

/** What `setting` makes of the option itself, or of the flag that does without it. */
export function valueFor(option: OptionSpec<unknown>, setting: Setting): unknown {
  return option === setting.option ? setting.value : setting.isOff;
}

/**
 * The settings of `command`. The environment wins over the file, and in the file the object of the command over what
 * stands outside it. Throws a 'usage' failure at the first key that is not known and at the first wrong value, of any
 * command, and at a variable that negates an option.
 */
export function settingsOf(command: string, env: Environment, file: ConfigFile | null): Settings {
  const settings = new Map<string, Setting>();
  const options = COMMAND_OPTIONS[command] ?? {};
  const take = (name: string, setting: Setting): void => {
    if (Object.values(options).includes(setting.option)) settings.set(name, setting);
  };
  if (file !== null) {
    const sections: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
    for (const [key, found] of Object.entries(file.object)) {
      const isSection = Object.hasOwn(COMMAND_OPTIONS, key) && isObject(found);
      if (isSection) sections.push([key, found]);
      else fromFile(SHARED, file.path, key, found, take);
    }
    for (const [section, object] of sections)
      for (const [key, found] of Object.entries(object))
        fromFile(named(COMMAND_OPTIONS[section] ?? {}), `${file.path}: ${section}`, key, found, (name, setting) => {
          if (section === command) take(name, setting);
        });
  }
  for (const [name, meant] of SHARED) {
    const variable = variableOf(name);
    refuseNegative(env, name, meant);
    const text = env[variable];
    if (text === undefined || text === '' || (isInHook(env) && OF_HOOK.has(variable))) continue;
    const texts = isRepeatable(meant.option) ? text.split('\n').filter((line) => line !== '') : [text];
    const isOff = meant.hasOff && ['false', '0'].includes(text);
    take(name, settingOf(meant.option, isOff, texts, variable, { from: 'environment', where: variable }));
  }
  return settings;
}

/** Whoever sets `BTGET_NO_DHT` believes that the DHT is off. */
function refuseNegative(env: Environment, name: string, { option, hasOff }: Meaning): void {
  const negative = variableOf(`no-${name}`);
  if ((env[negative] ?? '') === '' || !(hasOff || isFlag(option))) return;
  throw new BtgetError('usage', `${negative} sets no option: without no-, it is ${variableOf(name)}=false`);
}

/** Variables that seem meant for btget, and that it does not know: each with the nearest one that it knows, or null. */
export function unknownVariables(env: Environment): readonly (readonly [string, string | null])[] {
  const known = new Set(['BTGET_CONFIG', ...[...SHARED.keys()].map(variableOf)]);
  const isForeign = (name: string): boolean => name.startsWith('BTGET_') && !known.has(name);
  return Object.keys(env)
    .filter((name) => isForeign(name) && !(isInHook(env) && OF_HOOK.has(name)))
    .map((name) => [name, nearestWord(name, known)] as const);
}

function variableOf(name: string): string {
  return `BTGET_${name.toUpperCase().replaceAll('-', '_')}`;
}

// What a program that --on-complete names learns of its torrent. When it calls btget, these are no options.
const OF_HOOK = new Set([
  'BTGET_DIR',
  'BTGET_NAME',
  'BTGET_PATH',
  'BTGET_RESULT',
  'BTGET_INFO_HASH',
  'BTGET_INFO_HASH_V2',
]);

function isInHook(env: Environment): boolean {
  return env['BTGET_INFO_HASH'] !== undefined;
}

/** What a name means in a table. */
interface Meaning {
  readonly option: OptionSpec<unknown>;
  /** There is a flag of the same plain name that does without the option. */
  readonly hasOff: boolean;
}

type Named = ReadonlyMap<string, Meaning>;

function named(options: OptionTable): Named {
  const meanings = new Map<string, Meaning>();
  for (const option of Object.values(options)) {
    const other = meanings.get(plainName(option))?.option;
    const main = other === undefined || isFlag(other) ? option : other;
    meanings.set(plainName(option), { option: main, hasOff: other !== undefined });
  }
  return meanings;
}

/** What a name means where no command is named: the option of the first command that has it. */
const SHARED: Named = new Map(
  Object.values(COMMAND_OPTIONS)
    .toReversed()
    .flatMap((options) => [...named(options)]),
);

/** `place`: the file, and the object in it. */
function fromFile(
  known: Named,
  place: string,
  key: string,
  found: unknown,
  take: (name: string, setting: Setting) => void,
): void {
  const path = `${place}: ${key}`;
  const meant = known.get(key);
  if (meant === undefined) throw new BtgetError('usage', `${path}: there is no such option${hint(known, key)}`);
  const isOff = meant.hasOff && found === false;
  const texts = isOff ? [String(found)] : textsOf(meant.option, found, path);
  take(key, settingOf(meant.option, isOff, texts, path, { from: 'file', where: place }));
}

/** `name`: what the message of a wrong value calls the option. */
function settingOf(
  option: OptionSpec<unknown>,
  isOff: boolean,
  texts: readonly string[],
  name: string,
  place: Pick<Setting, 'from' | 'where'>,
): Setting {
  return { option, isOff, texts, value: isOff ? option.initial : readTexts(option, texts, name), ...place };
}

function hint(known: Named, key: string): string {
  const [, plain = ''] = /^-*no-(.+)$/.exec(key) ?? [];
  if (known.has(plain)) return `; "${plain}": false is what turns it off`;
  const nearest = nearestWord(key.replace(/^-+/, ''), known.keys());
  return nearest === null ? '' : `; did you mean ${nearest}?`;
}

/** The texts that one value of JSON stands for. */
function textsOf(spec: OptionSpec<unknown>, found: unknown, where: string): readonly string[] {
  const expected = isFlag(spec)
    ? 'true or false'
    : isRepeatable(spec)
      ? 'a text or a list of texts'
      : 'a text or a number';
  const texts = (isRepeatable(spec) && Array.isArray(found) ? found : [found]).map((each: unknown) => {
    const isRight = isFlag(spec) ? typeof each === 'boolean' : typeof each === 'string' || typeof each === 'number';
    if (!isRight) throw new BtgetError('usage', `${where}: ${JSON.stringify(found)} is not ${expected}`);
    return String(each);
  });
  return texts;
}

function readTexts(spec: OptionSpec<unknown>, texts: readonly string[], where: string): unknown {
  const { read } = spec;
  if (read !== undefined) return texts.reduce((before, text) => read.call(spec, text, where, before), spec.initial);
  const [text = ''] = texts;
  const isOn = ['true', '1'].includes(text);
  if (!isOn && !['false', '0'].includes(text))
    throw new BtgetError('usage', `${where}: '${text}' is not true or false`);
  return isOn !== isNegated(spec);
}

function isObject(found: unknown): found is Readonly<Record<string, unknown>> {
  return typeof found === 'object' && found !== null && !Array.isArray(found);
}
