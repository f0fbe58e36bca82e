/** Writes metrics as Prometheus reads them: its text format, version 0.0.4. */

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface Metric {
  /** `[a-zA-Z_:][a-zA-Z0-9_:]*`. That of a counter ends in `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** What it measures, in one sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** By name, `[a-zA-Z_][a-zA-Z0-9_]*`. A value may be any text. No two samples of a metric have the same labels. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric without labels. */
export function single(type: Metric['type'], name: string, help: string, value: number): Metric {
  return { name, type, help, samples: [{ labels: {}, value }] };
}

/** A metric with one value for each value of a label. */
export function byLabel(
  type: Metric['type'],
  name: string,
  help: string,
  label: string,
  values: Readonly<Record<string, number>>,
): Metric {
  const samples = Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
  return { name, type, help, samples };
}

export function encodeMetrics(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n`,
      `# TYPE ${name} ${type}\n`,
      ...samples.map(({ labels, value }) => `${name}${encodeLabels(labels)} ${encodeValue(value)}\n`),
    ])
    .join('');
}

function encodeLabels(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\\n"]/g, escaped)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** "`label_value` can be any sequence of UTF-8 characters", with escapes for a backslash, a quote and a line feed. */
function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}

function encodeValue(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
