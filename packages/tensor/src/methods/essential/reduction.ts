import type { ExtremumOptions, ReduceDims, ReduceOptions } from '../../reduction.ts';
import * as reduction from '../../reduction.ts';
import * as scans from '../../scans.ts';
import * as statistics from '../../statistics.ts';
import type { Tensor } from '../../tensor.ts';
import { EssentialElementwiseMethods } from './elementwise.ts';

export abstract class EssentialReductionMethods extends EssentialElementwiseMethods {
  sum(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.sum(this, dim, options);
  }
  mean(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.mean(this, dim, options);
  }
  prod(this: Tensor, dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.prod(this, dim, options);
  }
  amax(this: Tensor, dim?: ReduceDims, options?: ExtremumOptions): Tensor {
    return reduction.amax(this, dim, options);
  }
  amin(this: Tensor, dim?: ReduceDims, options?: ExtremumOptions): Tensor {
    return reduction.amin(this, dim, options);
  }
  argmax(this: Tensor, dim?: number | null, options?: ExtremumOptions): Tensor {
    return reduction.argmax(this, dim, options);
  }
  any(this: Tensor, dim?: ReduceDims, options?: ExtremumOptions): Tensor {
    return reduction.any(this, dim, options);
  }
  all(this: Tensor, dim?: ReduceDims, options?: ExtremumOptions): Tensor {
    return reduction.all(this, dim, options);
  }
  norm(this: Tensor, p?: statistics.NormOrder, dim?: ReduceDims, options?: statistics.NormOptions): Tensor {
    return statistics.norm(this, p, dim, options);
  }
  cumsum(this: Tensor, dim: number, options?: scans.ScanOptions): Tensor {
    return scans.cumsum(this, dim, options);
  }
}
