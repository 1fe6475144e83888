// Programs are verified as they are made, where that is asked for.
import type { LoopKernel, Program } from '@nn/core';
import { interpreter, ones, stack, tensor, use } from '@nn/tensor';
import { afterAll, expect, it } from 'vitest';
import { setProgramVerifier, verifyProgram } from '../src/index.ts';

afterAll(() => setProgramVerifier(verifyProgram));

it('every program is shown to the verifier, once', async () => {
  use(interpreter());
  const seen: number[] = [];
  setProgramVerifier((program, bytesPerElement) => {
    verifyProgram(program, bytesPerElement);
    seen.push(program.kernels.length);
  });
  await ones([2]).exp().toArray();
  await ones([2]).exp().toArray();
  expect(seen).toEqual([1]);
  setProgramVerifier(() => {
    throw new Error('wrong');
  });
  await expect(ones([3, 4]).sum(0).sin().toArray()).rejects.toThrow('wrong');
});

it('a loop may update one part of a buffer and write another, but not read what it writes elsewhere', async () => {
  use(interpreter());
  const programs: Program[] = [];
  setProgramVerifier((program, bytesPerElement) => {
    verifyProgram(program, bytesPerElement);
    programs.push(program);
  });
  const x = tensor([0, 1, 2, 0], { shape: [4, 1] });
  const [zeros] = (await stack([x, x.softmax(0)], 2).toArray()) as number[][][][];
  expect(zeros[0]).toEqual([0, expect.closeTo(0.0826, 4)]);
  const [program] = programs;
  const movedStep = (step: LoopKernel, offset: number): LoopKernel => {
    const [first, ...others] = step.stores;
    if (others.length === 0) return step;
    return { ...step, stores: [{ ...first, access: { ...first.access, offset } }, ...others] };
  };
  const moved = (offset: number): Program => ({
    ...program,
    kernels: program.kernels.map((kernel) =>
      kernel.kind === 'rows'
        ? { ...kernel, steps: kernel.steps.map((step) => movedStep(step, offset)) }
        : kernel,
    ),
  });
  expect(() => verifyProgram(moved(0), () => 4)).not.toThrow();
  expect(() => verifyProgram(moved(1), () => 4)).toThrow('reads and writes buffer');
});
