#!/usr/bin/env node
// This file imports at run time only. Node would read all declared imports before it runs the first line.

// At SIGUSR1 Node opens a port for a debugger, at an address that --bind does not control. If the signal came while
// Node itself was starting, the port is open already.
const closeDebugger = () => {
  const wasAskedFor = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((text) => text.includes('--inspect'));
  if (wasAskedFor || !process.features.inspector) return;
  const inspector = process.getBuiltinModule('node:inspector');
  if (inspector.url() !== undefined) inspector.close();
};

// Every user of the machine may read the command line of a process. Node writes a title over it.
if (process.argv.some((text) => /\/\/[^/]*@/.test(text))) process.title = 'btget';

try {
  process.on('SIGUSR1', () => undefined);
  const { isatty } = process.getBuiltinModule('node:tty');
  const terminals = [0, 1, 2].filter(isatty);
  // `nohup` makes the system ignore SIGHUP, and Node undoes that when it starts. Without a terminal there is no other
  // reason for this signal, so it does nothing.
  if (!terminals.includes(1) && !terminals.includes(2)) process.on('SIGHUP', () => undefined);
  // At its end Node restores the settings of the terminals, and aborts when a terminal has gone.
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
  // Too many files are open, so the module that reports failures could not be read.
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error;
  process.stderr.write(`btget: too few files may be open at once (${error.code}); raise the limit with ulimit -n\n`);
  process.exitCode = 16;
}
