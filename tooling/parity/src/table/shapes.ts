// Views, rearrangements, joining and splitting.

import { isTensor, slice } from '@nn/tensor';
import { callMethod, callTensor } from '../api.ts';
import { custom, functional, method, type Row, tensor, toOptions } from '../signature.ts';

export const shapes: Readonly<Record<string, Row>> = {
  // Views.
  view: method('view', 'input shape'),
  view_as: method('viewAs', 'input other'),
  reshape: method('reshape', 'input shape'),
  reshape_as: method('reshapeAs', 'input other'),
  ravel: tensor('ravel', 'input'),
  flatten: method('flatten', 'input start_dim end_dim'),
  unflatten: method('unflatten', 'input dim sizes'),
  squeeze: tensor('squeeze', 'input dim'),
  unsqueeze: tensor('unsqueeze', 'input dim'),
  permute: tensor('permute', 'input dims'),
  transpose: tensor('transpose', 'input dim0 dim1'),
  t: tensor('t', 'input'),
  movedim: tensor('movedim', 'input source destination'),
  expand: method('expand', 'input shape'),
  expand_as: method('expandAs', 'input other'),
  broadcast_to: tensor('broadcastTo', 'input shape'),
  broadcast_tensors: tensor('broadcastTensors', '*tensors'),
  broadcast_shapes: tensor('broadcastShapes', '*shapes'),
  narrow: tensor('narrow', 'input dim start length'),
  narrow_copy: tensor('narrowCopy', 'input dim start length'),
  select: tensor('select', 'input dim index'),
  slice: custom('input dim start end step', ({ input, dim, start, end, step }) => {
    const before = new Array<string>(Number(dim ?? 0)).fill(':');
    const range = slice(start as number | null, end as number | null, step as number | undefined);
    return callMethod(input, 'at', [...before, range]);
  }),
  unfold: method('unfold', 'input dimension size step'),
  diagonal: tensor('diagonal', 'input offset dim1 dim2'),
  as_strided: tensor('asStrided', 'input size stride storage_offset'),
  atleast_1d: tensor('atleast1d', 'input'),
  atleast_2d: tensor('atleast2d', 'input'),
  atleast_3d: tensor('atleast3d', 'input'),

  // Rearranged copies.
  flip: tensor('flip', 'input dims'),
  fliplr: tensor('fliplr', 'input'),
  flipud: tensor('flipud', 'input'),
  roll: tensor('roll', 'input shifts dims'),
  rot90: tensor('rot90', 'input k dims'),
  repeat: method('repeat', 'input sizes'),
  tile: tensor('tile', 'input dims'),
  repeat_interleave: tensor('repeatInterleave', 'input repeats | dim'),
  tril: tensor('tril', 'input diagonal'),
  triu: tensor('triu', 'input diagonal'),
  diag: tensor('diag', 'input diagonal'),
  diag_embed: tensor('diagEmbed', 'input offset dim1 dim2'),
  diagflat: tensor('diagflat', 'input offset'),
  constant_pad_nd: functional('pad', 'input pad | value'),
  sum_to_size: ({ args: [input, ...size] }) => callMethod(input, 'sumToSize', [size.flat()]),
  resize_: custom('input size', ({ input, size }) =>
    callMethod(callMethod(input, 'clone', []), 'resize_', [size]),
  ),
  resize_as_: custom('input other', ({ input, other }) =>
    callMethod(callMethod(input, 'clone', []), 'resizeAs_', [other]),
  ),

  // Joining.
  cat: tensor('cat', 'tensors dim'),
  stack: tensor('stack', 'tensors dim'),
  hstack: tensor('hstack', 'tensors'),
  vstack: tensor('vstack', 'tensors'),
  dstack: tensor('dstack', 'tensors'),
  column_stack: tensor('columnStack', 'tensors'),
  block_diag: tensor('blockDiag', '*tensors'),
  meshgrid: ({ args, kwargs }) => callTensor('meshgrid', [args.flat(), toOptions(kwargs)]),
  cartesian_prod: tensor('cartesianProd', '*tensors'),
  combinations: tensor('combinations', 'input r | with_replacement'),

  // Splitting.
  chunk: tensor('chunk', 'input chunks dim'),
  split: tensor('split', 'input split_size_or_sections dim'),
  split_with_sizes: tensor('splitWithSizes', 'input split_sizes dim'),
  tensor_split: custom('input sections dim', async ({ input, sections, dim }) => {
    const places = isTensor(sections) ? await sections.toArray() : sections;
    return callTensor('tensorSplit', [
      input,
      Array.isArray(places) ? places.map(Number) : Number(places),
      dim,
    ]);
  }),
  hsplit: tensor('hsplit', 'input indices_or_sections'),
  vsplit: tensor('vsplit', 'input indices_or_sections'),
  dsplit: tensor('dsplit', 'input indices_or_sections'),
  unbind: tensor('unbind', 'input dim'),
};
