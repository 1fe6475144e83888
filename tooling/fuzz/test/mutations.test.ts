// The random programs find bugs: an engine that is broken on purpose fails, and what fails is shrunk to a few lines.
import type { Backend, Executable, Kernel, Program } from '@nn/core';
import { interpreter, use } from '@nn/tensor';
import { expect, test } from 'vitest';
import { check, type Failure, report, shrunk } from '../src/check.ts';
import { named, shapes, useDevices } from '../src/configurations.ts';
import { sizesFor } from '../src/fuzz.ts';
import { generate } from '../src/generate.ts';

const sizes = sizesFor({ devices: ['interpreter'], length: 20, large: false });

/** An interpreter that runs other programs than it is given. */
function broken(change: (program: Program) => Program): Backend {
  const backend = named('broken', interpreter());
  return { ...backend, compile: (program) => backend.compile(change(program)) };
}

/** Tries seeds until one fails on the broken backend, and shrinks it. */
async function firstFailure(backend: Backend, seeds: number): Promise<Failure> {
  await useDevices([]);
  use(backend);
  const configuration = { name: 'broken', device: 'broken', fusion: true };
  for (let seed = 1; seed <= seeds; seed++) {
    const failure = await check(generate(seed, sizes), shapes, [configuration]);
    if (failure !== null) return shrunk(failure, shapes);
  }
  throw new Error(`${seeds} programs did not find it`);
}

const withKernels = (program: Program, kernels: readonly Kernel[]): Program => ({ ...program, kernels });

/** Replaces the last kernel that the change fits. */
function changeLast(program: Program, change: (kernel: Kernel) => Kernel | null): Program {
  const at = program.kernels.findLastIndex((kernel) => change(kernel) !== null);
  return at < 0 ? program : withKernels(program, program.kernels.with(at, change(program.kernels[at])!));
}

const mutations: Readonly<Record<string, () => Backend>> = {
  'drops the second store of a kernel': () =>
    broken((program) =>
      changeLast(program, (kernel) =>
        kernel.kind === 'loop' && kernel.stores.length > 1
          ? { ...kernel, stores: kernel.stores.slice(0, 1) }
          : null,
      ),
    ),
  'writes before it reads': () =>
    broken((program) => {
      const { kernels } = program;
      // Two neighbours of which the second writes over what the first reads, the wrong way round.
      const at = kernels.findIndex((kernel, i) => i > 0 && kernel.kind === 'scatter');
      return at < 0
        ? program
        : withKernels(program, [
            ...kernels.slice(0, at - 1),
            kernels[at],
            kernels[at - 1],
            ...kernels.slice(at + 1),
          ]);
    }),
  'runs a plan for another that has as many buffers': () => {
    const backend = named('broken', interpreter());
    const plans = new Map<string, Executable>();
    return {
      ...backend,
      compile(program) {
        const key = JSON.stringify([program.buffers, program.params, program.arenaBytes]);
        const executable = plans.get(key) ?? backend.compile(program);
        plans.set(key, executable);
        return executable;
      },
    };
  },
  'forgets the offset of what it stores': () =>
    broken((program) =>
      changeLast(program, (kernel) =>
        kernel.kind === 'loop' && kernel.stores[0].access.offset > 0
          ? {
              ...kernel,
              stores: kernel.stores.map(({ access, value }) => ({ access: { ...access, offset: 0 }, value })),
            }
          : null,
      ),
    ),
  'takes the least for the greatest where values are equal': () =>
    broken((program) =>
      changeLast(program, (kernel) =>
        kernel.kind === 'argsort' ? { ...kernel, descending: !kernel.descending } : null,
      ),
    ),
};

for (const [name, make] of Object.entries(mutations)) {
  test(`finds an engine that ${name}`, async () => {
    const failure = await firstFailure(make(), 400);
    const code = report(failure);
    expect(failure.program.instructions.length, code).toBeLessThanOrEqual(8);
    expect(code).toMatch(/^seed \d+ fails on broken/);
    expect(code).toContain('console.log(');
  }, 120_000);
}
