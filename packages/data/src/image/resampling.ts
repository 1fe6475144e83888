// Resizing along one side as a matrix: row i holds the weights of the pixels that make pixel i.

/**
 * Linear interpolation between the centres of pixels; with `antialias` its triangle is as wide as the pixels that
 * fall together when an image shrinks, as in Pillow and in PyTorch's `interpolate(antialias=True)`.
 */
export function resizeMatrix(from: number, to: number, antialias: boolean): Float32Array {
  const matrix = new Float32Array(to * from);
  const scale = from / to;
  const support = antialias ? Math.max(1, scale) : 1;
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    if (support === 1) {
      // Beyond the outer centres the border's pixel goes on.
      const at = Math.min(Math.max(centre - 0.5, 0), from - 1);
      const low = Math.floor(at);
      const high = Math.min(low + 1, from - 1);
      matrix[i * from + low] += 1 - (at - low);
      matrix[i * from + high] += at - low;
      continue;
    }
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(from, Math.trunc(centre + support + 0.5));
    const weights: number[] = [];
    for (let j = first; j < last; j++) weights.push(Math.max(0, 1 - Math.abs((j + 0.5 - centre) / support)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights.forEach((weight, k) => {
      matrix[i * from + first + k] = weight / total;
    });
  }
  return matrix;
}
