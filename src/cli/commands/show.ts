/** `btget show`: says what torrents hold. */
import { describe } from '../../metainfo/describe.js';
import { failureCode, failureMessage, firstExitCode } from '../exit-code.js';
import { OPTIONS } from '../options.js';
import { jsonLine, printable } from '../output/escape.js';
import { describeForPeople } from '../output/show-tree.js';
import { loadSource } from '../source/load-source.js';
import { listSources } from '../source/source-list.js';
import { defineCommand } from './command.js';
import { sourceReaders } from './node-deps.js';

const { inputFile, bind, json } = OPTIONS;

export const show = defineCommand(
  {
    name: 'show',
    arguments: '[source...]',
    summary: 'Says what torrents hold. Downloads no content.',
    footer: 'With --json: one object a source. * marks files that are executable.\n',
    options: { inputFile, bind, json },
  },
  async (args, values, io) => {
    const readers = sourceReaders(io, values.bind);
    const failures: unknown[] = [];
    let isFirst = true;
    for (const input of await listSources(args, values.inputFile, io.stdin)) {
      const source = await loadSource(input, readers);
      if (!source.ok) {
        failures.push(source.failure);
        const [code, message] = [failureCode(source.failure), failureMessage(source.failure)];
        io.stderr.write(`btget: ${printable(message)}\n`);
        if (values.json) io.stdout.write(`${jsonLine({ input, error: { code, message } })}\n`);
      } else if (values.json) {
        io.stdout.write(`${jsonLine({ input, ...describe(source.metainfo) })}\n`);
      } else {
        const lines = describeForPeople(source.metainfo);
        io.stdout.write(`${isFirst ? '' : '\n'}${lines.join('\n')}\n`);
        isFirst = false;
      }
    }
    return firstExitCode(failures);
  },
);
