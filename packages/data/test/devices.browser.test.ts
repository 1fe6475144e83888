// What loaders and transforms make is the same on WebGPU as on the interpreter.
import { interpreter, use } from '@nn/tensor';
import { webgpu } from '@nn/webgpu';
import { expect, it } from 'vitest';
import { everything } from './fixtures/everything.ts';

it('is the same on WebGPU as on the interpreter', async () => {
  use(interpreter());
  const wanted = await everything();
  use(await webgpu());
  const found = await everything();
  expect(found.length).toBe(wanted.length);
  // Sums of products in another order.
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i], 4);
  });
});
