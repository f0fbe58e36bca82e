/** btget in a real terminal: the bar, Ctrl-C, and what is not to be seen where there is no terminal. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scratch } from '../support/disk/scratch.js';
import { writeNoise } from '../support/noise.js';
import {
  btget,
  btgetEnds,
  fingerprint,
  HOSTS,
  isInstalled,
  type JsonEvent,
  startSeed,
  startSilentServer,
} from './support.js';
import { BTGET_COMMAND, Terminal } from './terminal.js';

const OPTIONS = {
  timeout: 20_000,
  skip: isInstalled('tmux', '-V') ? false : 'tmux is not installed (Debian package tmux)',
};
const MiB = 1 << 20;

/** A torrent of 10 MiB whose tracker never answers, a seed of it, and the command that fetches it at 3 MiB/s. */
async function scene(t: TestContext) {
  const dir = scratch(t);
  writeNoise(join(dir, 'seed'), { 'data.bin': 10 * MiB });
  const torrent = join(dir, 'data.torrent');
  const tracker = `http://${(await startSilentServer(t, HOSTS.tracker)).address}/announce`;
  await btgetEnds(t, 0, 'create', join(dir, 'seed', 'data.bin'), '-o', torrent, '--tracker', tracker);
  const seed = await startSeed(t, HOSTS.rival, torrent, join(dir, 'seed'), '--no-trackers');
  const leech = join(dir, 'leech');
  const args = [torrent, '-d', leech, '--bind', HOSTS.btget, '--peer', seed, '--max-download', '3M'];
  return { dir, leech, torrent, args, command: `${BTGET_COMMAND} ${args.join(' ')}` };
}

const BAR = /^data\.bin\b.*\[#*-*\] +(\d+)%/m;
const exitCode = (screen: string): string | undefined => /^exit (\d+)$/m.exec(screen)?.[1];

async function barAt(terminal: Terminal, percent: number): Promise<void> {
  await terminal.until((screen) => {
    const [, shown] = BAR.exec(screen) ?? [];
    return shown !== undefined && Number(shown) >= percent ? shown : undefined;
  });
}

/** The last event of a type in a file of them. */
function eventIn(path: string, type: string): JsonEvent {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const event = lines.map((line) => JSON.parse(line) as JsonEvent).findLast((each) => each['type'] === type);
  assert.ok(event !== undefined, lines.join('\n'));
  return event;
}

const keptOf = (summary: JsonEvent): number => (summary['torrents'] as { have: number }[])[0]?.have ?? Number.NaN;

test('Ctrl-C keeps what is there, says so, and ends with 7; the same command fetches the rest', OPTIONS, async (t) => {
  const { dir, leech, command } = await scene(t);
  const terminal = new Terminal(t, dir);
  const events = join(dir, 'events');
  const line = `${command} --json >${events}; echo exit $?`;
  terminal.enter(line);
  await barAt(terminal, 20);
  const interruptedAt = performance.now();
  terminal.interrupt();
  assert.equal(await terminal.until(exitCode), '7');
  assert.ok(performance.now() - interruptedAt < 3000, 'ended in time, though the tracker does not answer');
  const screen = terminal.screen();
  const summary = /^ERR {2}(\d+)% of 10 MiB {2}\S*data\.bin {2}interrupted before it was done \(.*goes on\)$/m.exec(
    screen,
  );
  assert.ok(summary !== null, screen);
  assert.doesNotMatch(screen, BAR, 'the bar is gone');
  assert.deepEqual(
    readdirSync(leech).filter((name) => name.startsWith('data')),
    ['data.bin.btget', 'data.bin.part'],
  );
  const kept = keptOf(eventIn(events, 'summary'));
  assert.ok(kept > 0 && kept < 10 * MiB, `${kept}`);

  terminal.enter('clear');
  await terminal.until((shown) => (exitCode(shown) === undefined ? true : undefined));
  terminal.enter(line);
  assert.equal(await terminal.until(exitCode), '0');
  assert.match(terminal.screen(), /^OK {3}10 MiB {2}/m);
  assert.deepEqual(fingerprint(leech), fingerprint(join(dir, 'seed')));
  const rest = 10 * MiB - kept;
  const fetched = Number(eventIn(events, 'done')['downloaded']);
  // A piece that was on its way to the disk when Ctrl-C came is kept too, without being counted.
  assert.ok(fetched <= rest && fetched > rest - MiB, `only the rest was fetched: ${fetched} of ${rest}`);
  assert.ok(terminal.written().endsWith('exit 0\r\n$ '), 'nothing comes after the end');
});

test('Ctrl-C twice ends at once', OPTIONS, async (t) => {
  const { dir, leech, command } = await scene(t);
  const terminal = new Terminal(t, dir);
  terminal.enter(`${command}; echo exit $?`);
  await barAt(terminal, 10);
  terminal.interrupt();
  await terminal.until((screen) => /Ctrl-C again ends at once/.exec(screen));
  // Sooner it would count as the first one, which some programs send twice.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const interruptedAt = performance.now();
  terminal.interrupt();
  assert.equal(await terminal.until(exitCode), '7');
  assert.ok(performance.now() - interruptedAt < 1000);
  assert.ok(existsSync(join(leech, 'data.bin.part')));
  assert.ok(terminal.written().includes('\x1b[?25h'), 'the cursor is back');
});

test(
  'Ctrl-Z stops a download and shows the cursor; fg hides it again, and the download is completed',
  OPTIONS,
  async (t) => {
    const { dir, leech, command } = await scene(t);
    const terminal = new Terminal(t, dir);
    /** All cursor switches that were written since the bar was up. */
    const switches = (): string =>
      terminal
        .written()
        .split('\x1b[?25')
        .slice(1)
        .map(([first]) => first)
        .join('');
    terminal.enter(command);
    await barAt(terminal, 10);
    const before = switches();
    assert.equal(before.at(-1), 'l');
    terminal.suspend();
    await terminal.until((screen) => /Stopped/.exec(screen));
    await terminal.until(() => (switches() === `${before}h` ? true : undefined));
    terminal.enter('fg; echo exit $?');
    assert.equal(await terminal.until(exitCode), '0');
    assert.match(switches().slice(before.length), /^hl.*h$/);
    assert.deepEqual(fingerprint(leech), fingerprint(join(dir, 'seed')));
  },
);

test('a seed shows a bar, and ends with 0 at Ctrl-C', OPTIONS, async (t) => {
  const { dir, torrent } = await scene(t);
  const terminal = new Terminal(t, dir);
  terminal.enter(`${BTGET_COMMAND} seed ${torrent} -d ${join(dir, 'seed')} --bind ${HOSTS.btget}; echo exit $?`);
  await terminal.until((screen) => /^data\.bin .*100% .*seeding/m.exec(screen));
  terminal.interrupt();
  assert.equal(await terminal.until(exitCode), '0');
  assert.match(terminal.screen(), /^OK {3}10 MiB {2}\S+\/seed\/data\.bin$/m);
});

/** What a terminal does at a line's end aside, no control character. */
function assertPlain(text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  assert.doesNotMatch(text.replaceAll('\r\n', '\n'), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
}

test('with TERM=dumb a terminal gets whole lines, and nothing that moves its cursor', OPTIONS, async (t) => {
  const { dir, command } = await scene(t);
  const terminal = new Terminal(t, dir, ['TERM=dumb']);
  terminal.enter(`${command} --summary-interval 1; echo exit $?`);
  assert.equal(await terminal.until(exitCode), '0');
  assert.match(terminal.screen(), /^data\.bin: \d+%, [^\n]* of 10 MiB, down /m);
  assertPlain(terminal.written());
});

test('with NO_COLOR a terminal gets its bar, and no colour', OPTIONS, async (t) => {
  const { dir, command } = await scene(t);
  const terminal = new Terminal(t, dir, ['NO_COLOR=1']);
  terminal.enter(`${command}; echo exit $?`);
  assert.equal(await terminal.until(exitCode), '0');
  const written = terminal.written();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  assert.match(written, /\u001b\[/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  assert.doesNotMatch(written, /\u001b\[[0-9;]*m/);
});

test('through a pipe there are whole lines, and on stdout only what was asked for', OPTIONS, async (t) => {
  const { args, leech } = await scene(t);
  const program = btget(t, ...args, '--summary-interval', '1', '--print-paths');
  assert.equal(await program.ended, 0);
  assert.match(program.stderr, /^data\.bin: \d+%, [^\n]* of 10 MiB, down /m);
  assertPlain(program.stderr);
  assert.equal(program.stdout, `${join(leech, 'data.bin')}\n`);
});

test(
  'a terminal that is closed ends a download as Ctrl-C does, and what outlives it does not crash',
  OPTIONS,
  async (t) => {
    const { dir, command } = await scene(t);
    // A shell of its own outlives the terminal to say what came of it. `setsid` parts the program from the terminal.
    for (const [name, prefix, expected] of [
      ['ended', '', '7'],
      ['parted', 'setsid -w ', '0'],
    ] as const) {
      const place = join(dir, name);
      mkdirSync(place);
      const terminal = new Terminal(t, place);
      terminal.enter(`sh -c "trap '' HUP; ${prefix}${command}; echo \\$? >${join(place, 'code')}"`);
      await barAt(terminal, 10);
      terminal.hangUp();
      while (!existsSync(join(place, 'code')) || readFileSync(join(place, 'code'), 'utf8') === '')
        await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(readFileSync(join(place, 'code'), 'utf8').trim(), expected, name);
    }
  },
);
