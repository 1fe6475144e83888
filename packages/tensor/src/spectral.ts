// Fourier transforms of short frames of a signal. Complex numbers are pairs of floats in a last dimension, as PyTorch's
// `view_as_real` gives them. A frame is transformed by a matrix of sines and cosines: all frames are one product.
import {
  ArgumentError,
  checkOptions,
  type DType,
  DTypeError,
  formatShape,
  isFloat,
  ShapeError,
  UnsupportedError,
} from '@nn/core';
import { fromHost, ones, toHostArray, zeros } from './creation.ts';
import { apply, castTo, describe, requireTensor } from './dispatch.ts';
import { stack } from './joining.ts';
import { matmul } from './linear.ts';
import { coordinates, elementsAt, type Selection, scatterAt } from './positions.ts';
import { unfold } from './shaping.ts';
import type { Tensor } from './tensor.ts';

export interface StftOptions {
  /** Samples between the starts of frames. Default: a quarter of nFft, rounded down. */
  readonly hopLength?: number | null;
  /** Length of the window, which lies in the middle of the frame. Default nFft. */
  readonly winLength?: number | null;
  /** Multiplies each frame. Default: ones. */
  readonly window?: Tensor | null;
  /** Whether frame t is centered at sample t * hopLength (default), or starts there. */
  readonly center?: boolean;
  /** What continues the signal at both ends when centered. Default 'reflect'. */
  readonly padMode?: 'reflect' | 'replicate' | 'circular' | 'constant';
  /** Whether to divide by √nFft. Default false. */
  readonly normalized?: boolean;
  /** Whether to leave out the frequencies above nFft / 2, which mirror the others. Default true. */
  readonly onesided?: boolean | null;
  /** Complex dtypes are not there yet: results are pairs of floats. */
  readonly returnComplex?: false;
}

export interface IstftOptions extends Omit<StftOptions, 'padMode'> {
  /** How many samples to give. Default: as many as the frames cover. */
  readonly length?: number | null;
}

interface Frames {
  readonly hop: number;
  /** [nFft]. */
  readonly window: Tensor;
  readonly normalized: boolean;
}

function frames(
  name: string,
  like: Tensor,
  nFft: number,
  { hopLength, winLength, window, normalized = false, returnComplex }: StftOptions,
): Frames {
  if (!isFloat(like.dtype))
    throw new DTypeError(`${name}: takes float tensors, got ${like.dtype}. Use x.float()`);
  if (returnComplex)
    throw new UnsupportedError(
      `${name}: there are no complex dtypes yet. Leave returnComplex out: numbers are pairs`,
    );
  const hop = hopLength ?? Math.floor(nFft / 4);
  const length = winLength ?? nFft;
  for (const [what, value] of [
    ['nFft', nFft],
    ['hopLength', hop],
    ['winLength', length],
  ] as const) {
    if (!Number.isInteger(value) || value < 1)
      throw new ArgumentError(`${name}: ${what} must be a positive integer, got ${describe(value)}`);
  }
  if (length > nFft) throw new ArgumentError(`${name}: winLength ${length} is greater than nFft ${nFft}`);
  if (window != null && (requireTensor(name, window).ndim !== 1 || window.shape[0] !== length)) {
    throw new ShapeError(
      `${name}: the window must be a vector of winLength ${length}, got shape ${formatShape(window.shape)}`,
    );
  }
  const given =
    window == null ? ones([length], { dtype: like.dtype, device: like.device }) : castTo(window, like.dtype);
  const left = Math.floor((nFft - length) / 2);
  const padded = apply('pad', [given], { before: [left], after: [nFft - length - left], value: 0 });
  return { hop, window: length === nFft ? given : padded, normalized };
}

/** [rows, columns] of a function of an angle 2π row column / n; the product is reduced first, for exactness. */
function angles(
  rows: number,
  columns: number,
  n: number,
  value: (angle: number, row: number, column: number) => number,
  like: { readonly dtype: DType; readonly device: string },
): Tensor {
  const table = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      table[row * columns + column] = value((2 * Math.PI * ((row * column) % n)) / n, row, column);
  }
  return fromHost(toHostArray(table, like.dtype), like.dtype, like.device).reshape([rows, columns]);
}

/** Positions of a signal of `length` samples continued by `margin` at both ends. */
function continued(x: Tensor, margin: number, mode: NonNullable<StftOptions['padMode']>): Tensor {
  const length = x.shape[x.ndim - 1];
  if (mode === 'constant') {
    const sides = x.shape.map((_, dim) => (dim === x.ndim - 1 ? margin : 0));
    return apply('pad', [x], { before: sides, after: sides, value: 0 });
  }
  const place = {
    reflect: (i: number) => (i < 0 ? -i : i >= length ? 2 * (length - 1) - i : i),
    replicate: (i: number) => Math.min(Math.max(i, 0), length - 1),
    circular: (i: number) => (i + length) % length,
  }[mode];
  if (place === undefined) {
    throw new ArgumentError(
      `stft: padMode must be reflect, replicate, circular or constant, got '${String(mode)}'`,
    );
  }
  if (margin >= length + Number(mode === 'circular') && mode !== 'replicate')
    throw new ShapeError(`stft: ${length} samples cannot be continued by ${margin} (padMode '${mode}')`);
  const positions = Int32Array.from({ length: length + 2 * margin }, (_, i) => place(i - margin));
  return x.indexSelect(-1, fromHost(positions, 'int32', x.device));
}

/**
 * `torch.stft`: the spectra of overlapping frames of a signal, [samples] or [batch, samples], as
 * [..., frequencies, frames, 2], real and imaginary parts last.
 *
 * @throws {DTypeError} for integers; {ShapeError} for a signal shorter than a frame, and for a window that does not fit.
 * @throws {UnsupportedError} for `returnComplex: true`.
 * @example
 * ```ts
 * import { interpreter, stft, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const wave = tensor([1, 0, -1, 0, 1, 0, -1, 0], { dtype: 'float32' });
 * const spectrum = stft(wave, 4, { hopLength: 4, center: false });
 * console.log(await spectrum.select(-1, 0).toArray()); // => [[0, 0], [2, 2], [0, 0]]
 * ```
 */
export function stft(x: Tensor, nFft: number, options: StftOptions = {}): Tensor {
  checkOptions('stft', options, [
    'hopLength',
    'winLength',
    'window',
    'center',
    'padMode',
    'normalized',
    'onesided',
    'returnComplex',
  ]);
  if (![1, 2].includes(requireTensor('stft', x).ndim))
    throw new ShapeError(`stft: takes [samples] or [batch, samples], got shape ${formatShape(x.shape)}`);
  const { hop, window, normalized } = frames('stft', x, nFft, options);
  const signal =
    (options.center ?? true) ? continued(x, Math.floor(nFft / 2), options.padMode ?? 'reflect') : x;
  const samples = signal.shape[signal.ndim - 1];
  if (nFft > samples) throw new ShapeError(`stft: a frame of ${nFft} does not fit into ${samples} samples`);
  const parts = unfold(signal, -1, nFft, hop).mul(window);
  const count = (options.onesided ?? true) ? Math.floor(nFft / 2) + 1 : nFft;
  const scale = normalized ? 1 / Math.sqrt(nFft) : 1;
  const real = matmul(
    parts,
    angles(nFft, count, nFft, (angle) => scale * Math.cos(angle), x),
  );
  const imaginary = matmul(
    parts,
    angles(nFft, count, nFft, (angle) => -scale * Math.sin(angle), x),
  );
  return stack([real.mT, imaginary.mT], -1);
}

/**
 * `torch.istft`: the signal whose spectra `stft` gave, [..., frequencies, frames, 2], from the overlapping frames that
 * fit them best in the least-squares sense (Griffin and Lim 1984).
 *
 * @throws {ShapeError} for spectra of another form; {DTypeError} for integers.
 * @throws {ArgumentError} where the window is known to leave samples that no frame covers.
 * @throws {UnsupportedError} for `returnComplex: true`.
 */
export function istft(spectra: Tensor, nFft: number, options: IstftOptions = {}): Tensor {
  checkOptions('istft', options, [
    'hopLength',
    'winLength',
    'window',
    'center',
    'normalized',
    'onesided',
    'length',
    'returnComplex',
  ]);
  const { ndim, shape } = requireTensor('istft', spectra);
  if (![3, 4].includes(ndim) || shape[ndim - 1] !== 2) {
    throw new ShapeError(
      `istft: takes [frequencies, frames, 2] or [batch, frequencies, frames, 2], got shape ${formatShape(shape)}`,
    );
  }
  const { hop, window, normalized } = frames('istft', spectra, nFft, options);
  const [frequencies, count] = [shape[ndim - 3], shape[ndim - 2]];
  const onesided = options.onesided ?? frequencies !== nFft;
  const half = Math.floor(nFft / 2) + 1;
  const expected = onesided ? half : nFft;
  if (frequencies !== expected || count === 0) {
    throw new ShapeError(
      `istft: needs ${expected} frequencies for ${onesided ? 'one-sided ' : ''}frames of ${nFft} and at least one frame, got shape ${formatShape(shape)}`,
    );
  }
  const batch = ndim === 4 ? shape[0] : 1;
  // The signal is real: what lies above half the frequencies mirrors the rest, and is not looked at.
  const pairs = spectra.reshape([batch, frequencies, count, 2]).narrow(1, 0, half);
  const scale = normalized ? 1 / Math.sqrt(nFft) : 1 / nFft;
  // Frequencies stand for their mirror images too, but for 0 and nFft / 2, which have none.
  const weight = (frequency: number): number => scale * (frequency > 0 && 2 * frequency !== nFft ? 2 : 1);
  const cosines = angles(half, nFft, nFft, (angle, row) => weight(row) * Math.cos(angle), spectra);
  const sines = angles(half, nFft, nFft, (angle, row) => -weight(row) * Math.sin(angle), spectra);
  const parts = matmul(pairs.select(3, 0).mT, cosines)
    .add(matmul(pairs.select(3, 1).mT, sines))
    .mul(window);

  const covered = nFft + hop * (count - 1);
  const like = { dtype: spectra.dtype, device: spectra.device };
  const place = (outer: number): Selection => {
    const form = [outer, count, nFft];
    const start = coordinates(form, 1, spectra.device)
      .mul(hop)
      .add(coordinates(form, 2, spectra.device));
    return elementsAt(start.add(coordinates(form, 0, spectra.device).mul(covered)));
  };
  const summed = scatterAt(zeros([batch, covered], like), place(batch), parts, 'sum');
  const envelope = scatterAt(
    zeros([1, covered], like),
    place(1),
    window.square().expand([1, count, nFft]),
    'sum',
  );

  const center = options.center ?? true;
  const start = center ? Math.floor(nFft / 2) : 0;
  const end = options.length != null ? start + options.length : center ? covered - start : covered;
  const last = Math.min(end, covered);
  if (last <= start)
    throw new ShapeError(`istft: ${count} frames of ${nFft} leave no samples between ${start} and ${last}`);
  checkEnvelope(options, nFft, hop, count, start, last);
  const part = summed.narrow(1, start, last - start).div(envelope.narrow(1, start, last - start));
  const signal = apply('pad', [part], { before: [0, 0], after: [0, end - last], value: 0 });
  return ndim === 3 ? signal.reshape([end - start]) : signal;
}

/** Looks at windows whose values are at hand. */
function checkEnvelope(
  { window, winLength }: StftOptions,
  nFft: number,
  hop: number,
  count: number,
  start: number,
  end: number,
): void {
  const length = winLength ?? nFft;
  const values = window == null ? new Float64Array(length).fill(1) : window.node.state?.host;
  if (values === undefined) return;
  const left = Math.floor((nFft - length) / 2);
  const covers = new Float64Array(nFft + hop * (count - 1));
  for (let frame = 0; frame < count; frame++) {
    for (let i = 0; i < length; i++) covers[frame * hop + left + i] += Number(values[i]) ** 2;
  }
  const hole = covers.subarray(start, end).findIndex((cover) => Math.abs(cover) <= 1e-11);
  if (hole < 0) return;
  throw new ArgumentError(
    `istft: no frame covers sample ${hole}: the windows add up to 0 there. Use a shorter hopLength, or center`,
  );
}
