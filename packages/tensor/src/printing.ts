// How tensors look as text.
import { formatShape } from '@nn/core';
import { toArray } from './reading.ts';
import type { Tensor } from './tensor.ts';

export function summary(x: Tensor): string {
  return `Tensor(shape=${formatShape(x.shape)}, dtype=${x.dtype}, device='${x.device}')`;
}

export async function print(x: Tensor): Promise<void> {
  console.log(JSON.stringify(await toArray(x)));
}
