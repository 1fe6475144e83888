// Functions of matrices made of products alone, so that they run anywhere and have derivatives.
import { cat, eye, type Tensor, zeros } from '@nn/tensor';

function identityLike(x: Tensor, size: number): Tensor {
  return eye(size, size, { dtype: x.dtype, device: x.device });
}

/** Greatest sum of absolute values of a column: a bound of the greatest eigenvalue. [..., n, n] to [..., 1, 1]. */
function columnNorm(x: Tensor): Tensor {
  return x.abs().sum(-2, { keepdim: true }).amax(-1, { keepdim: true });
}

/**
 * The orthogonal factor of the polar decomposition: the nearest matrix with orthonormal columns (rows, if it is wide).
 * Of a matrix of normal random numbers it is uniformly distributed among those. [..., n, k] to the same.
 *
 * The singular values are led to 1 by odd polynomials: first one that enlarges small ones fast (Jordan et al. 2024),
 * then Newton and Schulz's, which converges quadratically.
 */
export function polarFactor(x: Tensor): Tensor {
  if (x.shape.at(-1)! > x.shape.at(-2)!) return polarFactor(x.transpose(-2, -1)).transpose(-2, -1);
  const gram = (y: Tensor): Tensor => y.transpose(-2, -1).matmul(y);
  const one = identityLike(x, x.shape.at(-1)!);
  let y = x.div(columnNorm(gram(x)).sqrt());
  for (let i = 0; i < 12; i++) {
    const g = gram(y);
    y = y.matmul(one.mul(3.4445).sub(g.mul(4.775)).add(g.matmul(g).mul(2.0315)));
  }
  for (let i = 0; i < 7; i++) y = y.matmul(one.mul(1.5).sub(gram(y).mul(0.5)));
  return y;
}

/** Σ A^k / k! up to k = 16 of A / 2^6, squared six times: exact to rounding for norms up to 64. [..., n, n] */
export function matrixExponential(x: Tensor): Tensor {
  const squarings = 6;
  const one = identityLike(x, x.shape.at(-1)!);
  const a = x.mul(2 ** -squarings);
  const a2 = a.matmul(a);
  const a3 = a2.matmul(a);
  const a4 = a2.matmul(a2);
  const inverseFactorial: number[] = [1];
  for (let k = 1; k <= 16; k++) inverseFactorial.push(inverseFactorial[k - 1] / k);
  const piece = (from: number): Tensor =>
    [a, a2, a3].reduce(
      (sum, power, i) => sum.add(power.mul(inverseFactorial[from + i + 1])),
      one.mul(inverseFactorial[from]),
    );
  let result = piece(12).add(a4.mul(inverseFactorial[16]));
  for (const from of [8, 4, 0]) result = piece(from).add(a4.matmul(result));
  for (let i = 0; i < squarings; i++) result = result.matmul(result);
  return result;
}

/**
 * (I - A / 2)⁻¹ (I + A / 2) of a skew-symmetric A: [..., n, n]. The inverse is found by Newton's iteration without a
 * record; two further steps carry the derivatives, which each step makes right to twice the order.
 */
export function cayleyTransform(x: Tensor): Tensor {
  const one = identityLike(x, x.shape.at(-1)!);
  const matrix = one.sub(x.mul(0.5));
  const step = (inverse: Tensor, m: Tensor): Tensor => inverse.mul(2).sub(inverse.matmul(m).matmul(inverse));
  const constant = matrix.detach();
  const transposed = constant.transpose(-2, -1);
  let inverse = transposed.div(columnNorm(transposed.matmul(constant)));
  for (let i = 0; i < 24; i++) inverse = step(inverse, constant);
  return step(step(inverse.detach(), matrix), matrix).matmul(one.add(x.mul(0.5)));
}

/**
 * The first k columns of the product of reflections I - τ v vᵀ, whose vectors are the columns of a unit lower
 * triangular matrix: [..., n, k], of which only what is below the diagonal is used. τ is 2 / |v|².
 */
export function householderProduct(vectors: Tensor): Tensor {
  const [n, k] = vectors.shape.slice(-2);
  const { dtype, device } = vectors;
  const unit = eye(n, k, { dtype, device });
  const all = vectors.tril(-1).add(unit);
  let product = unit.expandTo(vectors.shape);
  for (let i = k - 1; i >= 0; i--) {
    const v = all.narrow(-1, i, 1);
    const tau = v.square().sum(-2, { keepdim: true }).reciprocal().mul(2);
    product = product.sub(v.mul(tau).matmul(v.transpose(-2, -1).matmul(product)));
  }
  return product;
}

/**
 * What `householderProduct` makes a matrix with orthonormal columns from: vectors below the diagonal, and on it the sign
 * of each column. [..., n, k]
 */
export function householderVectors(matrix: Tensor): Tensor {
  const [n, k] = matrix.shape.slice(-2);
  let rest = matrix;
  const columns: Tensor[] = [];
  for (let i = 0; i < k; i++) {
    const column = rest.narrow(-1, i, 1).narrow(-2, i, n - i);
    const first = column.narrow(-2, 0, 1);
    const sign = first.ge(0).to(matrix.dtype).mul(-2).add(1);
    const pivot = first.sub(sign.mul(column.square().sum(-2, { keepdim: true }).sqrt()));
    const below = column.narrow(-2, 1, n - i - 1).div(pivot);
    const v = cat([zerosAbove(matrix, i), first.mul(0).add(1), below], -2);
    const tau = v.square().sum(-2, { keepdim: true }).reciprocal().mul(2);
    rest = rest.sub(v.mul(tau).matmul(v.transpose(-2, -1).matmul(rest)));
    columns.push(cat([zerosAbove(matrix, i), sign, below], -2));
  }
  return cat(columns, -1);
}

function zerosAbove(matrix: Tensor, rows: number): Tensor {
  const { dtype, device } = matrix;
  return zeros([...matrix.shape.slice(0, -2), rows, 1], { dtype, device });
}
