// Tensors from nothing.
import { callFunction } from '../api.ts';
import { method, type Row, tensor, toOptions } from '../signature.ts';

export const creation: Readonly<Record<string, Row>> = {
  zeros: tensor('zeros', 'size | dtype requires_grad'),
  ones: tensor('ones', 'size | dtype requires_grad'),
  eye: tensor('eye', 'n m | dtype requires_grad'),
  // Python's True is 1.
  arange: ({ args, kwargs: { device: _device, ...options } }) =>
    callFunction('@nn/tensor', 'arange', [...args.map(Number), toOptions(options)]),
  linspace: tensor('linspace', 'start end steps | dtype requires_grad'),
  logspace: tensor('logspace', 'start end steps base | dtype requires_grad'),
  zeros_like: tensor('zerosLike', 'input | dtype requires_grad'),
  ones_like: tensor('onesLike', 'input | dtype requires_grad'),
  full_like: tensor('fullLike', 'input fill_value | dtype requires_grad'),
  empty: tensor('empty', 'size | dtype requires_grad'),
  empty_like: tensor('emptyLike', 'input | dtype requires_grad'),
  new_empty: method('newEmpty', 'input size | dtype requires_grad'),
  new_zeros: method('newZeros', 'input size | dtype requires_grad'),
  new_ones: method('newOnes', 'input size | dtype requires_grad'),
  new_full: method('newFull', 'input size fill_value | dtype requires_grad'),
  tril_indices: tensor('trilIndices', 'row col offset | dtype'),
  triu_indices: tensor('triuIndices', 'row col offset | dtype'),
  complex: tensor('complex', 'real imag'),
  polar: tensor('polar', 'abs angle'),

  // PyTorch's stream of random numbers is its own: these have the right shape and dtype, and other numbers.
  rand: tensor('rand', 'size | dtype requires_grad generator'),
  randn: tensor('randn', 'size | dtype requires_grad generator'),
  randint: tensor('randint', 'low high size | dtype generator'),
  rand_like: tensor('randLike', 'input | dtype'),
  randn_like: tensor('randnLike', 'input | dtype'),
  bernoulli: tensor('bernoulli', 'input | generator'),
  multinomial: tensor('multinomial', 'input num_samples | replacement generator'),
};
