/** The options of every command: what configuration, completion and the manual page are made from. */
import {
  CAT_OPTIONS,
  CREATE_OPTIONS,
  DOCTOR_OPTIONS,
  OPTIONS,
  type OptionSpec,
  type OptionTable,
  SEED_OPTIONS,
  SERVE_OPTIONS,
  SHOW_OPTIONS,
  TRACKER_OPTIONS,
  VERIFY_OPTIONS,
} from './options.js';

/**
 * The commands whose options a file or the environment may set. Where commands have different options of one name, the
 * name means that of the first one, unless the command is named too.
 */
export const COMMAND_OPTIONS: Readonly<Record<string, OptionTable>> = {
  download: OPTIONS,
  seed: SEED_OPTIONS,
  create: CREATE_OPTIONS,
  show: SHOW_OPTIONS,
  verify: VERIFY_OPTIONS,
  cat: CAT_OPTIONS,
  serve: SERVE_OPTIONS,
  tracker: TRACKER_OPTIONS,
  doctor: DOCTOR_OPTIONS,
};

/** The long name of an option without dashes; that of `--no-dht` is `dht`. */
export function plainName({ flags }: OptionSpec<unknown>): string {
  const [, name = ''] = /--(?:no-)?([a-z0-9-]+)/.exec(flags) ?? [];
  return name;
}

/** Whether the option is a flag that turns off what is on without it. */
export function isNegated({ flags }: OptionSpec<unknown>): boolean {
  return flags.includes('--no-');
}

/** A flag has no value on the command line. */
export function isFlag({ read }: OptionSpec<unknown>): boolean {
  return read === undefined;
}

/** Whether the user may give the option several times, each time with one more value. */
export function isRepeatable({ initial }: OptionSpec<unknown>): boolean {
  return Array.isArray(initial);
}
