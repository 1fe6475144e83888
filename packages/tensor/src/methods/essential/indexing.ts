// Indexing, gathering, scattering and masks as methods, that every tensor has.

import * as gathering from '../../gathering.ts';
import type { Tensor } from '../../tensor.ts';
import { EssentialMovementMethods } from './movement.ts';

export abstract class EssentialIndexingMethods extends EssentialMovementMethods {
  gather(this: Tensor, dim: number, index: Tensor): Tensor {
    return gathering.gather(this, dim, index);
  }
  indexSelect(this: Tensor, dim: number, index: Tensor): Tensor {
    return gathering.indexSelect(this, dim, index);
  }
}
