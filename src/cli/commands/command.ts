/** The interface of every command. `main.ts` loads the command that the user calls. */
import type { CommandSpec } from '../command-line.js';
import { readCommandLine } from '../command-line.js';
import { plainName } from '../command-options.js';
import type { CliIo } from '../io.js';
import type { OptionTable, Values } from '../options.js';
import { type GivenPath, pathsIn, refuseLostBytes } from '../utf8-paths.js';

export interface CliCommand {
  /**
   * Resolves to the exit code. Rejects with a `BtgetError`, or with another exception, which is a bug. A command that
   * tells events in JSON calls `wantsEvents` once it knows whether the user wants them; no other command calls it.
   */
  run(argv: readonly string[], io: CliIo, wantsEvents?: (wants: boolean) => void): Promise<number>;
}

/**
 * A command that reads its command line by `spec` and prints its help when the user asks for it; else calls `run`. No
 * path that `run` gets has lost bytes.
 */
export function defineCommand<S extends OptionTable>(
  spec: CommandSpec<S>,
  run: (args: readonly string[], values: Values<S>, io: CliIo) => Promise<number>,
): CliCommand {
  return {
    run: async (argv, io, wantsEvents) => {
      const line = readCommandLine(spec, argv, io);
      if (line.kind === 'help') return 0;
      const { json }: { readonly json?: unknown } = line.values;
      if (spec.tellsEvents === true) wantsEvents?.(json === true);
      refuseLostBytes([...pathsAmong(spec.arguments, line.args), ...pathsOf(spec.options, line.values)]);
      return run(line.args, line.values, io);
    },
  };
}

/** `words`: the arguments as the help names them. */
function pathsAmong(words: string, args: readonly string[]): readonly GivenPath[] {
  if (words.startsWith('<path')) return args.map((text) => ({ text, option: null, dir: null }));
  if (!words.includes('source')) return [];
  // What follows a single source is a pattern.
  return pathsIn(words.includes('...') ? args : args.slice(0, 1));
}

function pathsOf(options: OptionTable, values: Readonly<Record<string, unknown>>): readonly GivenPath[] {
  const folder = typeof values['dir'] === 'string' ? values['dir'] : null;
  return Object.entries(options).flatMap(([key, option]) => {
    if (option.path === undefined) return [];
    const name = `--${plainName(option)}`;
    const dir = option.path === 'in-dir' ? folder : null;
    return [values[key] ?? []].flat().map((text) => ({ text: String(text), option: name, dir }));
  });
}
