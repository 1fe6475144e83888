// Matrix products: all of them are one contraction.
import {
  ArgumentError,
  broadcastShapes,
  checkOptions,
  DTypeError,
  formatShape,
  isFloat,
  normalizeDim,
  ShapeError,
} from '@nn/core';
import { addedToProduct, isProductOf } from './autocast.ts';
import { apply, castTo, promote, requireTensor } from './dispatch.ts';
import { cat } from './joining.ts';
import { deliver, deliverOnly, type OutOptions } from './out.ts';
import type { Tensor } from './tensor.ts';

/** @throws {DTypeError} when they differ. */
function requireSameDType(name: string, a: Tensor, b: Tensor): void {
  if (isProductOf(requireTensor(name, a), requireTensor(name, b))) return;
  throw new DTypeError(
    `${name}: dtypes ${a.dtype} and ${b.dtype} differ; cast one of them to ${promote(a, b)}`,
  );
}

/**
 * `torch.matmul`: vectors, matrices and batches of matrices, batches broadcast.
 *
 * @throws {ShapeError} when the inner sizes differ; {DTypeError} when the dtypes do.
 * @example
 * ```ts
 * import { interpreter, matmul, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await matmul(tensor([[1, 2], [3, 4]]), tensor([1, 1])).toArray()); // => [3, 7]
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  checkOptions('matmul', options, ['out']);
  return deliver('matmul', multiplied(a, b), options, [a, b]);
}

function multiplied(a: Tensor, b: Tensor): Tensor {
  requireSameDType('matmul', a, b);
  if (a.ndim === 0 || b.ndim === 0)
    throw new ShapeError('matmul: both tensors need at least one dimension. Use mul for scalars');
  const inner = a.shape[a.ndim - 1];
  const other = b.shape[Math.max(b.ndim - 2, 0)];
  if (inner !== other) throw mismatch('matmul', a, b, inner, other);
  if (b.ndim <= 2) return contract(a, b, 0);
  // A vector with a batch of matrices: [k] x [..., k, n] as the transposed product [..., n, k] x [k].
  if (a.ndim === 1) return contract(b.mT, a, 0);
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  return contract(
    a.expandTo([...batch, ...a.shape.slice(-2)]),
    b.expandTo([...batch, ...b.shape.slice(-2)]),
    batch.length,
  );
}

/** Last dimension of a with first of b (after `batchRank` shared ones). */
function contract(a: Tensor, b: Tensor, batchRank: number): Tensor {
  if (a.dtype === 'bool') throw new DTypeError('matmul: does not take bool tensors; cast them first');
  return apply('dot', [a, b], { batchRank, innerRank: 1 });
}

function mismatch(name: string, a: Tensor, b: Tensor, inner: number, other: number): ShapeError {
  const transposed =
    b.ndim >= 2 && b.shape[b.ndim - 1] === inner ? ` Did you mean b.${b.ndim === 2 ? 'T' : 'mT'}?` : '';
  const fromLeft =
    transposed === '' && a.ndim >= 2 && a.shape[a.ndim - 2] === other
      ? ` Did you mean a.${a.ndim === 2 ? 'T' : 'mT'}?`
      : '';
  return new ShapeError(
    `${name}: cannot multiply ${formatShape(a.shape)} by ${formatShape(b.shape)}: the inner sizes ${inner} and ${other} differ.` +
      transposed +
      fromLeft,
  );
}

/** Products that take exactly these numbers of dimensions. */
function product(name: string, a: Tensor, b: Tensor, rankA: number, rankB: number): Tensor {
  requireSameDType(name, a, b);
  if (a.ndim !== rankA || b.ndim !== rankB) {
    throw new ShapeError(
      `${name}: takes tensors of ${rankA} and ${rankB} dimensions, got ${formatShape(a.shape)} and ${formatShape(b.shape)}. Use matmul for others`,
    );
  }
  const inner = a.shape[rankA - 1];
  const other = b.shape[Math.max(rankB - 2, 0)];
  if (inner !== other) throw mismatch(name, a, b, inner, other);
  if (rankA === 3 && a.shape[0] !== b.shape[0]) {
    throw new ShapeError(
      `${name}: the batch sizes ${a.shape[0]} and ${b.shape[0]} differ. matmul broadcasts them`,
    );
  }
  return contract(a, b, rankA === 3 ? 1 : 0);
}

/** `torch.mm`: matrix times matrix. */
export function mm(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  checkOptions('mm', options, ['out']);
  return deliver('mm', product('mm', a, b, 2, 2), options, [a, b]);
}

/** `torch.mv`: matrix times vector. */
export function mv(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  checkOptions('mv', options, ['out']);
  return deliver('mv', product('mv', a, b, 2, 1), options, [a, b]);
}

/** `torch.bmm`: matrices times matrices, one by one. */
export function bmm(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  checkOptions('bmm', options, ['out']);
  return deliver('bmm', product('bmm', a, b, 3, 3), options, [a, b]);
}

/** `torch.dot`: the inner product of two vectors. */
export function dot(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  checkOptions('dot', options, ['out']);
  return deliver('dot', product('dot', a, b, 1, 1), options, [a, b]);
}

/** `torch.vdot`: dot, for real numbers. */
export function vdot(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  return deliverOnly('vdot', product('vdot', a, b, 1, 1), options, [a, b]);
}

/** `torch.inner`: over the last dimensions of both. */
export function inner(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  return deliverOnly('inner', innerProduct(a, b), options, [a, b]);
}

function innerProduct(a: Tensor, b: Tensor): Tensor {
  requireSameDType('inner', a, b);
  if (a.ndim === 0 || b.ndim === 0) return a.mul(b);
  if (a.shape[a.ndim - 1] !== b.shape[b.ndim - 1]) {
    throw new ShapeError(
      `inner: the last sizes of ${formatShape(a.shape)} and ${formatShape(b.shape)} differ`,
    );
  }
  return contract(a, b.movedim(-1, 0), 0);
}

/** `torch.outer`: every element of one vector times every element of another. */
export function outer(a: Tensor, b: Tensor, options?: OutOptions): Tensor {
  if (requireTensor('outer', a).ndim !== 1 || requireTensor('outer', b).ndim !== 1) {
    throw new ShapeError(`outer: takes two vectors, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
  }
  return deliverOnly('outer', a.unsqueeze(1).mul(b), options, [a, b]);
}

export interface AddProductOptions extends OutOptions {
  /** Multiplies what is added to. Default 1; with 0 its NaNs and infinities do not show. */
  readonly beta?: number;
  /** Multiplies the product. Default 1. */
  readonly alpha?: number;
}

/** beta * x + alpha * product. */
function addProduct(name: string, added: Tensor, product: Tensor, options: AddProductOptions): Tensor {
  checkOptions(name, options, ['beta', 'alpha', 'out']);
  const x = addedToProduct(requireTensor(name, added), product);
  // PyTorch cuts off fractions where it multiplies integers.
  const whole = isFloat(product.dtype) ? (factor: number): number => factor : Math.trunc;
  const [beta, alpha] = [whole(options.beta ?? 1), whole(options.alpha ?? 1)];
  broadcastShapes(name, x.shape, product.shape);
  const scaled = alpha === 1 ? product : product.mul(alpha);
  const sum =
    beta === 0
      ? scaled
      : castTo((beta === 1 ? x : x.mul(beta)).expandTo(product.shape).add(scaled), promote(x, product));
  // x itself may be written over; what was multiplied is read more than once.
  return deliver(name, sum, options, [added], { overwrites: true });
}

/** `torch.addmm`: beta * x + alpha * a b, for matrices. */
export function addmm(x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor {
  return addProduct('addmm', x, product('addmm', a, b, 2, 2), options);
}

/** `torch.addmv`: beta * x + alpha * a b, for a matrix and a vector. */
export function addmv(x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor {
  return addProduct('addmv', x, product('addmv', a, b, 2, 1), options);
}

/** `torch.addr`: beta * x + alpha * outer(a, b). */
export function addr(x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor {
  return addProduct('addr', x, outer(a, b), options);
}

/** `torch.baddbmm`: beta * x + alpha * a b, for batches of matrices. */
export function baddbmm(x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor {
  return addProduct('baddbmm', x, product('baddbmm', a, b, 3, 3), options);
}

/** `torch.addbmm`: beta * x + alpha * the sum of a batch of products. */
export function addbmm(x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor {
  const products = product('addbmm', a, b, 3, 3);
  return addProduct('addbmm', x, castTo(products.sum(0), products.dtype), options);
}

/** How many last dimensions of a meet the first ones of b, or which dimensions of a meet which of b. */
export type TensordotDims = number | readonly [readonly number[], readonly number[]];

/** `torch.tensordot`: the sum over pairs of dimensions. */
export function tensordot(a: Tensor, b: Tensor, dims: TensordotDims = 2, options?: OutOptions): Tensor {
  requireSameDType('tensordot', a, b);
  if (typeof dims === 'number' && !(Number.isInteger(dims) && dims >= 0))
    throw new ArgumentError(`tensordot: dims must be an integer of at least 0, got ${dims}`);
  const [left, right] =
    typeof dims === 'number'
      ? [Array.from({ length: dims }, (_, i) => a.ndim - dims + i), Array.from({ length: dims }, (_, i) => i)]
      : [
          dims[0].map((dim) => normalizeDim('tensordot', dim, a.ndim)),
          dims[1].map((dim) => normalizeDim('tensordot', dim, b.ndim)),
        ];
  if (left.length !== right.length)
    throw new ShapeError(`tensordot: ${left.length} dimensions of a for ${right.length} of b`);
  left.forEach((dim, i) => {
    if (a.shape[dim] === b.shape[right[i]]) return;
    throw new ShapeError(
      `tensordot: dimension ${dim} of ${formatShape(a.shape)} and ${right[i]} of ${formatShape(b.shape)} differ in size`,
    );
  });
  const rows = a.shape.map((_, dim) => dim).filter((dim) => !left.includes(dim));
  const columns = b.shape.map((_, dim) => dim).filter((dim) => !right.includes(dim));
  const result = apply('dot', [a.permute([...rows, ...left]), b.permute([...right, ...columns])], {
    batchRank: 0,
    innerRank: left.length,
  });
  return deliverOnly('tensordot', result, options, [a, b]);
}

export interface CrossOptions extends OutOptions {
  /** Of size 3. Default: the first one that is. */
  readonly dim?: number | null;
}

/**
 * `torch.cross`: the vector product along a dimension of size 3; shapes broadcast.
 *
 * @throws {ShapeError} for different numbers of dimensions, and for a dimension of another size.
 * @example
 * ```ts
 * import { cross, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * console.log(await cross(tensor([1, 0, 0]), tensor([0, 1, 0])).toArray()); // => [0, 0, 1]
 * ```
 */
export function cross(a: Tensor, b: Tensor, options: CrossOptions = {}): Tensor {
  checkOptions('cross', options, ['dim', 'out']);
  if (requireTensor('cross', a).ndim !== requireTensor('cross', b).ndim) {
    throw new ShapeError(
      `cross: ${formatShape(a.shape)} and ${formatShape(b.shape)} have different numbers of dimensions`,
    );
  }
  const shape = broadcastShapes('cross', a.shape, b.shape);
  const dim = options.dim == null ? a.shape.indexOf(3) : normalizeDim('cross', options.dim, a.ndim);
  if (dim < 0 || a.shape[dim] !== 3 || b.shape[dim] !== 3) {
    throw new ShapeError(
      `cross: ${dim < 0 ? 'no dimension' : `dimension ${dim}`} of ${formatShape(a.shape)} and ${formatShape(b.shape)} has size 3 in both`,
    );
  }
  const [x, y] = [a.expandTo(shape), b.expandTo(shape)];
  const along = (i: number): Tensor => {
    const [j, k] = [(i + 1) % 3, (i + 2) % 3];
    return x
      .narrow(dim, j, 1)
      .mul(y.narrow(dim, k, 1))
      .sub(x.narrow(dim, k, 1).mul(y.narrow(dim, j, 1)));
  };
  return deliver('cross', cat([along(0), along(1), along(2)], dim), options, [a, b]);
}
