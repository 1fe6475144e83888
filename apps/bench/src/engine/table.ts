// The engine's table, for people.
import type { EngineRow, Findings } from './row.ts';

type Column = readonly [head: string, cell: (findings: Findings) => string];

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 2 : 1);
const kibibytes = (bytes: number): string => (bytes / 2 ** 10).toFixed(0);
const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

const columns: readonly Column[] = [
  ['ops', ({ ops, firstOps }) => (ops === firstOps ? `${ops}` : `${firstOps} → ${ops}`)],
  ['kernels', ({ kernels }) => `${kernels}`],
  ['programs', ({ programs }) => `${programs}`],
  ['first ms', ({ firstMs }) => digits(firstMs)],
  ['tenth ms', ({ tenthMs }) => digits(tenthMs)],
  ['step ms', ({ stepMs }) => digits(stepMs)],
  ['host µs', ({ hostUs }) => digits(hostUs)],
  ['record', ({ recordUs }) => digits(recordUs)],
  ['plan', ({ planUs }) => digits(planUs)],
  ['garbage KiB', ({ garbageBytes }) => kibibytes(garbageBytes)],
  ['peak MiB', ({ peakBytes }) => mebibytes(peakBytes)],
  ['kept', ({ keptBytes }) => mebibytes(keptBytes)],
  ['required', ({ requiredBytes }) => mebibytes(requiredBytes)],
  ['arena', ({ arenaBytes }) => mebibytes(arenaBytes)],
  ['least', ({ arenaLeastBytes }) => mebibytes(arenaLeastBytes)],
];

const width = (head: string): number => Math.max(head.length, 9) + 2;

export function engineHead(): string {
  const heads = columns.map(([head]) => head.padStart(width(head)));
  return `${'mode'.padEnd(20)}${heads.join('')}  losses`;
}

export function engineLine({ device, mode, findings, checked, error }: EngineRow): string {
  const name = `${device} ${mode}`.padEnd(20);
  if (findings === null) return `${name}fails: ${error}`;
  const cells = columns.map(([head, cell]) => cell(findings).padStart(width(head)));
  const verdict = checked === null ? '' : checked ? 'agree' : 'DIFFER';
  return `${name}${cells.join('')}  ${verdict} ${findings.losses.map((loss) => loss.toPrecision(5)).join(' ')}`;
}
