/** The least that a page can do: one addition on the CPU. */
import { cpu } from '@nn/cpu';
import { tensor, use } from '@nn/tensor';

use(cpu());
console.log(
  await tensor([1, 2])
    .add(tensor([3, 4]))
    .toArray(),
);
