// What reading tensors would run.
import { type Explanation, explain as explainNodes } from '@nn/compiler';
import { ArgumentError, backendOf, checkOptions, type Node } from '@nn/core';
import { activeCall } from './active.ts';
import { requireTensor } from './dispatch.ts';
import { isFused } from './fusion.ts';
import { findRepeated } from './repeated.ts';
import type { Tensor } from './tensor.ts';

export type { ExplainedBuffer, ExplainedKernel, Explanation } from '@nn/compiler';

export interface ExplainOptions {
  /** What to call tensors: `model.namedParameters()`, or `[['images', x]]`. */
  readonly names?: Iterable<readonly [name: string, tensor: Tensor]>;
}

/**
 * The plan that reading a tensor would run, or computing several together: kernels with the ops that are fused in each,
 * buffers with their bytes and lifetimes, and what stopped fusion. Print it, or take its fields. Nothing is run, kept or
 * remembered.
 *
 * @throws {ArgumentError} for tensors of different devices.
 * @throws {StaleValueError} for a tensor that could not be read.
 * @example
 * ```ts
 * import { explain, interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const [x, w] = [ones([8, 4]).realize(), ones([4, 2]).realize()];
 * const plan = explain(x.exp().matmul(w), { names: [['w', w]] });
 * console.log(plan.kernels.map(({ name, reads }) => [name, ...reads])); // => [["exp", "in0"], ["dot", "t0", "w"]]
 * console.log(plan.buffers.find(({ name }) => name === 't0')!.reason); // => operand
 * console.log(String(plan).includes("it is a product's operand")); // => true
 * ```
 */
export function explain(tensors: Tensor | readonly Tensor[], options: ExplainOptions = {}): Explanation {
  checkOptions('explain', options, ['names']);
  const list = (Array.isArray(tensors) ? tensors : [tensors]).map((each) => requireTensor('explain', each));
  const nodes = list.map(({ node }) => node);
  const devices = new Set(nodes.map(({ device }) => device).filter((device) => device !== ''));
  if (devices.size > 1) {
    throw new ArgumentError(
      `explain: the tensors are on different devices (${[...devices].join(', ')}). Explain those of one at a time`,
    );
  }
  const names = new Map<Node, string>();
  for (const [name, each] of options.names ?? []) names.set(requireTensor('explain', each).node, name);
  const [device] = devices;
  const backend = device === undefined ? undefined : backendOf(device);
  try {
    return explainNodes([...nodes, ...findRepeated(nodes).repeated], {
      fusion: isFused(),
      bytesPerElement: (dtype) => backend?.bytesPerElement(dtype) ?? 0,
      buffersPerKernel: backend?.capabilities.buffersPerKernel,
      nameOf: (node) => names.get(node),
    });
  } finally {
    activeCall?.renumber();
  }
}
