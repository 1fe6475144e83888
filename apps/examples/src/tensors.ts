// A first walk through tensors: making, shaping, reading, writing and combining them.
import '@nn/autograd';
import {
  arange,
  empty,
  linspace,
  newOnes,
  ones,
  onesLike,
  rand,
  randn,
  slice,
  tensor,
  zeros,
} from '@nn/tensor';
import { example } from './support/example.ts';

export const tensors = example('A first walk through tensors.', {}, async () => {
  console.log('Making them');
  const fromArrays = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  await fromArrays.print();
  for (const made of [empty([2, 3]), zeros([2, 2]), ones([2, 2]), rand([2, 2]), randn([2, 2])]) {
    console.log(`${made.dtype} [${made.shape}]`);
  }
  await newOnes(fromArrays, [2]).print(); // of the other tensor's dtype
  await onesLike(fromArrays, { dtype: 'float32' }).print();
  await linspace(0, 1, 5).print();

  console.log('\nArithmetic, with broadcasting');
  const x = arange(6).reshape(2, 3).float();
  await x.add(10).mul(2).print();
  await x.add(tensor([[100], [200]])).print(); // [2, 3] and [2, 1] make [2, 3]
  await x.matmul(x.T).print();

  console.log('\nShape and type');
  console.log(x.size(), x.size(0), x.ndim, x.numel(), x.dtype, x.int().dtype);
  console.log(x.view(3, 2).shape, x.reshape(-1).shape, x.unsqueeze(0).shape, x.t().shape);

  console.log('\nReading rows, columns, ranges');
  await x.at(0).print();
  await x.at(':', 1).print();
  await x.at(':', slice(1)).print();
  await x.at('...', -1).print();

  console.log('\nWriting: views share memory');
  const grid = zeros([3, 4]);
  grid.at(1).fill_(5);
  grid.setAt_([':', 0], 7);
  grid.view(-1).at(slice(8, 12)).add_(1);
  await grid.print();
  const amounts = tensor([120, 350, 90, 410]);
  amounts.setAt_([amounts.gt(300)], 2);
  await amounts.print();

  console.log('\nLogic, on booleans and on bits');
  const [a, b] = [tensor([true, true, false]), tensor([true, false, false])];
  await a.logicalAnd(b).print();
  await a.logicalXor(b).print();
  const [six, three] = [tensor([6]), tensor([3])];
  const bits = [six.bitwiseAnd(three), six.bitwiseOr(three), six.bitwiseXor(three), six.bitwiseNot()];
  console.log(await Promise.all(bits.map((each) => each.item())));

  console.log('\nFrom and to typed arrays');
  const samples = tensor(Float32Array.of(0.25, 0.5, 0.75));
  console.log(await samples.mul(4).data(), await samples.toArray());

  console.log('\nDerivatives');
  const w = tensor([1, 2, 3], { requiresGrad: true });
  w.square().sum().backward();
  await w.grad!.print();

  return {
    shape: `[${x.matmul(x.T).shape}]`,
    gridSum: await grid.sum().item(),
    amounts: JSON.stringify(await amounts.toArray()),
    bits: JSON.stringify(await Promise.all(bits.map((each) => each.item()))),
    gradient: JSON.stringify(await w.grad!.toArray()),
  };
});

if (import.meta.main) await tensors.main();
