import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byLabel, encodeMetrics, type Metric, single } from '../../../src/measure/metrics-text.js';
import { parseMetrics } from '../../support/metrics-text.js';

test('metrics are written as Prometheus reads them', () => {
  const metrics = [
    byLabel('gauge', 'btget_info', 'Which btget.', 'version', { '1.0': 1 }),
    single('counter', 'x_total', 'Some.', 12_345),
    byLabel('gauge', 'y', 'A \\ and\na line.', 'of', { 'a"b\\c\nd': 0.5, e: Number.POSITIVE_INFINITY }),
    { name: 'none', type: 'gauge', help: '', samples: [] } satisfies Metric,
  ];
  assert.equal(
    encodeMetrics(metrics),
    [
      '# HELP btget_info Which btget.',
      '# TYPE btget_info gauge',
      'btget_info{version="1.0"} 1',
      '# HELP x_total Some.',
      '# TYPE x_total counter',
      'x_total 12345',
      '# HELP y A \\\\ and\\na line.',
      '# TYPE y gauge',
      'y{of="a\\"b\\\\c\\nd"} 0.5',
      'y{of="e"} +Inf',
      '# HELP none ',
      '# TYPE none gauge',
      '',
    ].join('\n'),
  );
});

test('whatever a label and a help text hold, a strict reader gets the same', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('\\', '"', '\n', 'n', ',', '}', '=') }),
  );
  const values = fc.oneof(fc.double(), fc.integer());
  fc.assert(
    fc.property(text, fc.uniqueArray(text), fc.uniqueArray(text), values, (help, first, second, value) => {
      const samples = first.flatMap((a) => second.map((b) => ({ labels: { a, b }, value })));
      const read = parseMetrics(encodeMetrics([{ name: 'm', type: 'gauge', help, samples }])).get('m');
      // In the text -0 is 0.
      const plain = Object.is(value, -0) ? 0 : value;
      assert.deepEqual(read, {
        type: 'gauge',
        help,
        samples: samples.map(({ labels }) => [labels, plain]),
      });
    }),
    { numRuns: 300 },
  );
});

test('the strict reader takes nothing that the format does not allow', () => {
  const head = '# HELP a A.\n# TYPE a gauge\n';
  const wrong = [
    'a 1',
    'a 1\n',
    '# TYPE a gauge\na 1\n',
    `${head}b 1\n`,
    `${head}a\n`,
    `${head}a one\n`,
    `${head}a 0x1\n`,
    `${head}a{b=c} 1\n`,
    `${head}a{b="c} 1\n`,
    `${head}a{b="c""} 1\n`,
    `${head}a{b="\\t"} 1\n`,
    `${head}a{b="c",} 1\n`,
    `${head}a{b="c",b="d"} 1\n`,
    `${head}a{1="c"} 1\n`,
    `${head}a 1\na 2\n`,
    `${head}a 1\n\n`,
    `${head}${head}`,
    '# HELP a_total A.\n# TYPE a_total gauge\n',
    '# HELP a A.\n# TYPE a counter\n',
    '# HELP a_total A.\n# TYPE a_total counter\na_total -1\n',
    '# HELP a A.\n',
  ];
  for (const text of wrong) assert.throws(() => parseMetrics(text), Error, text);
  assert.equal(parseMetrics(`${head}a{b="c",d="e"} 1\n`).size, 1);
});
