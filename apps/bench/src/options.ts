// The command line.
import { ArgumentError } from '@nn/core';
import { Argument, Command, CommanderError, InvalidArgumentError } from 'commander';
import { type Group, groups } from './benchmark.ts';

export const peerNames = ['jax-js', 'tfjs-wasm', 'tfjs-cpu', 'torch'] as const;
export type PeerName = (typeof peerNames)[number];

export interface Options {
  /** Undefined for all groups. */
  readonly group: Group | undefined;
  readonly only?: string;
  /** Undefined for all that can start. */
  readonly peers?: readonly PeerName[];
  readonly threads?: number;
  readonly json?: string;
  readonly report?: string;
  readonly python: string;
  readonly kernels: boolean;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('expected an integer of at least 1');
  return value;
}

function peerList(text: string): PeerName[] {
  if (text === 'none' || text === '') return [];
  return text.split(',').map((name) => {
    const known = peerNames.find((peer) => peer === name.trim());
    if (known === undefined)
      throw new InvalidArgumentError(`expected some of ${peerNames.join(',')}, or none`);
    return known;
  });
}

/**
 * Reads the command line; null where it asked for help, which is printed then.
 *
 * @throws {ArgumentError} of one line for what cannot be understood.
 */
export function readOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Options | null {
  const command = new Command('bench')
    .description('Measure this machine, this project and its peers, in one run.')
    .addArgument(new Argument('[group]', 'which cases (default: all)').choices(groups))
    .option('--only <name>', 'only cases whose name contains this')
    .option('--peers <names>', `of ${peerNames.join(',')}; or none (default: all that can start)`, peerList)
    .option('--threads <n>', 'threads of the cpu device (default: one a core)', count)
    .option('--json <file>', 'write the results to this file')
    .option('--report <file.html>', 'write a page with charts to this file')
    .option(
      '--python <path>',
      'the interpreter whose PyTorch is a peer (default: BENCH_PYTHON, or python3)',
      environment['BENCH_PYTHON'] ?? 'python3',
    )
    .option('--kernels', 'instead of timing cases, show where their time goes by kernel', false)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    const message = error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
    throw new ArgumentError(`bench: ${message}`);
  }
  const [group] = command.processedArgs as [Group | undefined];
  return { ...command.opts<Omit<Options, 'group'>>(), group };
}
