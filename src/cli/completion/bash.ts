import { type Completed, type CompletedCommand, DEFAULT_COMMAND } from './vocabulary.js';

/** A completion script for bash 3.2 and newer. It needs no other script. */
export function bashCompletion(commands: readonly CompletedCommand[]): string {
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap(({ short, long, value }) =>
      value === null
        ? []
        : [[[short, long].flatMap((each) => (each === null ? [] : `${name}:${each}`)), value] as const],
    ),
  );
  return `# Completion of btget for bash. It may be read again and again.
_btget() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  local command=${DEFAULT_COMMAND} takes= only_arguments= index
  COMPREPLY=()
  # bash takes --option=value for three words.
  if [ "$word" = = ]; then
    word=
  elif [ "$before" = = ] && [ "$COMP_CWORD" -gt 2 ]; then
    before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if [ "$COMP_CWORD" -gt 1 ]; then
    case \${COMP_WORDS[1]} in
      ${commands.map(({ name }) => name).join('|')}) command=\${COMP_WORDS[1]} ;;
    esac
  fi
  case $command:$before in
${grouped(values).join('\n')}
  esac
  if [ -z "$takes" ]; then
    for ((index = 1; index < COMP_CWORD; index += 1)); do
      [ "\${COMP_WORDS[index]}" = -- ] && only_arguments=yes
    done
    if [[ -z $only_arguments && $word == -* ]]; then
      case $command in
${commands.map((command) => `        ${command.name}) takes='${wordsOf(command)}' ;;`).join('\n')}
      esac
      [ "$COMP_CWORD" -eq 1 ] && takes="$takes --version"
      _btget_add compgen -W "$takes" -- "$word"
      return
    fi
    case $command in
${commands.map(({ name, takes }) => `      ${name}) takes='${code(takes)}' ;;`).join('\n')}
    esac
    if [ "$COMP_CWORD" -eq 1 ]; then
      _btget_add compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$word"
    fi
  fi
  case $takes in
    @torrent)
      compopt -o filenames 2>/dev/null
      _btget_add compgen -d -- "$word"
      _btget_add compgen -f -X '!*.[tT][oO][rR][rR][eE][nN][tT]' -- "$word"
      ;;
    @folder)
      compopt -o filenames 2>/dev/null
      _btget_add compgen -d -- "$word"
      ;;
    @file)
      compopt -o filenames 2>/dev/null
      _btget_add compgen -f -- "$word"
      ;;
    @program) _btget_add compgen -c -- "$word" ;;
    @unknown) ;;
    *) _btget_add compgen -W "$takes" -- "$word" ;;
  esac
}

# Adds each line that the command prints, once.
_btget_add() {
  local line known
  while IFS= read -r line; do
    for known in "\${COMPREPLY[@]}"; do
      [ "$known" = "$line" ] && continue 2
    done
    COMPREPLY[\${#COMPREPLY[@]}]=$line
  done < <("$@")
}

complete -F _btget btget
`;
}

function wordsOf({ options }: CompletedCommand): string {
  return options.flatMap(({ short, long }) => (short === null ? [long] : [short, long])).join(' ');
}

function code(completed: Completed): string {
  return typeof completed === 'string' ? `@${completed}` : completed.join(' ');
}

/** A line of `case` for each kind of value, with all the patterns that mean it. */
function grouped(values: readonly (readonly [readonly string[], Completed])[]): readonly string[] {
  const patterns = new Map<string, string[]>();
  for (const [names, value] of values) patterns.set(code(value), [...(patterns.get(code(value)) ?? []), ...names]);
  return [...patterns].map(([value, names]) => `    ${names.join('|')}) takes='${value}' ;;`);
}
