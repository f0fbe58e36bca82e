/** Reads metrics in the text format of Prometheus, version 0.0.4, and takes nothing that the format does not allow. */

export interface ReadMetric {
  readonly type: string;
  readonly help: string;
  /** The labels of each sample, and its value. */
  readonly samples: readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const HELP = new RegExp(`^# HELP (${NAME}) (.*)$`, 's');
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`, 's');
/** One label, and what comes after it. */
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,(?=.)|$)/s;
const VALUE = /^(?:[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]Inf|NaN)$/;

/** Metrics by name, in their order. Throws what is wrong. A metric must be one run of HELP, TYPE and samples. */
export function parseMetrics(text: string): Map<string, ReadMetric> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const metrics = new Map<string, ReadMetric & { samples: (readonly [Record<string, string>, number])[] }>();
  let help: readonly [name: string, text: string] | null = null;
  let current: string | null = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, helpName, helpText = ''] = HELP.exec(line) ?? [];
    const [, typeName, type = ''] = TYPE.exec(line) ?? [];
    if (helpName !== undefined) {
      if (help !== null) throw new Error(`two HELP lines in turn: ${line}`);
      help = [helpName, meant(helpText, { '\\': '\\', n: '\n' })];
    } else if (typeName !== undefined) {
      if (help?.[0] !== typeName) throw new Error(`no HELP before: ${line}`);
      if (metrics.has(typeName)) throw new Error(`again: ${line}`);
      if ((type === 'counter') !== typeName.endsWith('_total')) throw new Error(`_total is for counters: ${line}`);
      metrics.set(typeName, { type, help: help[1], samples: [] });
      [help, current] = [null, typeName];
    } else {
      const [, name = '', labelText, valueText = ''] = SAMPLE.exec(line) ?? [];
      if (help !== null || current === null || name !== current) throw new Error(`not where it belongs: ${line}`);
      if (!VALUE.test(valueText)) throw new Error(`no value: ${line}`);
      const value = Number(valueText.replace('Inf', 'Infinity'));
      const labels = labelText === undefined ? {} : parseLabels(labelText);
      const metric = metrics.get(name);
      if (metric?.type === 'counter' && !(value >= 0)) throw new Error(`no count: ${line}`);
      const isAgain = metric?.samples.some(([other]) => JSON.stringify(other) === JSON.stringify(labels));
      if (isAgain === true) throw new Error(`twice: ${line}`);
      metric?.samples.push([labels, value]);
    }
  }
  if (help !== null) throw new Error('HELP of nothing');
  return metrics;
}

function parseLabels(text: string): Record<string, string> {
  const pairs: [name: string, value: string][] = [];
  for (let rest = text; rest !== ''; ) {
    const [all = '', name = '', value = ''] = LABEL.exec(rest) ?? [];
    if (all === '') throw new Error(`no label: ${rest}`);
    if (pairs.some(([other]) => other === name)) throw new Error(`a label twice: ${text}`);
    pairs.push([name, meant(value, { '\\': '\\', n: '\n', '"': '"' })]);
    rest = rest.slice(all.length);
  }
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function meant(text: string, meanings: Readonly<Record<string, string>>): string {
  return text.replace(/\\(.?)/gs, (all, character: string) => {
    const meaning = meanings[character];
    if (meaning === undefined) throw new Error(`no escape: ${all}`);
    return meaning;
  });
}
