// Views and rearrangements as methods, that every tensor has.

import type { Shape } from '@nn/core';
import * as joining from '../../joining.ts';
import * as movement from '../../movement.ts';
import * as shaping from '../../shaping.ts';
import type { Tensor } from '../../tensor.ts';
import * as triangles from '../../triangles.ts';
import { EssentialLinearMethods } from './linear.ts';

export abstract class EssentialMovementMethods extends EssentialLinearMethods {
  reshape(this: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
    return movement.reshape(this, movement.shapeArguments(shape));
  }
  permute(this: Tensor, ...order: number[] | [readonly number[]]): Tensor {
    return movement.permute(this, movement.shapeArguments(order));
  }
  transpose(this: Tensor, dim0: number, dim1: number): Tensor {
    return movement.transpose(this, dim0, dim1);
  }
  expand(this: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
    return movement.expand(this, movement.shapeArguments(shape));
  }
  /** As `expand`, itself when the shape is its own already. */
  expandTo(this: Tensor, shape: Shape): Tensor {
    return movement.expandTo(this, shape);
  }
  squeeze(this: Tensor, dim?: number): Tensor {
    return movement.squeeze(this, dim);
  }
  unsqueeze(this: Tensor, dim: number): Tensor {
    return movement.unsqueeze(this, dim);
  }
  flatten(this: Tensor, startDim: number = 0, endDim: number = -1): Tensor {
    return movement.flatten(this, startDim, endDim);
  }
  narrow(this: Tensor, dim: number, start: number, length: number): Tensor {
    return movement.narrow(this, dim, start, length);
  }
  select(this: Tensor, dim: number, index: number): Tensor {
    return movement.select(this, dim, index);
  }
  flip(this: Tensor, dims: number | readonly number[]): Tensor {
    return movement.flip(this, dims);
  }
  movedim(this: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor {
    return shaping.movedim(this, source, destination);
  }
  diagonal(this: Tensor, offset?: number, dim1?: number, dim2?: number): Tensor {
    return shaping.diagonal(this, offset, dim1, dim2);
  }
  chunk(this: Tensor, chunks: number, dim?: number): Tensor[] {
    return joining.chunk(this, chunks, dim);
  }
  tril(this: Tensor, offset?: number): Tensor {
    return triangles.tril(this, offset);
  }
  triu(this: Tensor, offset?: number): Tensor {
    return triangles.triu(this, offset);
  }
}
