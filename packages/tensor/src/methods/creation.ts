// Tensors made after an existing one, as methods: of its dtype, of other dtypes, drawn from it.
import type { Shape } from '@nn/core';
import * as copying from '../copying.ts';
import * as creation from '../creation.ts';
import type { Scalar } from '../dispatch.ts';
import * as resizing from '../resizing.ts';
import * as sampling from '../sampling.ts';
import type { Tensor } from '../tensor.ts';
import { IndexingMethods } from './indexing.ts';

export abstract class CreationMethods extends IndexingMethods {
  newTensor(this: Tensor, data: creation.TensorData, options?: creation.TensorOptions): Tensor {
    return creation.newTensor(this, data, options);
  }
  newFull(this: Tensor, shape: Shape, value: Scalar, options?: creation.CreationOptions): Tensor {
    return creation.newFull(this, shape, value, options);
  }
  newZeros(this: Tensor, shape: Shape, options?: creation.CreationOptions): Tensor {
    return creation.newZeros(this, shape, options);
  }
  newOnes(this: Tensor, shape: Shape, options?: creation.CreationOptions): Tensor {
    return creation.newOnes(this, shape, options);
  }
  newEmpty(this: Tensor, shape: Shape, options?: creation.CreationOptions): Tensor {
    return creation.newEmpty(this, shape, options);
  }
  /** To float16. */
  half(this: Tensor): Tensor {
    return copying.to(this, 'float16');
  }
  bfloat16(this: Tensor): Tensor {
    return copying.to(this, 'bfloat16');
  }
  /** To int16. */
  short(this: Tensor): Tensor {
    return copying.to(this, 'int16');
  }
  /** To int8. */
  char(this: Tensor): Tensor {
    return copying.to(this, 'int8');
  }
  /** To uint8. */
  byte(this: Tensor): Tensor {
    return copying.to(this, 'uint8');
  }
  /** Another shape in place: row-major elements are kept as far as they fit, new ones are 0. */
  resize_<T extends Tensor>(this: T, shape: Shape): T {
    return resizing.resize(this, shape) as T;
  }
  /** `resize_` to the shape of another tensor. */
  resizeAs_<T extends Tensor>(this: T, other: Tensor): T {
    return resizing.resizeAs(this, other) as T;
  }
  bernoulli(this: Tensor, options?: sampling.BernoulliOptions): Tensor {
    return sampling.bernoulli(this, options);
  }
  multinomial(this: Tensor, numSamples: number, options?: sampling.MultinomialOptions): Tensor {
    return sampling.multinomial(this, numSamples, options);
  }
}
