/** Text as one word of a command line that a user may copy into a shell. */
import { nameBytes } from '../../base/raw-name.js';
import { UNPRINTABLE } from '../../base/unprintable.js';

/**
 * `text`, a name as `nameText` spells it, quoted for the shell where it must be. A name with characters that no
 * terminal shows is written as `$'…'`, which bash, zsh and ksh read: it then is plain ASCII.
 */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (text.search(UNPRINTABLE) === -1) return `'${text.replaceAll("'", "'\\''")}'`;
  const bytes = [...nameBytes(text)].map((byte) => {
    const character = String.fromCharCode(byte);
    if (byte < 0x20 || byte > 0x7e) return `\\x${byte.toString(16).padStart(2, '0')}`;
    return character === "'" || character === '\\' ? `\\${character}` : character;
  });
  return `$'${bytes.join('')}'`;
}

/** As `shellWord`, for a path, which must not look like an option. */
export function shellPath(path: string): string {
  return shellWord(path.startsWith('-') ? `./${path}` : path);
}
