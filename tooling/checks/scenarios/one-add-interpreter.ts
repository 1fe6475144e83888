/** One addition on the device that comes with the library. */
import { interpreter, tensor, use } from '@nn/tensor';

use(interpreter());
console.log(
  await tensor([1, 2])
    .add(tensor([3, 4]))
    .toArray(),
);
