// A model's summary as text.
import { formatShape } from '@nn/tensor';
import type { LayerSummary, ModelSummary } from './summary.ts';

const grouped = new Intl.NumberFormat('en-US');
const count = (value: number): string => grouped.format(value);

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(2)} ${units[power]}`;
}

function cells(layer: LayerSummary): string[] {
  const name = layer.path.split('.').at(-1)!;
  return [
    `${'  '.repeat(layer.depth)}${name === '' ? '' : `${name}: `}${layer.type}`,
    layer.outputShapes.map((shape) => formatShape(shape)).join(', ') || '-',
    layer.isRepeated ? 'again' : layer.parameters === 0 ? '-' : count(layer.parameters),
    layer.multiplyAdds === 0 ? '-' : count(layer.multiplyAdds),
  ];
}

/** Columns as wide as their widest cell; the numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

export function formatSummary(summary: Omit<ModelSummary, 'toString'>): string {
  const { parameters, trainableParameters, inputBytes, activationBytes, parameterBytes } = summary;
  const [heading, ...lines] = table([
    ['Layer', 'Output', 'Parameters', 'Multiply-adds'],
    ...summary.layers.map(cells),
  ]);
  const rule = '─'.repeat(Math.max(heading.length, ...lines.map((line) => line.length)));
  return [
    heading,
    rule,
    ...lines,
    rule,
    `Parameters: ${count(parameters)} (${count(trainableParameters)} trainable, ${count(parameters - trainableParameters)} not)`,
    `Multiply-adds: ${count(summary.multiplyAdds)}`,
    `Memory: ${size(inputBytes)} input, ${size(activationBytes)} forward and backward, ${size(parameterBytes)} parameters ` +
      `and buffers: about ${size(inputBytes + activationBytes + parameterBytes)}`,
  ].join('\n');
}
