import { type Completed, type CompletedCommand, type CompletedOption, DEFAULT_COMMAND } from './vocabulary.js';

/** A completion script for zsh: to be sourced after compinit, or to lie in a folder of $fpath as `_btget`. */
export function zshCompletion(commands: readonly CompletedCommand[]): string {
  return `#compdef btget
# Completion of btget for zsh. It may be read again and again.
_btget() {
  local command=${DEFAULT_COMMAND} context state line
  typeset -A opt_args
  local -a version
  if (( CURRENT > 2 )) && [[ " ${commands.map(({ name }) => name).join(' ')} " == *" $words[2] "* ]]; then
    command=$words[2]
    shift words
    (( CURRENT -= 1 ))
  elif (( CURRENT == 2 )); then
    version=('(-V --version)'{-V,--version}'[print the version]')
    if [[ $words[2] != -* ]]; then
      _alternative 'commands:command:_btget_commands' 'torrents:torrent:_btget_torrents'
      return
    fi
  fi
  case $command in
${commands.map(caseOf).join('\n')}
  esac
}

_btget_commands() {
  local -a commands
  commands=(
${commands.map(({ name, does }) => `    ${quoted(`${name}:${does}`)}`).join('\n')}
  )
  _describe -t commands command commands
}

_btget_torrents() {
  _alternative 'torrents:torrent:_path_files -g "(#i)*.torrent(-.)"' 'folders:folder:_path_files -/'
}

if [[ $funcstack[1] = _btget ]]; then
  _btget "$@"
elif (( $+functions[compdef] )); then
  compdef _btget btget
else
  print -u2 'btget: completion needs compinit: autoload -Uz compinit && compinit'
fi
`;
}

function caseOf({ name, takes, options }: CompletedCommand): string {
  const arguments_ = Array.isArray(takes) && takes.length === 0 ? [] : [quoted(`*:${noun(takes)}:${action(takes)}`)];
  const lines = ['$version', ...options.map(specOf), ...arguments_];
  return `    ${name})\n      _arguments -s -S \\\n${lines.map((line) => `        ${line}`).join(' \\\n')}\n      ;;`;
}

/** As _arguments wants it. */
function specOf({ short, long, sentence, isRepeatable, value }: CompletedOption): string {
  const names = short === null ? [long] : [short, long];
  const others = isRepeatable || short === null ? '' : `(${names.join(' ')})`;
  const star = isRepeatable ? '*' : '';
  const shown = sentence.replace(/[[\]\\]/g, '\\$&');
  const rest = `[${shown}]${value === null ? '' : `:${noun(value)}:${action(value)}`}`;
  const spelled = names.map((each) => (value === null ? each : each.startsWith('--') ? `${each}=` : `${each}+`));
  return spelled.map((each) => quoted(`${others}${star}${each}${rest}`)).join(' ');
}

function noun(completed: Completed): string {
  if (typeof completed !== 'string') return 'word';
  return completed === 'unknown' ? 'value' : completed;
}

function action(completed: Completed): string {
  if (typeof completed !== 'string') return `(${completed.join(' ')})`;
  switch (completed) {
    case 'torrent':
      return '_btget_torrents';
    case 'folder':
      return '_path_files -/';
    case 'file':
      return '_files';
    case 'program':
      return '_command_names -e';
    case 'unknown':
      return ' ';
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
