// Einstein's summation: each pair of operands is contracted by one dot product.
import { ArgumentError, formatShape, ShapeError } from '@nn/core';
import { apply, castTo, promote, requireTensor } from './dispatch.ts';
import type { Tensor } from './tensor.ts';

/** A tensor whose dimensions have names: letters, or numbers for those under the ellipsis. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

interface Equation {
  readonly inputs: readonly string[];
  readonly output: string | null;
}

function parse(equation: string): Equation {
  const [left, output, ...more] = equation.replaceAll(' ', '').split('->');
  if (more.length > 0 || !/^[a-zA-Z.,]*$/.test(left) || !/^[a-zA-Z.]*$/.test(output ?? ''))
    throw new ArgumentError(
      `einsum: '${equation}' is no equation. Letters name dimensions, as in 'ij,jk->ik'; '...' stands for the rest`,
    );
  return { inputs: left.split(','), output: output ?? null };
}

/** Letters one by one, and the dimensions under an ellipsis counted from the last. */
function labelsOf(subscripts: string, rank: number, equation: string): string[] {
  const [before, after, ...more] = subscripts.split('...');
  if (more.length > 0 || before.includes('.') || after?.includes('.'))
    throw new ArgumentError(`einsum: '${subscripts}' in '${equation}' has stray dots`);
  const named = before.length + (after?.length ?? 0);
  const hidden = rank - named;
  if (after === undefined ? hidden !== 0 : hidden < 0) {
    throw new ShapeError(
      `einsum: '${subscripts}' in '${equation}' names ${named} dimensions, but its operand has ${rank}`,
    );
  }
  const middle = Array.from({ length: Math.max(hidden, 0) }, (_, i) => String(hidden - i));
  return [...before, ...middle, ...(after ?? '')];
}

/** A label that occurs twice within one operand shows its diagonal. */
function withoutRepeats({ tensor, labels }: Labelled): Labelled {
  const twice = labels.findIndex((label, i) => labels.indexOf(label) !== i);
  if (twice === -1) return { tensor, labels };
  const first = labels.indexOf(labels[twice]);
  if (tensor.shape[first] !== tensor.shape[twice]) {
    throw new ShapeError(
      `einsum: '${labels[twice]}' stands for sizes ${tensor.shape[first]} and ${tensor.shape[twice]} of one operand`,
    );
  }
  const rest = labels.filter((_, i) => i !== first && i !== twice);
  return withoutRepeats({ tensor: tensor.diagonal(0, first, twice), labels: [...rest, labels[twice]] });
}

/** Sums over the labels that nobody else needs. */
function reduced({ tensor, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const dims = labels.flatMap((label, dim) => (needed.has(label) ? [] : [dim]));
  if (dims.length === 0) return { tensor, labels };
  return {
    tensor: castTo(tensor.sum(dims), tensor.dtype),
    labels: labels.filter((label) => needed.has(label)),
  };
}

function arranged({ tensor, labels }: Labelled, order: readonly string[]): Tensor {
  return tensor.permute(order.map((label) => labels.indexOf(label)));
}

/** Contracts two operands: labels of both that are needed later are batch dimensions, those that are not are summed. */
function contracted(
  a: Labelled,
  b: Labelled,
  needed: ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): Labelled {
  const left = reduced(a, new Set([...needed, ...b.labels]));
  const right = reduced(b, new Set([...needed, ...a.labels]));
  const shared = left.labels.filter((label) => right.labels.includes(label));
  // A shared label of size 1 on one side is broadcast, which a product of matrices cannot: it is expanded.
  const batch = shared.filter((label) => needed.has(label));
  const inner = shared.filter((label) => !needed.has(label));
  const rows = left.labels.filter((label) => !shared.includes(label));
  const columns = right.labels.filter((label) => !shared.includes(label));
  const fitted = (side: Labelled, order: readonly string[]): Tensor =>
    arranged(side, order).expandTo(
      order.map((label) =>
        shared.includes(label) ? sizes.get(label)! : side.tensor.shape[side.labels.indexOf(label)],
      ),
    );
  const ones = (count: number): number[] => new Array<number>(count).fill(1);
  const withoutInner = (): Tensor => {
    const [x, y] = [fitted(left, [...batch, ...rows]), fitted(right, [...batch, ...columns])];
    const spread = y.reshape([
      ...y.shape.slice(0, batch.length),
      ...ones(rows.length),
      ...y.shape.slice(batch.length),
    ]);
    return x.reshape([...x.shape, ...ones(columns.length)]).mul(spread);
  };
  const result =
    inner.length === 0
      ? withoutInner()
      : apply(
          'dot',
          [fitted(left, [...batch, ...rows, ...inner]), fitted(right, [...batch, ...inner, ...columns])],
          {
            batchRank: batch.length,
            innerRank: inner.length,
          },
        );
  return { tensor: result, labels: [...batch, ...rows, ...columns] };
}

/**
 * `torch.einsum`: sums of products, written with a letter for each dimension. Letters missing behind the arrow are
 * summed over; without an arrow, those that occur once remain, in alphabetical order. '...' stands for the
 * dimensions without letters, which broadcast. Operands are contracted from left to right.
 *
 * @throws {ArgumentError} for an equation that cannot be read; {ShapeError} for sizes that differ.
 * @example
 * ```ts
 * import { einsum, interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await einsum('ij,kj->ik', x, x).toArray()); // => [[5, 11], [11, 25]]
 * console.log(await einsum('ii', x).item()); // => 5
 * ```
 */
export function einsum(equation: string, ...operands: readonly (Tensor | readonly Tensor[])[]): Tensor {
  const tensors = operands.flat() as Tensor[];
  for (const each of tensors) requireTensor('einsum', each);
  const { inputs, output } = parse(equation);
  if (tensors.length === 0 || inputs.length !== tensors.length) {
    throw new ArgumentError(
      `einsum: '${equation}' names ${inputs.length} operands, but ${tensors.length} were given`,
    );
  }
  const dtype = promote(...tensors);
  const labelled = inputs.map((subscripts, i) =>
    withoutRepeats({
      tensor: castTo(tensors[i], dtype),
      labels: labelsOf(subscripts, tensors[i].ndim, equation),
    }),
  );
  const sizes = sizesOf(labelled, equation);
  const wanted = outputLabels(inputs, output, sizes, equation);
  let result = labelled[0];
  for (let i = 1; i < labelled.length; i++) {
    const later = labelled.slice(i + 1).flatMap(({ labels }) => labels);
    result = contracted(result, labelled[i], new Set([...wanted, ...later]), sizes);
  }
  return arranged(reduced(result, new Set(wanted)), wanted);
}

function sizesOf(operands: readonly Labelled[], equation: string): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { tensor, labels } of operands) {
    labels.forEach((label, dim) => {
      const extent = tensor.shape[dim];
      const known = sizes.get(label) ?? 1;
      if (known !== 1 && extent !== 1 && known !== extent) {
        throw new ShapeError(
          `einsum: '${label}' in '${equation}' stands for sizes ${known} and ${extent} (operand of shape ${formatShape(tensor.shape)})`,
        );
      }
      sizes.set(label, known === 1 ? extent : known);
    });
  }
  return sizes;
}

function outputLabels(
  inputs: readonly string[],
  output: string | null,
  sizes: ReadonlyMap<string, number>,
  equation: string,
): string[] {
  const hidden = [...sizes.keys()]
    .filter((label) => /^\d+$/.test(label))
    .sort((a, b) => Number(b) - Number(a));
  if (output === null) {
    const letters = inputs.join('').replaceAll('.', '');
    const once = [...new Set(letters)].filter((letter) => letters.split(letter).length === 2);
    return [...hidden, ...once.sort()];
  }
  const [before, after] = output.split('...');
  const labels = [...before, ...(after === undefined ? [] : hidden), ...(after ?? '')];
  labels.forEach((label, i) => {
    if (!sizes.has(label))
      throw new ArgumentError(`einsum: '${label}' behind the arrow of '${equation}' is in no operand`);
    if (labels.indexOf(label) !== i)
      throw new ArgumentError(`einsum: '${label}' occurs twice behind the arrow of '${equation}'`);
  });
  return labels;
}
