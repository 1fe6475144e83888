// Reading and writing by index, sorting and searching.
import type { Tensor } from '@nn/tensor';
import { callMethod, callTensor } from '../api.ts';
import { custom, type Row, tensor } from '../signature.ts';
import { isTuple } from '../values.ts';

/**
 * What stands between Python's brackets as arguments of `at`. A list of nothing but numbers is one index; with
 * anything else in it, it is read as a tuple.
 */
function indicesOf(index: unknown): readonly unknown[] {
  if (!Array.isArray(index)) return [index];
  const isOneIndex = !isTuple(index) && index.every((each) => typeof each === 'number');
  return isOneIndex ? [index] : index;
}

export const indexing: Readonly<Record<string, Row>> = {
  __getitem__: custom('input index', ({ input, index }) => callMethod(input, 'at', indicesOf(index))),

  // Reading.
  gather: tensor('gather', 'input dim index'),
  take: tensor('take', 'input index'),
  take_along_dim: tensor('takeAlongDim', 'input indices dim'),
  index_select: tensor('indexSelect', 'input dim index'),
  masked_select: tensor('maskedSelect', 'input mask'),
  nonzero: custom('input as_tuple', async ({ input, as_tuple }) => {
    const found = (await callTensor('nonzero', [input])) as Tensor;
    return as_tuple === true ? found.unbind(1) : found;
  }),
  argwhere: tensor('argwhere', 'input'),

  // Writing.
  put: tensor('put', 'input index source | accumulate'),
  index_put: tensor('indexPut', 'input indices values | accumulate'),
  index_add: tensor('indexAdd', 'input dim index source | alpha'),
  index_copy: tensor('indexCopy', 'input dim index source'),
  index_fill: tensor('indexFill', 'input dim index value'),
  index_reduce: tensor('indexReduce', 'input dim index source reduce | include_self'),
  scatter: tensor('scatter', 'input dim index src | reduce'),
  scatter_add: tensor('scatterAdd', 'input dim index src'),
  scatter_reduce: tensor('scatterReduce', 'input dim index src reduce | include_self'),
  masked_fill: tensor('maskedFill', 'input mask value'),
  masked_scatter: tensor('maskedScatter', 'input mask source'),
  select_scatter: tensor('selectScatter', 'input src dim index'),
  slice_scatter: tensor('sliceScatter', 'input src dim start end step'),
  diagonal_scatter: tensor('diagonalScatter', 'input src offset dim1 dim2'),
  as_strided_scatter: tensor('asStridedScatter', 'input src size stride storage_offset'),

  // Sorting.
  sort: tensor('sort', 'input dim | descending stable'),
  argsort: tensor('argsort', 'input dim | descending stable'),
  msort: tensor('msort', 'input'),
  topk: tensor('topk', 'input k dim | largest sorted'),
  unique: tensor('unique', 'input | sorted return_inverse return_counts dim'),
  unique_consecutive: tensor('uniqueConsecutive', 'input | return_inverse return_counts dim'),

  // Searching.
  isin: tensor('isin', 'elements test_elements | assume_unique invert'),
  searchsorted: tensor('searchsorted', 'sorted_sequence input | out_int32 right side sorter'),
  bucketize: tensor('bucketize', 'input boundaries | out_int32 right'),
};
