// Grows a program from a seed.
import { InternalError, NnError } from '@nn/core';
import { runtimeOf } from '@nn/tensor';
import { Analysis } from './analysis.ts';
import { type Draft, Growth, type Limits, type Template } from './growth.ts';
import type { Instruction, Program } from './program.ts';
import { Random } from './random.ts';
import { creation } from './templates/creation.ts';
import { elementwise } from './templates/elementwise.ts';
import { engine } from './templates/engine.ts';
import { indexing } from './templates/indexing.ts';
import { reductions } from './templates/reductions.ts';
import { views } from './templates/views.ts';
import { writes } from './templates/writes.ts';

type Weighted = readonly (readonly [number, Template])[];

/** What programs are made of, in parts that a program may stress. */
const families: readonly Weighted[] = [elementwise, views, writes, indexing, reductions, engine];
const mostVariables = 24;
const lastReads = 10;

/** Weights of this program: each family's share differs, so that some programs are mostly views and writes, say. */
function weights(random: Random): Weighted {
  const shares = families.map(() => random.pick([0.2, 1, 1, 2.5]));
  return [
    ...creation.map(([weight, template]) => [weight * 0.5, template] as const),
    ...families.flatMap((family, i) =>
      family.map(([weight, template]) => [weight * shares[i], template] as const),
    ),
  ];
}

function choose(random: Random, weighted: Weighted): Template {
  let left = random.next() * weighted.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, template] of weighted) {
    left -= weight;
    if (left < 0) return template;
  }
  return weighted[weighted.length - 1][1];
}

/** Whether the instruction makes a variable. */
function makes(draft: Draft): boolean {
  if (draft.kind === 'gradient') return true;
  return (
    draft.kind === 'call' &&
    !draft.name.endsWith('_') &&
    !['backward', 'realize', 'dispose'].includes(draft.name)
  );
}

export interface Sizes extends Limits {
  /** The device whose shapes the program has. */
  readonly device: string;
}

export function generate(seed: number, limits: Sizes): Program {
  const random = new Random(seed);
  const analysis = new Analysis(limits.device);
  const instructions: Instruction[] = [];
  const forgotten = new Set<number>();
  let next = 0;

  const grow = (template: Template): void => {
    const known = analysis.all().filter(({ variable }) => !forgotten.has(variable));
    const draft = template(new Growth(random, limits, known));
    if (draft === null) return;
    const result = makes(draft) ? next : undefined;
    const instruction = (result === undefined ? draft : { ...draft, result }) as Instruction;
    try {
      analysis.step(instruction);
    } catch (error) {
      // Not every draft is valid: the library says which are.
      if (error instanceof NnError && !(error instanceof InternalError)) return;
      throw error;
    }
    if (result !== undefined) {
      next++;
      if (!analysis.has(result)) return;
      const { tensor } = analysis.known(result);
      if (tensor.numel() > limits.elements || tensor.ndim > 5) {
        analysis.forget(result);
        return;
      }
    }
    instructions.push(instruction);
    if (known.length >= mostVariables) forgotten.add(random.pick(known.slice(0, -8)).variable);
  };

  const weighted = weights(random);
  const start = random.integer(2, 5);
  for (let i = 0; i < start; i++) grow(choose(random, creation));
  for (let tries = 0; instructions.length < limits.length && tries < limits.length * 6; tries++)
    grow(choose(random, weighted));
  const live = random.shuffled(analysis.all()).slice(0, lastReads);
  for (const { variable } of live) instructions.push({ kind: 'read', on: variable });
  runtimeOf(limits.device).step([]);
  return { seed, instructions };
}
