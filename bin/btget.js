#!/usr/bin/env node
// Files are imported by what runs below, never by a declaration: those would all be read before the first line runs.

// Node answers SIGUSR1 by opening a port for a debugger, at an address that is no concern of --bind. A signal that came
// while Node itself was starting has opened it already.
const closeDebugger = () => {
  const wasAskedFor = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((text) => text.includes('--inspect'));
  if (wasAskedFor || !process.features.inspector) return;
  const inspector = process.getBuiltinModule('node:inspector');
  if (inspector.url() !== undefined) inspector.close();
};

try {
  process.on('SIGUSR1', () => undefined);
  const { isatty } = process.getBuiltinModule('node:tty');
  const terminals = [0, 1, 2].filter(isatty);
  // `nohup` asks the system to ignore this one, and Node takes that back when it starts. Without a terminal none can
  // hang up.
  if (!terminals.includes(1) && !terminals.includes(2)) process.on('SIGHUP', () => undefined);
  // At its end Node gives terminals back their settings, and aborts when one of them has gone away.
  process.on('exit', () => {
    for (const gone of terminals.filter((descriptor) => !isatty(descriptor)))
      process.getBuiltinModule('node:fs').closeSync(gone);
  });
  closeDebugger();
  const { main } = await import('../dist/src/cli/main.js');
  const { nodeIo } = await import('../dist/src/cli/node-io.js');
  closeDebugger();
  process.exitCode = await main(process.argv.slice(2), nodeIo());
} catch (error) {
  // What would say it better could not be read.
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error;
  process.stderr.write(`btget: too few files may be open at once (${error.code}); raise the limit with ulimit -n\n`);
  process.exitCode = 16;
}
