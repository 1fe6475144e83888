// Products of vectors and matrices.
import { callFunction, callTensor } from '../api.ts';
import { custom, type Row, tensor } from '../signature.ts';

export const products: Readonly<Record<string, Row>> = {
  matmul: tensor('matmul', 'input other'),
  __rmatmul__: custom('input other', ({ input, other }) => callTensor('matmul', [other, input])),
  mm: tensor('mm', 'input mat2'),
  mv: tensor('mv', 'input vec'),
  bmm: tensor('bmm', 'input mat2'),
  dot: tensor('dot', 'input other'),
  vdot: tensor('vdot', 'input other'),
  inner: tensor('inner', 'input other'),
  outer: tensor('outer', 'input vec2'),
  addmm: tensor('addmm', 'input mat1 mat2 | beta alpha'),
  addmv: tensor('addmv', 'input mat vec | beta alpha'),
  addr: tensor('addr', 'input vec1 vec2 | beta alpha'),
  addbmm: tensor('addbmm', 'input batch1 batch2 | beta alpha'),
  baddbmm: tensor('baddbmm', 'input batch1 batch2 | beta alpha'),
  cross: tensor('cross', 'input other | dim'),
  // Along the last dimension by default.
  'linalg.cross': custom('input other | dim', ({ input, other, dim }) =>
    callTensor('cross', [input, other, { dim: dim ?? -1 }]),
  ),
  tensordot: tensor('tensordot', 'a b dims'),
  // The cases give the tensors first.
  einsum: custom('tensors equation', ({ tensors, equation }) =>
    callFunction('@nn/tensor', 'einsum', [equation, ...(tensors as readonly unknown[])]),
  ),
  cdist: tensor('cdist', 'x1 x2 p | compute_mode'),
};
