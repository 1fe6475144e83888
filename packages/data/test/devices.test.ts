// What loaders and transforms make is the same on the CPU's threads as on the interpreter.
import { cpu } from '@nn/cpu';
import { interpreter, use } from '@nn/tensor';
import { expect, it } from 'vitest';
import './fixtures/compile-cache.ts';
import { everything } from './fixtures/everything.ts';

it('is the same on the CPU as on the interpreter', async () => {
  use(interpreter());
  const wanted = await everything();
  use(cpu());
  const found = await everything();
  expect(found.length).toBe(wanted.length);
  // Sums of products in another order.
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i], 4);
  });
});
