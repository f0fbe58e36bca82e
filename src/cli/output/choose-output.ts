/** Chooses the outputs of a run: one for people on stderr, and on stdout what the user asks for. */
import { systemPath } from '../../base/raw-name.js';
import { redactText } from '../../base/redaction.js';
import type { CliIo } from '../io.js';
import { printable } from './escape.js';
import type { Output, RunEvent } from './events.js';
import { createJsonOutput } from './json-events.js';
import { PlainProgress } from './plain-progress.js';
import type { Verbosity } from './sentences.js';
import { canRedraw } from './terminal.js';

export interface OutputChoices {
  readonly json: boolean;
  readonly printPaths: boolean;
  readonly print0: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Milliseconds between two progress lines when stderr is no terminal; 0 for none. */
  readonly summaryInterval: number;
}

/** One output that tells each event to all outputs that were chosen, without the secrets in it. */
export async function chooseOutput(choices: OutputChoices, io: CliIo): Promise<Output> {
  const toStdout = (text: string | Buffer): unknown => io.stdout.write(text);
  // A path may hold any characters. A terminal gets none that it would obey.
  const shown = io.stdout.isTTY === true ? printable : (path: string): string => path;
  const outputs: Output[] = [];
  if (choices.json) outputs.push(createJsonOutput(toStdout, () => io.today().toISOString()));
  if (choices.print0) outputs.push(createPathOutput(toStdout, '\0', shown));
  else if (choices.printPaths) outputs.push(createPathOutput(toStdout, '\n', shown));
  const verbosity: Verbosity = choices.quiet ? 'quiet' : choices.verbose ? 'verbose' : 'normal';
  // What stdout brings to the same terminal would stand among the rows, and be removed with them.
  const isShared = outputs.length > 0 && io.stdout.isTTY === true;
  if (canRedraw(io) && !choices.quiet && !isShared) {
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

/**
 * `--print-paths` and `--print0`: each finished file once, as soon as it has its own name. `shown` makes a path fit for
 * its reader. A program gets the bytes of the name on the disk.
 */
function createPathOutput(
  write: (text: string | Buffer) => void,
  terminator: '\n' | '\0',
  shown: (path: string) => string,
): Output {
  return {
    tell(event) {
      if (event.type === 'file') write(systemPath(shown(event.path) + terminator));
    },
    close: () => undefined,
  };
}

/**
 * `event` without the secrets of URLs in its sentences; every output gets it like this. Names and paths of files stay
 * as they are, because scripts look for them on the disk.
 */
function withoutSecrets(event: RunEvent): RunEvent {
  switch (event.type) {
    case 'warning':
    case 'error':
      return { ...event, message: redactText(event.message), input: redacted(event.input) };
    case 'note':
    case 'detail':
      return { ...event, message: redactText(event.message) };
    case 'stalled':
      return { ...event, reasons: event.reasons.map((each) => ({ ...each, message: redactText(each.message) })) };
    case 'tracker': {
      const { report } = event;
      return { ...event, report: { ...report, url: redactText(report.url), message: redacted(report.message) } };
    }
    case 'summary': {
      const shown = event.torrents.map((torrent) => ({
        ...torrent,
        // A source that never became a torrent has its own text for a name, which may be a URL.
        name: torrent.path === null ? redactText(torrent.name) : torrent.name,
        message: redacted(torrent.message),
      }));
      return { ...event, torrents: shown };
    }
    default:
      return event;
  }
}

function redacted(text: string | null): string | null {
  return text === null ? null : redactText(text);
}
