// Lists of tensors in one go: `foreach` does to all of them what a loop does to each, in one launch.
import { foreach, log1p, rand, type Tensor } from '@nn/tensor';
import { count, example } from './support/example.ts';

/** Milliseconds until everything recorded has run. */
async function time(tensors: readonly Tensor[], work: () => void): Promise<number> {
  const start = performance.now();
  work();
  await Promise.all(tensors.map((each) => each.data()));
  return performance.now() - start;
}

export const foreachLists = example(
  'foreach.log1p_ and its family: operations on lists of tensors, beside a loop.',
  { tensors: count('tensors in the list', 500, { small: 20 }) },
  async ({ tensors }) => {
    const make = (): Tensor[] => Array.from({ length: tensors }, (_, i) => rand([1 + (i % 50)]).realize());
    const list = make();
    const before = await Promise.all(list.map((each) => each.data<Float32Array>()));
    foreach.log1p_(list);
    const after = await Promise.all(list.map((each) => each.data<Float32Array>()));
    let error = 0;
    for (const [i, values] of before.entries()) {
      for (const [j, value] of values.entries()) {
        error = Math.max(error, Math.abs(after[i][j] - Math.log1p(value)));
      }
    }
    console.log(
      `log1p of ${tensors} tensors in place; largest difference from Math.log1p: ${error.toExponential(1)}`,
    );

    // Others of the family: they return new lists, or write with an underscore.
    const halves = foreach.mul(list, 0.5);
    foreach.add_(list, halves);
    const norms = foreach.norm(list);
    console.log(`the norm of the first: ${(await norms[0].item()).toFixed(4)}`);

    const [first, second] = [make(), make()];
    for (const all of [first, second]) await Promise.all(all.map((each) => each.data()));
    const loop = await time(first, () => {
      for (const each of first) each.copy_(log1p(each));
    });
    const together = await time(second, () => foreach.log1p_(second));
    console.log(`a loop: ${loop.toFixed(1)} ms; foreach: ${together.toFixed(1)} ms`);
    return { error, loopMilliseconds: loop, foreachMilliseconds: together };
  },
);

if (import.meta.main) await foreachLists.main();
