// The gallery: `npx pnpm@12 gallery` lists the examples, `npx pnpm@12 gallery gpt --help` tells about one.
import { Command } from 'commander';
import { activationTour } from './activations.ts';
import { batchNorm } from './batch-norm.ts';
import { celuNetwork } from './celu.ts';
import { dataLoader } from './data-loader.ts';
import { dcgan } from './dcgan.ts';
import { dqn } from './dqn.ts';
import { dropout } from './dropout.ts';
import { expm1 } from './expm1.ts';
import { foreachLists } from './foreach.ts';
import { gpt } from './gpt.ts';
import { linearRegression } from './linear-regression.ts';
import { lstm } from './lstm.ts';
import { ode } from './ode.ts';
import { optimizers } from './optimizers.ts';
import { softmaxAndSigmoid } from './softmax.ts';
import { spiral } from './spiral.ts';
import { tensors } from './tensors.ts';
import { vae } from './vae.ts';

/** The examples by the names of their files. */
export const gallery = {
  tensors,
  'linear-regression': linearRegression,
  activations: activationTour,
  celu: celuNetwork,
  softmax: softmaxAndSigmoid,
  expm1,
  foreach: foreachLists,
  ode,
  'data-loader': dataLoader,
  dropout,
  'batch-norm': batchNorm,
  optimizers,
  spiral,
  gpt,
  lstm,
  vae,
  dcgan,
  dqn,
} as const;

if (import.meta.main) {
  const program = new Command('gallery')
    .description(
      'Examples: each is a file of the same name in apps/examples/src, to be read from top to bottom.',
    )
    .addHelpText('after', '\nThe MNIST example has a command of its own: npx pnpm@12 start');
  for (const [name, example] of Object.entries(gallery)) program.addCommand(example.command(name));
  // Without a name the list is what was asked for, and no mistake.
  if (process.argv.length === 2) program.outputHelp();
  else await program.parseAsync();
}
