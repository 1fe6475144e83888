// Sequences of different lengths, padded to the longest or packed without padding: `torch.nn.utils.rnn`.
import { customFunction } from '@nn/autograd';
import * as F from '@nn/functional';
import {
  ArgumentError,
  checkOptions,
  type DType,
  formatShape,
  isTensor,
  requireTensor,
  type Shape,
  ShapeError,
  stack,
  type Tensor,
  tensor,
  where,
} from '@nn/tensor';

const brand: symbol = Symbol.for('@nn/modules/PackedSequence');

/** Whether the value is a packed sequence, from this or from another copy of the package. */
export function isPackedSequence(value: unknown): value is PackedSequence {
  return typeof value === 'object' && value !== null && brand in value;
}

/** Lengths of sequences. A tensor is read where it stands, which WebGPU cannot do. */
export type Lengths = readonly number[] | Tensor;

/**
 * Sequences of different lengths without padding: the first elements of all, then the second elements of those that
 * have them, and so on; longest first. Recurrent layers take and give it. Made by `packPaddedSequence` or `packSequence`.
 *
 * @example
 * ```ts
 * import { packSequence } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const packed = packSequence([tensor([1, 2, 3]), tensor([4, 5]), tensor([6])]);
 * console.log(await packed.data.toArray(), packed.batchSizes); // => [1, 4, 6, 2, 5, 3] [3, 2, 1]
 * ```
 */
export class PackedSequence {
  /** [sum of lengths, ...]. */
  readonly data: Tensor;
  /** How many sequences have an element at each time; not increasing. */
  readonly batchSizes: readonly number[];
  /** The sequences' places in the batch that was packed; null when it was sorted. */
  readonly sortedIndices: readonly number[] | null;
  /** The place of each sequence of that batch here; null when it was sorted. */
  readonly unsortedIndices: readonly number[] | null;

  /** @throws {ArgumentError} for batch sizes that increase or do not add up to the data's rows. */
  constructor(
    data: Tensor,
    batchSizes: readonly number[],
    sortedIndices: readonly number[] | null = null,
    unsortedIndices: readonly number[] | null = sortedIndices === null ? null : inverse(sortedIndices),
  ) {
    requireTensor('PackedSequence', data);
    const total = batchSizes.reduce((sum, size) => sum + size, 0);
    const falls = batchSizes.every((size, i) => size > 0 && (i === 0 || size <= batchSizes[i - 1]));
    if (data.ndim === 0 || !falls || total !== data.shape[0]) {
      throw new ArgumentError(
        `PackedSequence: batch sizes [${batchSizes.join(', ')}] must not increase and must add up to the rows of the ` +
          `data, which has shape ${formatShape(data.shape)}. Use packPaddedSequence or packSequence`,
      );
    }
    this.data = data;
    this.batchSizes = batchSizes;
    this.sortedIndices = sortedIndices;
    this.unsortedIndices = unsortedIndices;
  }

  /** The same with other data for the same rows. */
  withData(data: Tensor): PackedSequence {
    return new PackedSequence(data, this.batchSizes, this.sortedIndices, this.unsortedIndices);
  }

  /** Moves the data to a device, or casts it. */
  to(target: DType | (string & {})): PackedSequence {
    return this.withData(this.data.to(target));
  }
}

Object.defineProperty(PackedSequence.prototype, brand, { value: true });

export interface BatchFirstOptions {
  /** Whether the batch comes before time: [batch, time, ...]. Default false. */
  readonly batchFirst?: boolean;
}

export interface PackOptions {
  /** Whether sequences must come longest first; otherwise they are sorted. Default true. */
  readonly enforceSorted?: boolean;
}

/**
 * `torch.nn.utils.rnn.pack_padded_sequence`: packs sequences that are padded at their ends, [time, batch, ...].
 *
 * @throws {ArgumentError} for lengths below 1 or above the time there is, or not sorted while `enforceSorted`.
 * @example
 * ```ts
 * import { packPaddedSequence, padPackedSequence } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const padded = tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]]);
 * const options = { batchFirst: true, enforceSorted: false };
 * const packed = packPaddedSequence(padded, [2, 1, 3], options);
 * console.log(await packed.data.toArray(), packed.batchSizes); // => [4, 1, 3, 5, 2, 6] [3, 2, 1]
 * const [again, lengths] = padPackedSequence(packed, { batchFirst: true });
 * console.log(await again.toArray(), lengths); // => [[1, 2, 0], [3, 0, 0], [4, 5, 6]] [2, 1, 3]
 * ```
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: Lengths,
  options: PackOptions & BatchFirstOptions = {},
): PackedSequence {
  const name = 'packPaddedSequence';
  checkOptions(name, options, ['batchFirst', 'enforceSorted']);
  const { batchFirst = false, enforceSorted = true } = options;
  if (requireTensor(name, input).ndim < 2) {
    throw new ShapeError(`${name}: takes [time, batch, ...], got ${formatShape(input.shape)}`);
  }
  const padded = batchFirst ? input.transpose(0, 1) : input;
  const [time, batch] = padded.shape;
  const given = hostLengths(name, lengths, batch);
  const bad = given.find((length) => length < 1 || length > time);
  if (bad !== undefined) {
    throw new ArgumentError(`${name}: lengths must lie between 1 and the time there is, ${time}, got ${bad}`);
  }
  const order = given.map((_, i) => i);
  if (enforceSorted && given.some((length, i) => i > 0 && length > given[i - 1])) {
    throw new ArgumentError(
      `${name}: the sequences must be sorted, longest first, got lengths [${given.join(', ')}]. ` +
        'Sort them, or use { enforceSorted: false }',
    );
  }
  if (!enforceSorted) order.sort((a, b) => given[b] - given[a]);
  const longest = given[order[0]];
  const batchSizes = Array.from({ length: longest }, (_, at) => given.filter((length) => length > at).length);
  const rows = batchSizes.flatMap((size, at) => order.slice(0, size).map((place) => at * batch + place));
  const flat = padded.reshape([time * batch, ...padded.shape.slice(2)]);
  return new PackedSequence(takeRows(flat, rows, 0), batchSizes, enforceSorted ? null : order);
}

export interface UnpackOptions extends BatchFirstOptions {
  /** What stands behind the ends. Default 0. */
  readonly paddingValue?: number;
  /** Pads to this time instead of the longest sequence's. */
  readonly totalLength?: number | null;
}

/**
 * `torch.nn.utils.rnn.pad_packed_sequence`: the sequences padded to [time, batch, ...], in the order of the batch that
 * was packed, and their lengths.
 *
 * @throws {ArgumentError} when `totalLength` is less than the longest sequence's.
 */
export function padPackedSequence(
  sequence: PackedSequence,
  options: UnpackOptions = {},
): [padded: Tensor, lengths: number[]] {
  const name = 'padPackedSequence';
  checkOptions(name, options, ['batchFirst', 'paddingValue', 'totalLength']);
  const { data, batchSizes, unsortedIndices } = sequence;
  const time = options.totalLength ?? batchSizes.length;
  if (time < batchSizes.length) {
    throw new ArgumentError(
      `${name}: totalLength must be at least ${batchSizes.length}, the length of the longest sequence, got ${time}`,
    );
  }
  const batch = batchSizes[0];
  const places = unsortedIndices ?? Array.from({ length: batch }, (_, i) => i);
  const rows: number[] = [];
  let start = 0;
  for (let at = 0; at < time; at++) {
    const size = batchSizes[at] ?? 0;
    for (const place of places) rows.push(place < size ? start + place : -1);
    start += size;
  }
  const padded = takeRows(data, rows, options.paddingValue ?? 0).reshape([
    time,
    batch,
    ...data.shape.slice(1),
  ]);
  const lengths = places.map((place) => batchSizes.filter((size) => size > place).length);
  return [options.batchFirst === true ? padded.transpose(0, 1) : padded, lengths];
}

export interface PadOptions extends BatchFirstOptions {
  /** What is padded with. Default 0. */
  readonly paddingValue?: number;
  /** Default 'right'. */
  readonly paddingSide?: 'left' | 'right';
}

/**
 * `torch.nn.utils.rnn.pad_sequence`: sequences [length, ...] padded to the longest, and stacked to [time, batch, ...].
 *
 * @throws {ShapeError} when sizes other than the length differ.
 * @example
 * ```ts
 * import { padSequence } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const padded = padSequence([tensor([1, 2]), tensor([3])], { batchFirst: true, paddingValue: -1 });
 * console.log(await padded.toArray()); // => [[1, 2], [3, -1]]
 * ```
 */
export function padSequence(sequences: readonly Tensor[], options: PadOptions = {}): Tensor {
  const name = 'padSequence';
  checkOptions(name, options, ['batchFirst', 'paddingValue', 'paddingSide']);
  const { batchFirst = false, paddingValue = 0, paddingSide = 'right' } = options;
  if (paddingSide !== 'left' && paddingSide !== 'right')
    throw new ArgumentError(`${name}: paddingSide must be 'left' or 'right', got '${String(paddingSide)}'`);
  requireSequences(name, sequences);
  const time = Math.max(...sequences.map(({ shape }) => shape[0]));
  const padded = sequences.map((each) => {
    const missing = time - each.shape[0];
    if (missing === 0) return each;
    const sides = paddingSide === 'left' ? [missing, 0] : [0, missing];
    return F.pad(each, [...each.shape.slice(1).flatMap(() => [0, 0]), ...sides], { value: paddingValue });
  });
  return stack(padded, batchFirst ? 0 : 1);
}

/** `torch.nn.utils.rnn.unpad_sequence`: the sequences [length, ...] of a padded batch [time, batch, ...], as views. */
export function unpadSequence(padded: Tensor, lengths: Lengths, options: BatchFirstOptions = {}): Tensor[] {
  const name = 'unpadSequence';
  checkOptions(name, options, ['batchFirst']);
  if (requireTensor(name, padded).ndim < 2) {
    throw new ShapeError(`${name}: takes [time, batch, ...], got ${formatShape(padded.shape)}`);
  }
  const batchDim = options.batchFirst === true ? 0 : 1;
  return hostLengths(name, lengths, padded.shape[batchDim]).map((length, i) =>
    padded.select(batchDim, i).narrow(0, 0, length),
  );
}

/**
 * `torch.nn.utils.rnn.pack_sequence`: packs sequences [length, ...].
 *
 * @throws {ArgumentError} when they are not sorted, longest first, while `enforceSorted`.
 */
export function packSequence(sequences: readonly Tensor[], options: PackOptions = {}): PackedSequence {
  checkOptions('packSequence', options, ['enforceSorted']);
  const lengths = requireSequences('packSequence', sequences).map(({ shape }) => shape[0]);
  return packPaddedSequence(padSequence(sequences), lengths, options);
}

function requireSequences(name: string, sequences: readonly Tensor[]): readonly Tensor[] {
  if (!Array.isArray(sequences) || sequences.length === 0)
    throw new ArgumentError(`${name}: expected an array of one tensor or more`);
  const rest: Shape = requireTensor(name, sequences[0]).shape.slice(1);
  for (const each of sequences) {
    if (requireTensor(name, each).ndim > 0 && each.shape.slice(1).join() === rest.join()) continue;
    throw new ShapeError(
      `${name}: the sequences must be [length, ...] with equal other sizes, got ${formatShape(sequences[0].shape)} ` +
        `and ${formatShape(each.shape)}`,
    );
  }
  return sequences;
}

function hostLengths(name: string, lengths: Lengths, batch: number): number[] {
  const given = isTensor(lengths) ? Array.from(lengths.dataSync(), Number) : [...lengths];
  if (given.length !== batch || !given.every(Number.isInteger)) {
    throw new ArgumentError(
      `${name}: expected the lengths of ${batch} sequences as integers, got [${given.join(', ')}]`,
    );
  }
  return given;
}

/** Where each of a permutation's elements is. */
function inverse(permutation: readonly number[]): number[] {
  const places = new Array<number>(permutation.length);
  permutation.forEach((place, i) => {
    places[place] = i;
  });
  return places;
}

type Rows = [x: Tensor, rows: readonly number[], otherwise: number];

/** Rows of a tensor, each taken at most once; -1 is a row of one value. The gradient takes them back: a look-up again. */
export const takeRows: (...given: Rows) => Tensor = customFunction<Rows>({
  name: 'takeRows',
  forward(context, x, rows, otherwise) {
    const back = new Array<number>(x.shape[0]).fill(-1);
    rows.forEach((row, i) => {
      if (row >= 0) back[row] = i;
    });
    context.state['back'] = back;
    const { device } = x;
    const index = tensor(
      rows.map((row) => Math.max(row, 0)),
      { dtype: 'int32', device },
    );
    const taken = x.indexSelect(0, index);
    if (!rows.includes(-1)) return taken;
    const isThere = tensor(
      rows.map((row) => row >= 0),
      { device },
    );
    return where(isThere.reshape([rows.length, ...x.shape.slice(1).map(() => 1)]), taken, otherwise);
  },
  backward(context, gradient) {
    return [takeRows(gradient, context.state['back'] as number[], 0), null, null];
  },
});
