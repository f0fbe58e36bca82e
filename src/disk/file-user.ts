/** The user as whom this process makes files, and whether the user shares its groups with others. */
import { readFileSync } from 'node:fs';
import type { FileUser } from './system/trust.js';

/** Null where the system has no numbers for users. */
export function systemUser(): FileUser | null {
  const id = process.geteuid?.();
  if (id === undefined) return null;
  const known = new Map<number, boolean>();
  return {
    id,
    hasGroupAlone(group) {
      const answer = known.get(group) ?? isGroupAlone(id, group, table('/etc/passwd'), table('/etc/group'));
      known.set(group, answer);
      return answer;
    },
  };
}

/**
 * Whether the group `group` is that of the user `id` alone, as many systems make one for each user, by the tables of
 * passwd(5) and group(5). Root does not count as another user. False when the tables do not say it: users may be known
 * elsewhere.
 */
export function isGroupAlone(id: number, group: number, passwd: string, groups: string): boolean {
  const users = linesOf(passwd);
  const entries = linesOf(groups).filter(([, , number]) => number === String(group));
  // "+" and "-": more of the table lies in the network.
  if ([...users, ...linesOf(groups)].some(([name = '']) => /^[+-]/.test(name))) return false;
  const isOurs = (number: string | undefined): boolean => number === String(id) || number === '0';
  const primary = users.filter(([, , , its]) => its === String(group)).map(([, , number]) => number);
  const members = entries
    .flatMap(([, , , names = '']) => names.split(','))
    .filter((name) => name !== '')
    .map((name) => users.find(([its]) => its === name)?.[2]);
  return entries.length > 0 && primary.includes(String(id)) && [...primary, ...members].every(isOurs);
}

function linesOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
}

function table(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
