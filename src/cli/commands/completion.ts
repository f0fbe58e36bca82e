/** `btget completion`: prints a script that completes btget's command line in a shell. */
import { BtgetError } from '../../base/failure.js';
import { bashCompletion } from '../completion/bash.js';
import { fishCompletion } from '../completion/fish.js';
import { type CompletedCommand, completedCommands, SHELLS, type Shell } from '../completion/vocabulary.js';
import { zshCompletion } from '../completion/zsh.js';
import { shownSource } from '../source/source-text.js';
import { defineCommand } from './command.js';

const WRITERS: Readonly<Record<Shell, (commands: readonly CompletedCommand[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

export const completion = defineCommand(
  {
    name: 'completion',
    arguments: '<shell>',
    summary: 'Prints a script that completes the command line of btget: for bash, zsh or fish.',
    examples: [
      ['btget completion bash', 'in ~/.bashrc: source <(btget completion bash)'],
      ['btget completion zsh', 'in ~/.zshrc, after compinit: source <(btget completion zsh)'],
      ['btget completion fish', 'in ~/.config/fish/config.fish: btget completion fish | source'],
    ],
    notes: [],
    options: {},
  },
  async ([word = ''], _values, io) => {
    const shell = SHELLS.find((each) => each === word);
    if (shell === undefined) throw new BtgetError('usage', `'${shownSource(word)}' is not bash, zsh or fish`);
    io.stdout.write(WRITERS[shell](completedCommands()));
    return 0;
  },
);
