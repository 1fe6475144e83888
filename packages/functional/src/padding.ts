// Padding that repeats the input's own elements: pieces of it, laid side by side. Each piece is a view padded with
// zeros and the pieces are added, so that derivatives are views as well.
import { ArgumentError, categoryOf, checkOptions, formatShape, ShapeError } from '@nn/core';
import { full, requireTensor, sliceView, type Tensor, where } from '@nn/tensor';
import { checkChoice } from './arguments.ts';
import { padSides } from './zero-padding.ts';

export type PaddingMode = 'constant' | 'reflect' | 'replicate' | 'circular';

export interface PadOptions {
  /** Default 'constant'. */
  readonly mode?: PaddingMode;
  /** For 'constant'. Default 0. */
  readonly value?: number;
}

/**
 * Pads the last dimensions: `padding` holds amounts before and after for the last one, then for the one before it,
 * and so on, as in `torch.nn.functional.pad`. Negative amounts cut off.
 *
 * @throws {ArgumentError} for an odd number of amounts, or more than the tensor has dimensions.
 * @throws {ShapeError} when a mode would need elements that are not there.
 * @example
 * ```ts
 * import * as F from '@nn/functional';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await F.pad(tensor([[1, 2, 3]]), [2, 1], { mode: 'reflect' }).toArray()); // => [[3, 2, 1, 2, 3, 2]]
 * ```
 */
export function pad(x: Tensor, padding: readonly number[], options: PadOptions = {}): Tensor {
  checkOptions('pad', options, ['mode', 'value']);
  requireTensor('pad', x);
  const mode = checkChoice('pad', 'mode', options.mode ?? 'constant', [
    'constant',
    'reflect',
    'replicate',
    'circular',
  ]);
  if (padding.length % 2 !== 0 || padding.length > 2 * x.ndim || !padding.every(Number.isInteger)) {
    throw new ArgumentError(
      `pad: padding must hold a pair of integers for at most each of the ${x.ndim} dimensions of ${formatShape(x.shape)}, ` +
        `got ${formatShape(padding)}`,
    );
  }
  const count = padding.length / 2;
  const before = Array.from({ length: count }, (_, i) => padding[2 * (count - 1 - i)]);
  const after = Array.from({ length: count }, (_, i) => padding[2 * (count - 1 - i) + 1]);
  if (mode === 'constant') return padConstant(x, before, after, options.value ?? 0);
  if (options.value !== undefined && options.value !== 0) {
    throw new ArgumentError(`pad: mode '${mode}' takes no value, got ${options.value}`);
  }
  let result = x;
  for (let i = 0; i < count; i++) {
    const dim = x.ndim - count + i;
    result = padDimension(result, dim, before[i], after[i], mode);
  }
  return result;
}

function padConstant(x: Tensor, before: readonly number[], after: readonly number[], value: number): Tensor {
  return padSides(x, before, after, categoryOf(x.dtype) === 'bool' ? Number(value !== 0) : value);
}

function padDimension(x: Tensor, dim: number, before: number, after: number, mode: PaddingMode): Tensor {
  if (before < 0 || after < 0) {
    const cutBefore = Math.min(before, 0);
    const cutAfter = Math.min(after, 0);
    const size = x.shape[dim] + cutBefore + cutAfter;
    if (size < 1) throw tooMuch(x, dim, before, after, mode);
    return padDimension(x.narrow(dim, -cutBefore, size), dim, before - cutBefore, after - cutAfter, mode);
  }
  const size = x.shape[dim];
  const most = mode === 'reflect' ? size - 1 : mode === 'circular' ? size : size > 0 ? Infinity : 0;
  if (before > most || after > most) throw tooMuch(x, dim, before, after, mode);
  const pieces = [{ piece: x, at: before }];
  if (before > 0) pieces.push({ piece: sidePiece(x, dim, before, 'before', mode), at: 0 });
  if (after > 0) pieces.push({ piece: sidePiece(x, dim, after, 'after', mode), at: before + size });
  return layOut(pieces, dim, before + size + after);
}

function tooMuch(x: Tensor, dim: number, before: number, after: number, mode: string): ShapeError {
  return new ShapeError(
    `pad: mode '${mode}' cannot pad dimension ${dim} of ${formatShape(x.shape)} by ${before} and ${after}: ` +
      (mode === 'reflect' ? 'amounts must be below its size' : 'amounts must not exceed its size'),
  );
}

/** What stands before or after the input along a dimension. */
function sidePiece(
  x: Tensor,
  dim: number,
  amount: number,
  side: 'before' | 'after',
  mode: PaddingMode,
): Tensor {
  const size = x.shape[dim];
  if (mode === 'circular') return x.narrow(dim, side === 'before' ? size - amount : 0, amount);
  if (mode === 'replicate') {
    const edge = x.narrow(dim, side === 'before' ? 0 : size - 1, 1);
    return edge.expandTo(x.shape.map((extent, i) => (i === dim ? amount : extent)));
  }
  const first = side === 'before' ? amount : size - 2;
  return sliceView(
    x,
    x.shape.map((_, i) => (i === dim ? first : 0)),
    x.shape.map((_, i) => (i === dim ? -1 : 1)),
    x.shape.map((extent, i) => (i === dim ? amount : extent)),
  );
}

/** Pieces side by side in a dimension of `size`. */
function layOut(pieces: readonly { piece: Tensor; at: number }[], dim: number, size: number): Tensor {
  const widened = pieces.map(({ piece, at }) => {
    const before = piece.shape.map((_, i) => (i === dim ? at : 0));
    const after = piece.shape.map((extent, i) => (i === dim ? size - at - extent : 0));
    return { wide: padSides(piece, before, after, 0), piece, before, after };
  });
  let result = widened[0].wide;
  for (const { wide, piece, before, after } of widened.slice(1)) {
    const inside = padSides(full(piece.shape, true, { device: piece.device }), before, after, 0);
    result = where(inside, wide, result);
  }
  return result;
}
