// The command line.
import { Argument, Command, InvalidArgumentError } from 'commander';
import { type Group, groups } from './benchmark.ts';
import { type PeerName, peerNames } from './contenders.ts';

export interface Options {
  /** Undefined for all groups. */
  readonly group: Group | undefined;
  readonly only?: string;
  readonly peers: readonly PeerName[];
  readonly threads?: number;
  readonly json?: string;
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

/** Parses the command line; prints help or what is wrong with it, and exits then. */
export function readOptions(argv: readonly string[] = process.argv): Options {
  const command = new Command('bench')
    .description('Measure this machine, this project and its peers, in one run.')
    .addArgument(new Argument('[group]', 'which cases (default: all)').choices(groups))
    .option('--only <name>', 'only cases whose name contains this')
    .option('--peers <names>', 'peers to measure too, with commas; or none', peerList, [...peerNames])
    .option('--threads <n>', 'threads of the cpu device (default: one a core)', count)
    .option('--json <file>', 'write the results to this file')
    .option('--kernels', 'instead of timing cases, show where their time goes by kernel', false)
    .allowExcessArguments(false)
    .parse([...argv]);
  const [group] = command.processedArgs as [Group | undefined];
  return { ...command.opts<Omit<Options, 'group'>>(), group };
}
