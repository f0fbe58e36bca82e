/** Which outputs a run has: one for people on stderr, and on stdout what was asked for. */
import type { CliIo } from '../io.js';
import { printable } from './escape.js';
import type { Output } from './events.js';
import { createJsonOutput } from './json-events.js';
import { PlainProgress } from './plain-progress.js';
import { createPathOutput } from './print-paths.js';
import type { Verbosity } from './sentences.js';
import { canRedraw } from './terminal.js';
import { withoutSecrets } from './without-secrets.js';

export interface OutputChoices {
  readonly json: boolean;
  readonly printPaths: boolean;
  readonly print0: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Milliseconds between two progress lines where there is no terminal; 0 for never. */
  readonly summaryInterval: number;
}

export async function chooseOutput(choices: OutputChoices, io: CliIo): Promise<Output> {
  const toStdout = (text: string | Buffer): unknown => io.stdout.write(text);
  // A path may be a name of the disk, with whatever characters: a terminal gets none that it would obey.
  const shown = io.stdout.isTTY === true ? printable : (path: string): string => path;
  const outputs: Output[] = [];
  if (choices.json) outputs.push(createJsonOutput(toStdout, () => io.today().toISOString()));
  if (choices.print0) outputs.push(createPathOutput(toStdout, '\0', shown));
  else if (choices.printPaths) outputs.push(createPathOutput(toStdout, '\n', shown));
  const verbosity: Verbosity = choices.quiet ? 'quiet' : choices.verbose ? 'verbose' : 'normal';
  if (canRedraw(io) && !choices.quiet) {
    const { ProgressBars } = await import('./progress-bars.js');
    outputs.push(new ProgressBars(io, verbosity));
  } else {
    const write = (text: string): unknown => io.stderr.write(text);
    outputs.push(new PlainProgress(write, io.timers, { verbosity, interval: choices.summaryInterval }));
  }
  return {
    tell: (event) => {
      const shown = withoutSecrets(event);
      for (const output of outputs) output.tell(shown);
    },
    close: () => {
      for (const output of outputs) output.close();
    },
  };
}
