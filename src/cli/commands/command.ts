/** The face of every command, so that main.ts can load the one that is called. */
import type { CommandSpec } from '../command-line.js';
import { readCommandLine } from '../command-line.js';
import type { CliIo } from '../io.js';
import type { OptionSpec, Values } from '../options.js';

export interface CliCommand {
  /** Resolves to the exit code. Rejects with a `BtgetError`, or with whatever a bug throws. */
  run(argv: readonly string[], io: CliIo): Promise<number>;
}

export function defineCommand<S extends Readonly<Record<string, OptionSpec<unknown>>>>(
  spec: CommandSpec<S>,
  run: (args: readonly string[], values: Values<S>, io: CliIo) => Promise<number>,
): CliCommand {
  return {
    run: async (argv, io) => {
      const line = readCommandLine(spec, argv, io);
      return line.kind === 'help' ? 0 : run(line.args, line.values, io);
    },
  };
}
