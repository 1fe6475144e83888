// Packed and padded sequences.
import { gradcheck } from '@nn/autograd';
import {
  isPackedSequence,
  PackedSequence,
  packPaddedSequence,
  packSequence,
  padPackedSequence,
  padSequence,
  unpadSequence,
} from '@nn/modules';
import { ArgumentError, interpreter, ones, randn, ShapeError, type Tensor, tensor, use } from '@nn/tensor';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => use(interpreter()));

const unsorted = { enforceSorted: false };
const batch = (): Tensor =>
  tensor([
    [1, 2, 0],
    [3, 0, 0],
    [4, 5, 6],
    [7, 8, 0],
  ]).unsqueeze(2);

describe('packed sequences', () => {
  it('put the longest first, and remember where they were', async () => {
    const packed = packPaddedSequence(batch(), [2, 1, 3, 2], { batchFirst: true, ...unsorted });
    expect(packed.data.shape).toEqual([8, 1]);
    expect(await packed.data.reshape(-1).toArray()).toEqual([4, 1, 7, 3, 5, 2, 8, 6]);
    expect(packed.batchSizes).toEqual([4, 3, 1]);
    expect(packed.sortedIndices).toEqual([2, 0, 3, 1]);
    expect(packed.unsortedIndices).toEqual([1, 3, 0, 2]);
    expect(isPackedSequence(packed)).toBe(true);
    expect(isPackedSequence(packed.data)).toBe(false);
  });

  it('come back as they were', async () => {
    for (const batchFirst of [true, false]) {
      const x = batchFirst ? batch() : batch().transpose(0, 1);
      const packed = packPaddedSequence(x, tensor([2, 1, 3, 2]), { batchFirst, ...unsorted });
      const [padded, lengths] = padPackedSequence(packed, { batchFirst });
      expect(await padded.toArray()).toEqual(await x.toArray());
      expect(lengths).toEqual([2, 1, 3, 2]);
    }
  });

  it('are padded with a value, to a length', async () => {
    const packed = packSequence([tensor([1.5, 2]), tensor([3])]);
    expect([packed.sortedIndices, packed.unsortedIndices]).toEqual([null, null]);
    const options = { batchFirst: true, totalLength: 3, paddingValue: Number.NEGATIVE_INFINITY };
    const [padded] = padPackedSequence(packed, options);
    const none = Number.NEGATIVE_INFINITY;
    expect(await padded.toArray()).toEqual([
      [1.5, 2, none],
      [3, none, none],
    ]);
    expect(() => padPackedSequence(packed, { totalLength: 1 })).toThrow(/at least 2/);
  });

  it('hand gradients through', async () => {
    const x = randn([3, 3, 2], { dtype: 'float64' }).requiresGrad_();
    const pack = (given: Tensor): Tensor => packPaddedSequence(given, [1, 3, 2], unsorted).data.square();
    expect(await gradcheck(pack, [x])).toBe(true);
    const rows = randn([6, 2], { dtype: 'float64' }).requiresGrad_();
    const pad = (given: Tensor): Tensor =>
      padPackedSequence(new PackedSequence(given, [3, 2, 1], [1, 2, 0]))[0].square();
    expect(await gradcheck(pad, [rows])).toBe(true);
    // Padding gets none.
    const padded = ones([3, 2]).requiresGrad_();
    packPaddedSequence(padded, [3, 1]).data.sum().backward();
    expect(await padded.grad!.toArray()).toEqual([
      [1, 1],
      [1, 0],
      [1, 0],
    ]);
  });

  it('are cast', () => {
    const packed = packSequence([ones([2, 1]), ones([1, 1])]).to('float64');
    expect([packed.data.dtype, packed.batchSizes]).toEqual(['float64', [2, 1]]);
  });

  it('refuse what does not fit', () => {
    expect(() => packPaddedSequence(ones([3, 2]), [1, 2])).toThrow(/sorted, longest first.*enforceSorted/s);
    expect(() => packPaddedSequence(ones([3, 2]), [4, 2])).toThrow(
      /between 1 and the time there is, 3, got 4/,
    );
    expect(() => packPaddedSequence(ones([3, 2]), [2, 0])).toThrow(ArgumentError);
    expect(() => packPaddedSequence(ones([3, 2]), [2])).toThrow(/lengths of 2 sequences/);
    expect(() => packPaddedSequence(ones([3]), [2])).toThrow(ShapeError);
    expect(() => packSequence([ones([1, 2]), ones([2, 2])])).toThrow(ArgumentError);
    expect(() => packSequence([])).toThrow(ArgumentError);
    expect(() => new PackedSequence(ones([3]), [1, 2])).toThrow(/must not increase/);
    expect(() => new PackedSequence(ones([3]), [2, 2])).toThrow(ArgumentError);
  });
});

describe('padded sequences', () => {
  it('are padded on either side', async () => {
    const sequences = [
      tensor([[1, 2]]),
      tensor([
        [3, 4],
        [5, 6],
      ]),
    ];
    const padded = padSequence(sequences, { batchFirst: true });
    expect(await padded.toArray()).toEqual([
      [
        [1, 2],
        [0, 0],
      ],
      [
        [3, 4],
        [5, 6],
      ],
    ]);
    expect(padSequence(sequences).shape).toEqual([2, 2, 2]);
    const left = padSequence(sequences, { paddingSide: 'left', paddingValue: -1 });
    expect(await left.select(1, 0).toArray()).toEqual([
      [-1, -1],
      [1, 2],
    ]);
    const again = unpadSequence(padded, [1, 2], { batchFirst: true });
    expect(await Promise.all(again.map((each) => each.toArray()))).toEqual([
      [[1, 2]],
      [
        [3, 4],
        [5, 6],
      ],
    ]);
  });

  it('refuse what does not fit', () => {
    expect(() => padSequence([ones([2, 3]), ones([2, 2])])).toThrow(ShapeError);
    expect(() => padSequence([ones([])])).toThrow(ShapeError);
    expect(() => padSequence([ones([1])], { paddingSide: 'top' as 'left' })).toThrow(/'left' or 'right'/);
    expect(() => unpadSequence(ones([2, 3]), [1, 2])).toThrow(/lengths of 3 sequences/);
  });
});
