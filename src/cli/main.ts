/** The command line: finds the command, loads no other one, and turns every end into an exit code. */
import { existsSync } from 'node:fs';
import { BtgetError } from '../base/failure.js';
import type { FileDisk } from '../disk/files/file-disk.js';
import type { CliCommand } from './commands/command.js';
import { exitCodeOf, failureCode, failureLines, failureMessage } from './exit-code.js';
import { type CommandName, exitCodesText, mapText } from './help.js';
import type { CliIo } from './io.js';
import { nearestWord } from './nearest-word.js';
import { jsonLine } from './output/escape.js';
import { helpWidth } from './output/help-layout.js';
import { canRedraw, SHOW_CURSOR } from './output/terminal.js';
import { classifySource } from './source/recognise.js';
import { shownSource } from './source/source-text.js';
import { version } from './version.js';

/** Loads a command by its name. A command's modules load slowly, and `--version` needs none of them. */
const COMMANDS: Readonly<Record<CommandName, () => Promise<CliCommand>>> = {
  download: async () => (await import('./commands/download.js')).download,
  seed: async () => (await import('./commands/seed.js')).seed,
  create: () => loadHashing(async () => (await import('./commands/create.js')).create),
  show: async () => (await import('./commands/show.js')).show,
  verify: () => loadHashing(async () => (await import('./commands/verify.js')).verify),
  cat: async () => (await import('./commands/cat.js')).cat,
  serve: async () => (await import('./commands/serve.js')).serve,
  tracker: async () => (await import('./commands/tracker.js')).tracker,
  doctor: async () => (await import('./commands/doctor.js')).doctor,
  config: async () => (await import('./commands/config.js')).config,
  completion: async () => (await import('./commands/completion.js')).completion,
};

async function loadHashing(load: () => Promise<(disk: FileDisk) => CliCommand>): Promise<CliCommand> {
  return (await import('./commands/hashing-disk.js')).withHashingDisk(load);
}

/** Resolves to the exit code; never rejects. */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  let isBroken = false;
  /** The last failure that was reported. When the machine lacks something, many things fail at once. */
  let told: string | null = null;
  const [first = '', ...rest] = argv;
  // While the command has not read its options, the words of the command line are all that we know.
  let wantsEvents = (EVENT_TELLERS.has(first) || !isCommand(first)) && asksForJson(argv, io.env['BTGET_JSON']);
  const isKnown = (wants: boolean): void => {
    wantsEvents = wants;
  };
  const report = (error: unknown): void => {
    const message = failureMessage(error);
    if (message !== told) reportFailure(error, wantsEvents, io);
    told = message;
  };
  try {
    io.onBug((error) => {
      if (isBroken) return;
      isBroken = true;
      if (canRedraw(io)) io.stderr.write(`\r\x1b[J${SHOW_CURSOR}`);
      report(error);
      io.exitNow(exitCodeOf(error));
    });
    if (first === '--version' || first === '-V' || (first === 'version' && rest.length === 0)) {
      io.stdout.write(`${version()}\n`);
      return 0;
    }
    if (isCommand(first)) return await (await COMMANDS[first]()).run(rest, io, isKnown);
    if (first === 'help' || (argv.length === 1 && HELP.has(first))) return await help(rest, io);
    // A mistyped command (`verfy FILE`) must not start a download.
    const isWord = /^[a-z]{3,}$/i.test(first) && classifySource(first) === 'path' && !existsSync(first);
    const nearest = isWord ? nearestWord(first, FIRST_WORDS) : null;
    if (nearest !== null)
      throw new BtgetError('usage', `no such file, and no such command: ${first} (did you mean ${nearest}?)`);
    const { misplacedCommand } = await import('./commands/misplaced-command.js');
    const misplaced = misplacedCommand(argv, isCommand);
    if (misplaced !== null) throw new BtgetError('usage', `the command comes first: btget ${misplaced} …`);
    if (isWord)
      throw new BtgetError('source-not-found', `no such file, and no such command: ${first} (see btget --help)`);
    const { download } = await import('./commands/download.js');
    return await download.run(argv, io, isKnown);
  } catch (error) {
    if (!isBroken) report(error);
    const exitCode = exitCodeOf(error);
    // What the command waited for in vain would keep the process alive.
    if (['gave-up', 'interrupted'].includes(failureCode(error))) io.exitWhenWritten(exitCode);
    return exitCode;
  }
}

/** The commands that tell events with `--json`. */
const EVENT_TELLERS: ReadonlySet<string> = new Set<CommandName>(['download', 'seed']);

/** Whether the words of a command line, or else a variable, ask for JSON. */
function asksForJson(argv: readonly string[], variable: string | undefined): boolean {
  const end = argv.indexOf('--');
  const said = argv.slice(0, end === -1 ? undefined : end).filter((word) => word === '--json' || word === '--no-json');
  return said.length > 0 ? said.at(-1) === '--json' : variable === 'true' || variable === '1';
}

const HELP: ReadonlySet<string> = new Set(['--help', '-h']);

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

const EXIT_CODES = 'exit-codes';
/** Words in the place of a command of which the map says all that there is. */
const MAPPED = ['help', 'version'] as const;
const FIRST_WORDS = [...(Object.keys(COMMANDS) as CommandName[]), ...MAPPED];

/** `btget help`, `btget help COMMAND` and `btget help exit-codes`. */
async function help([topic, ...more]: readonly string[], io: CliIo): Promise<number> {
  if (topic === undefined || HELP.has(topic) || MAPPED.some((word) => word === topic)) {
    io.stdout.write(mapText(helpWidth(io.stdout)));
    return 0;
  }
  if (more.length === 0 && topic === EXIT_CODES) {
    io.stdout.write(exitCodesText(helpWidth(io.stdout)));
    return 0;
  }
  if (more.length === 0 && isCommand(topic)) return (await COMMANDS[topic]()).run(['--help'], io);
  const nearest = nearestWord(topic, [...FIRST_WORDS, EXIT_CODES]);
  const hint = nearest === null ? '' : ` (did you mean ${nearest}?)`;
  throw new BtgetError(
    'usage',
    `there is no command of that name: ${[topic, ...more].map(shownSource).join(' ')}${hint}`,
  );
}

/** Reports a failure that ends a command before the command has an output of its own. */
function reportFailure(error: unknown, wantsEvents: boolean, io: CliIo): void {
  const [code, message] = [failureCode(error), failureMessage(error)];
  io.stderr.write(`btget: ${failureLines(code, message).join('\n')}\n`);
  if (!wantsEvents) return;
  const time = io.today().toISOString();
  // A signal is no error: the summary says it.
  if (code !== 'interrupted') io.stdout.write(`${jsonLine({ type: 'error', time, code, message })}\n`);
  io.stdout.write(`${jsonLine({ type: 'summary', time, exitCode: exitCodeOf(error), torrents: [] })}\n`);
}
