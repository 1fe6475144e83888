// What can be said on the command line.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Kind, kinds } from './case-file.ts';

export const deviceNames = ['cpu', 'webgpu', 'interpreter'] as const;
export type DeviceName = (typeof deviceNames)[number];

export interface Options {
  /** Files of cases. */
  readonly files: readonly string[];
  readonly device: DeviceName;
  readonly fusion: boolean;
  /** Only these operators; null for all. */
  readonly operators: readonly string[] | null;
  /** Where the results go as JSON. */
  readonly json: string | null;
  /** The counts that none may fall below. */
  readonly baseline: string | null;
  readonly updateBaseline: boolean;
  /** Processes that run cases. */
  readonly workers: number;
}

export const help = `pnpm parity [options]

  --cases FILE        a file of cases, .jsonl or .jsonl.gz; several times for several (default: the public ones)
  --kind KIND         the public file of ${kinds.join(', ')}; several times for several
  --device DEVICE     ${deviceNames.join(', ')} (default: cpu)
  --fusion on|off     whether operations are fused (default: on)
  --op NAME           only this operator, module, optimizer, … by PyTorch's name; several times for several
  --json OUT          writes the results by operator to a file
  --baseline [FILE]   fails only when an operator passes fewer cases than the file says (default: baseline.json)
  --update-baseline   writes the counts of this run to the baseline
  --workers N         processes that run cases (default: 2; webgpu: 1)`;

const packageFolder: string = resolve(import.meta.dirname, '..');

export const defaultBaseline: string = join(packageFolder, 'baseline.json');

/** @throws {Error} for what it does not know. */
export function parseOptions(given: readonly string[]): Options | 'help' {
  // `--baseline` may stand without a file.
  const args = given.map((each, i) =>
    each === '--baseline' && (given[i + 1] ?? '--').startsWith('--') ? `--baseline=${defaultBaseline}` : each,
  );
  const { values } = parseArgs({
    args,
    options: {
      cases: { type: 'string', multiple: true, default: [] },
      kind: { type: 'string', multiple: true, default: [] },
      device: { type: 'string', default: 'cpu' },
      fusion: { type: 'string', default: 'on' },
      op: { type: 'string', multiple: true },
      json: { type: 'string' },
      baseline: { type: 'string' },
      'update-baseline': { type: 'boolean', default: false },
      workers: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const device = oneOf('--device', values.device, deviceNames);
  const wanted: readonly Kind[] = values.kind.map((kind) => oneOf('--kind', kind, kinds));
  const publicKinds = wanted.length > 0 || values.cases.length > 0 ? wanted : kinds;
  const updateBaseline = values['update-baseline'];
  return {
    files: [...values.cases.map((file) => resolve(callerFolder(), file)), ...publicKinds.map(publicFile)],
    device,
    fusion: oneOf('--fusion', values.fusion, ['on', 'off']) === 'on',
    operators: values.op ?? null,
    json: values.json === undefined ? null : resolve(callerFolder(), values.json),
    baseline: values.baseline ?? (updateBaseline ? defaultBaseline : null),
    updateBaseline,
    workers: values.workers === undefined ? (device === 'webgpu' ? 1 : 2) : positive(values.workers),
  };
}

function publicFile(kind: Kind): string {
  return join(packageFolder, 'cases', `${kind}-public.jsonl.gz`);
}

/** Where the command was given: scripts run in the folder of their package. */
function callerFolder(): string {
  return process.env['INIT_CWD'] ?? process.cwd();
}

function oneOf<T extends string>(option: string, value: string, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (found === undefined) throw new Error(`${option} takes ${known.join(', ')}, not '${value}'`);
  return found;
}

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--workers takes a count, not '${value}'`);
  return number;
}
