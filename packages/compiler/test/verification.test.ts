// Programs are verified as they are made, where that is asked for.
import { interpreter, ones, use } from '@nn/tensor';
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
