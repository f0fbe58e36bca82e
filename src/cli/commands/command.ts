/** The interface of every command. `main.ts` loads the command that the user calls. */
import type { CommandSpec } from '../command-line.js';
import { readCommandLine } from '../command-line.js';
import type { CliIo } from '../io.js';
import type { OptionTable, Values } from '../options.js';

export interface CliCommand {
  /** Resolves to the exit code. Rejects with a `BtgetError`, or with another exception, which is a bug. */
  run(argv: readonly string[], io: CliIo): Promise<number>;
}

/** A command that reads its command line by `spec` and prints its help when the user asks for it; else calls `run`. */
export function defineCommand<S extends OptionTable>(
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
