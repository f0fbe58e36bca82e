import { type Completed, type CompletedCommand, type CompletedOption, DEFAULT_COMMAND } from './vocabulary.js';

/** A completion script for fish 3.1 and newer. */
export function fishCompletion(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name);
  const takers = grouped(commands.map(({ name, takes }) => [action(takes), name]));
  const options = grouped(
    commands.flatMap(({ name, options }) => options.map((option) => [optionLine(option), name] as const)),
  );
  return `# Completion of btget for fish. It may be read again and again.
function __btget_takes
    set -l words (commandline -opc)
    set -l command ${DEFAULT_COMMAND}
    if set -q words[2]; and contains -- $words[2] ${names.join(' ')}
        set command $words[2]
    end
    contains -- $command $argv
end

function __btget_is_first
    test (count (commandline -opc)) -eq 1
end

function __btget_torrents
    __fish_complete_path (commandline -ct) | string match -ri '^[^\\t]*(?:/|\\.torrent)(?:\\t.*)?$'
end

complete -c btget -e
complete -c btget -f
complete -c btget -n __btget_is_first -s V -l version -d 'print the version'
${commands.map(({ name, does }) => `complete -c btget -n __btget_is_first -a ${name} -d ${quoted(does)}`).join('\n')}
${takers.map(([taken, users]) => `complete -c btget -n '__btget_takes ${users}' -a ${taken}`).join('\n')}
${options.map(([line, users]) => `complete -c btget -n '__btget_takes ${users}' ${line}`).join('\n')}
`;
}

/** The commands of each line, which then stands once for all of them. */
function grouped(pairs: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  const users = new Map<string, string[]>();
  for (const [line, name] of pairs) users.set(line, [...(users.get(line) ?? []), name]);
  return [...users].map(([line, names]) => [line, names.join(' ')]);
}

function optionLine({ short, long, sentence, value }: CompletedOption): string {
  const names = `${short === null ? '' : `-s ${short.slice(1)} `}-l ${long.slice(2)}`;
  const taken = value === null ? '' : ` -x${value === 'unknown' ? '' : ` -a ${action(value)}`}`;
  return `${names}${taken} -d ${quoted(sentence)}`;
}

function action(completed: Completed): string {
  if (typeof completed !== 'string') return quoted(completed.join(' '));
  switch (completed) {
    case 'torrent':
      return quoted('(__btget_torrents)');
    case 'folder':
      return quoted('(__fish_complete_directories (commandline -ct) "")');
    case 'file':
      return quoted('(__fish_complete_path (commandline -ct))');
    case 'program':
      return quoted('(__fish_complete_command)');
    case 'unknown':
      return quoted('');
  }
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
