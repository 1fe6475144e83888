// Drawings of rectangles and ellipses, made when they are asked for: a dataset that workers can make, too.
import { Dataset, workerDataset } from '@nn/data';

export interface Drawing {
  /** Greys of size · size pixels, row by row. */
  readonly pixels: Float32Array;
  /** 0: a rectangle, 1: an ellipse. */
  readonly label: number;
}

export interface DrawingOptions {
  readonly length: number;
  /** Pixels a side. */
  readonly size: number;
}

/** Points looked at in each pixel, a side: soft edges, and some work. */
const points = 10;
/** What a step of these goes through, each from 0 to 1 and evenly (Roberts 2018). */
const strides = [0.8566748838545029, 0.733891856627126, 0.6287067210378087, 0.5385972572236101];

class Drawings extends Dataset<Drawing> {
  readonly length: number;
  readonly #size: number;

  constructor({ length, size }: DrawingOptions) {
    super();
    this.length = length;
    this.#size = size;
  }

  get(index: number): Drawing {
    const label = index % 2;
    const [a, b, c, d] = strides.map((stride) => (stride * (index + 1)) % 1);
    const [left, top, width, height] = [0.3 + 0.4 * a, 0.3 + 0.4 * b, 0.1 + 0.2 * c, 0.1 + 0.2 * d];
    const size = this.#size;
    const pixels = new Float32Array(size * size);
    const fine = size * points;
    for (let row = 0; row < fine; row++) {
      const y = Math.abs((row + 0.5) / fine - top) / height;
      for (let column = 0; column < fine; column++) {
        const x = Math.abs((column + 0.5) / fine - left) / width;
        const inside = label === 0 ? x < 1 && y < 1 : x * x + y * y < 1;
        if (inside) pixels[Math.floor(row / points) * size + Math.floor(column / points)] += 1 / points ** 2;
      }
    }
    return { pixels, label };
  }
}

export const drawings = workerDataset((options: DrawingOptions) => new Drawings(options), import.meta.url);
