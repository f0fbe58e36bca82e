// Makes dist/package/btget.1 for man(1), of docs/btget.1.md and the table of options. `npm run build` has compiled
// dist/src before.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { marked } from 'marked';
import markedMan from 'marked-man';
import { COMMAND_OPTIONS } from '../dist/src/cli/command-options.js';
import { completedCommands, optionsOf } from '../dist/src/cli/completion/vocabulary.js';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

// Without the second step an address in a sentence would become a link.
const escaped = (text) => text.replace(/[\\`*_{}[\]<>#|~@]/g, '\\$&').replaceAll('://', '\\://');

/** `-d, --dir <dir>` becomes bold names and an upper-case value in italics. */
function shownFlags(flags) {
  const [names = '', value] = flags.split(/ (?=<)/);
  const bold = names.split(', ').map((name) => `**${name}**`);
  return value === undefined ? bold.join(', ') : `${bold.join(', ')} *${escaped(value.slice(1, -1).toUpperCase())}*`;
}

const item = (term, text) => `* ${term}:\n  ${text}\n`;

function commandItems() {
  return completedCommands().map(({ name, does }) => item(`**${name}**`, escaped(does)));
}

/** Those of the command by which a name is known, in groups, and of each other command what differs. */
function optionSections() {
  const [[first, shared]] = Object.entries(COMMAND_OPTIONS);
  const groups = new Map();
  for (const spec of Object.values(optionsOf(first)))
    groups.set(spec.group, [...(groups.get(spec.group) ?? []), item(shownFlags(spec.flags), escaped(spec.sentence))]);
  const own = [...groups].map(([group, items]) => `### ${group} (${first})\n\n${items.join('\n')}`);
  const known = new Set(Object.values(optionsOf(first)));
  const others = completedCommands().flatMap(({ name }) => {
    const options = Object.values(optionsOf(name));
    if (name === first || options.length === 0) return [];
    const same = options.filter((spec) => known.has(spec)).map((spec) => `**${/--[\w-]+/.exec(spec.flags)?.[0]}**`);
    const different = options.filter((spec) => !known.has(spec));
    const items = different.map((spec) => item(shownFlags(spec.flags), escaped(spec.sentence)));
    const borrowed = same.length === 0 ? [] : [`As of **${first}**: ${same.join(', ')}.\n`];
    return [`### Options of ${name}\n\n${[...borrowed, ...items].join('\n')}`];
  });
  if (shared === undefined) throw new Error('there are no options');
  return [...own, ...others];
}

const { name, version } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
const text = readFileSync(at('docs/btget.1.md'), 'utf8')
  .replace('<!-- commands -->', () => commandItems().join('\n'))
  .replace('<!-- options -->', () => optionSections().join('\n'));
if (text.includes('<!--')) throw new Error('docs/btget.1.md has a place that nothing fills');
marked.use(markedMan);
const roff = marked.parse(text, {
  ...{ name, section: '1', manual: 'btget', manVersion: `${name} ${version}`, breaks: false, gfm: true },
});
// Lists of terms as man pages have them, without bullets. A bare ' becomes another character in a terminal.
const page = roff
  .replace(/\n\n\.RS 1\n(?=\.IP \\\(bu 2\n)/g, '\n')
  .replace(/\.IP \\\(bu 2\n(.+):\n/g, '.TP\n$1\n')
  .replace(/\n\n\.RE\n/g, '\n')
  .replaceAll("'", '\\(aq');
if (page.includes('\\(bu')) throw new Error('docs/btget.1.md has a list whose items are no terms with a colon');
writeFileSync(at('dist/package/btget.1'), page);
