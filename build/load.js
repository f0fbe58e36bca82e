/** Loads the command line of the published package, from one file. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function load() {
  const [word, ...more] = process.argv.slice(2);
  if (more.length === 0 && (word === '--version' || word === '-V')) return import('./version.js');
  return loadMain(new URL('./main.cjs', import.meta.url));
}

async function loadMain(place) {
  // `--version` has no use for these.
  const { Script } = process.getBuiltinModule('node:vm');
  const { findKeptCode } = await import('./kept-code.js');
  const text = readFileSync(place);
  const kept = findKeptCode(text);
  const head = '(function (exports, module, __filename) {';
  // The text is ASCII, of which Node then keeps one byte for each character.
  const script = new Script(`${head}${text.latin1Slice()}\n})`, {
    filename: place.href,
    columnOffset: -head.length,
    cachedData: kept?.code,
  });
  kept?.keepAtExit(script);
  const module = { exports: {} };
  script.runInThisContext()(module.exports, module, fileURLToPath(place));
  return module.exports;
}
