/** The command line: finds the command, loads no other one, and turns every end into an exit code. */
import { existsSync } from 'node:fs';
import { BtgetError } from '../base/failure.js';
import type { FileDisk } from '../disk/files/file-disk.js';
import type { CliCommand } from './commands/command.js';
import { exitCodeOf, failureCode, failureMessage } from './exit-code.js';
import type { CliIo } from './io.js';
import { jsonLine, printable } from './output/escape.js';
import { canRedraw, SHOW_CURSOR } from './output/terminal.js';
import { classifySource } from './source/recognise.js';
import { shownSource } from './source/source-text.js';
import { version } from './version.js';

/** Loads a command by its name. A command's modules load slowly, and `--version` needs none of them. */
const COMMANDS: Readonly<Record<string, () => Promise<CliCommand>>> = {
  download: async () => (await import('./commands/download.js')).download,
  seed: async () => (await import('./commands/seed.js')).seed,
  create: () => loadHashing(async () => (await import('./commands/create.js')).create),
  show: async () => (await import('./commands/show.js')).show,
  verify: () => loadHashing(async () => (await import('./commands/verify.js')).verify),
  cat: async () => (await import('./commands/cat.js')).cat,
  serve: async () => (await import('./commands/serve.js')).serve,
  tracker: async () => (await import('./commands/tracker.js')).tracker,
  doctor: async () => (await import('./commands/doctor.js')).doctor,
};

async function loadHashing(load: () => Promise<(disk: FileDisk) => CliCommand>): Promise<CliCommand> {
  return (await import('./commands/hashing-disk.js')).withHashingDisk(load);
}

/** Resolves to the exit code; never rejects. */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  let isBroken = false;
  try {
    const [first = '', ...rest] = argv;
    if (first === '--version' || first === '-V') {
      io.stdout.write(`${version()}\n`);
      return 0;
    }
    io.onBug((error) => {
      if (isBroken) return;
      isBroken = true;
      if (canRedraw(io)) io.stderr.write(`\r\x1b[J${SHOW_CURSOR}`);
      reportFailure(error, argv, io);
      io.exitNow(exitCodeOf(error));
    });
    const load = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
    if (load !== undefined) return await (await load()).run(rest, io);
    if (first === 'help') return await help(rest, io);
    const misplaced = argv.find((word) => Object.hasOwn(COMMANDS, word) && !existsSync(word));
    if (misplaced !== undefined) throw new BtgetError('usage', `the command comes first: btget ${misplaced} …`);
    // A mistyped command (`verfy FILE`) must not start a download.
    if (/^[a-z]{3,}$/.test(first) && classifySource(first) === 'path' && !existsSync(first))
      throw new BtgetError('source-not-found', `no such file, and no such command: ${first} (see btget --help)`);
    const { download } = await import('./commands/download.js');
    return await download.run(argv, io);
  } catch (error) {
    // When the machine lacks something, many things fail at once. The user is told once.
    if (!isBroken) reportFailure(error, argv, io);
    return exitCodeOf(error);
  }
}

/** `btget help` and `btget help COMMAND`. */
async function help([command = 'download', ...more]: readonly string[], io: CliIo): Promise<number> {
  const load = Object.hasOwn(COMMANDS, command) && more.length === 0 ? COMMANDS[command] : undefined;
  if (load === undefined)
    throw new BtgetError('usage', `there is no command of that name: ${[command, ...more].map(shownSource).join(' ')}`);
  return (await load()).run(['--help'], io);
}

/** Reports a failure that ends a command before the command has an output of its own. */
function reportFailure(error: unknown, argv: readonly string[], io: CliIo): void {
  const [code, message] = [failureCode(error), failureMessage(error)];
  const lines = message.split('\n').map(printable);
  io.stderr.write(`btget: ${lines.join('\n')}\n`);
  if (!argv.includes('--json') || argv[0] === 'show' || argv[0] === 'verify') return;
  const time = io.today().toISOString();
  io.stdout.write(`${jsonLine({ type: 'error', time, code, message })}\n`);
  io.stdout.write(`${jsonLine({ type: 'summary', time, exitCode: exitCodeOf(error), torrents: [] })}\n`);
}
