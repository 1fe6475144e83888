// Gradients that come from several uses of a value, and their sum. The gradient of a slice is zero outside of it: it
// stays as small as the slice until all are there, and slices that do not overlap are joined instead of added. So a
// loop over the steps of a sequence takes time that grows with their number, and not with its square.
import { sameShape } from '@nn/core';
import { apply, castTo, cat, type DType, type Shape, type Tensor, zeros } from '@nn/tensor';

/** A gradient that is zero but for a box. */
export class Part {
  /** Of the box. */
  readonly value: Tensor;
  /** Where the box begins, in each dimension. */
  readonly starts: readonly number[];
  /** Of the gradient. */
  readonly shape: Shape;

  constructor(value: Tensor, starts: readonly number[], shape: Shape) {
    this.value = value;
    this.starts = starts;
    this.shape = shape;
  }

  end(dim: number): number {
    return this.starts[dim] + this.value.shape[dim];
  }

  cast(dtype: DType): Part {
    return this.value.dtype === dtype ? this : new Part(castTo(this.value, dtype), this.starts, this.shape);
  }

  /** With the zeros around it. */
  whole(): Tensor {
    const { value, starts, shape } = this;
    if (sameShape(value.shape, shape)) return value;
    const after = shape.map((extent, dim) => extent - this.end(dim));
    return apply('pad', [value], { before: starts, after, value: 0 });
  }
}

/** What a derivative gives. */
export type Gradient = Tensor | Part;

export function wholeOf(gradient: Gradient): Tensor {
  return gradient instanceof Part ? gradient.whole() : gradient;
}

/** What has come so far of a gradient that is the sum of several. */
export class GradientSum {
  #total: Tensor | null = null;
  readonly #parts: Part[] = [];

  add(gradient: Gradient): this {
    if (gradient instanceof Part) this.#parts.push(gradient);
    else this.#total = this.#total === null ? gradient : this.#total.add(gradient);
    return this;
  }

  total(): Tensor {
    const wholes = joined(this.#parts).map((part) => part.whole());
    return (this.#total === null ? wholes : [this.#total, ...wholes]).reduce((sum, each) => sum.add(each));
  }
}

/** Fewer parts with the same sum: those that lie on a line become one. */
function joined(parts: readonly Part[]): readonly Part[] {
  if (parts.length < 2) return parts;
  const varying = parts[0].shape
    .map((_, dim) => dim)
    .filter((dim) =>
      parts.some((part) => part.starts[dim] !== parts[0].starts[dim] || part.end(dim) !== parts[0].end(dim)),
    );
  if (varying.length === 0) return [added(parts)];
  let result = parts;
  for (const dim of varying.reverse()) {
    const lines = grouped(result, (part) => placeOf(part, (other) => other !== dim));
    result = lines.flatMap((line) => layersOf(line, dim).map((layer) => lined(layer, dim)));
  }
  return result;
}

function grouped(parts: readonly Part[], keyOf: (part: Part) => string): Part[][] {
  const groups = new Map<string, Part[]>();
  for (const part of parts) {
    const key = keyOf(part);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [part]);
    else group.push(part);
  }
  return [...groups.values()];
}

/** The box's range in some dimensions. */
function placeOf(part: Part, counts: (dim: number) => boolean): string {
  return part.starts.map((start, dim) => (counts(dim) ? `${start}:${part.end(dim)}` : '')).join();
}

/** The sum of parts at one place. */
function added(parts: readonly Part[]): Part {
  const [{ starts, shape }] = parts;
  const value = parts.map((part) => part.value).reduce((sum, each) => sum.add(each));
  return new Part(value, starts, shape);
}

/** Parts of a line, in as few lists as possible in which they follow each other without overlapping. */
function layersOf(line: readonly Part[], dim: number): Part[][] {
  const layers: Part[][] = [];
  const places = grouped(line, (part) => placeOf(part, (other) => other === dim)).map(added);
  for (const part of places.sort((a, b) => a.starts[dim] - b.starts[dim])) {
    const layer = layers.find((each) => each[each.length - 1].end(dim) <= part.starts[dim]);
    if (layer === undefined) layers.push([part]);
    else layer.push(part);
  }
  return layers;
}

/** Parts that follow each other along a dimension as one, with zeros between them. */
function lined(parts: readonly Part[], dim: number): Part {
  const [first] = parts;
  if (parts.length === 1) return first;
  const { shape, starts } = first;
  const pieces: Tensor[] = [];
  const zerosTo = (start: number, end: number): void => {
    const { dtype, device } = first.value;
    if (start < end) pieces.push(zeros(first.value.shape.with(dim, end - start), { dtype, device }));
  };
  // A line through the whole becomes the whole at once.
  const isWhole = shape.every((extent, d) => d === dim || first.value.shape[d] === extent);
  let end = isWhole ? 0 : starts[dim];
  for (const part of parts) {
    zerosTo(end, part.starts[dim]);
    pieces.push(part.value);
    end = part.end(dim);
  }
  if (isWhole) zerosTo(end, shape[dim]);
  return new Part(cat(pieces, dim), isWhole ? starts.with(dim, 0) : starts, shape);
}
