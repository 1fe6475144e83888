// Which op of a graph a device cannot compile: each is tried alone.
import { PlanCache } from '@nn/compiler';
import { type Backend, type DType, definitionOf, isHeld, Node, nodeState, type Shape } from '@nn/core';

/** The first op, inputs before outputs, for which compiling fails as it did for all together. */
export function findFailingOp(roots: readonly Node[], backend: Backend, error: unknown): Node | undefined {
  return inOrder(roots).find(
    (node) => definitionOf(node.op).kind !== 'leaf' && failsAlone(node, backend, error),
  );
}

function failsAlone(node: Node, backend: Backend, expected: unknown): boolean {
  const cache = new PlanCache({ fusion: false, bytesPerElement: (dtype) => backend.bytesPerElement(dtype) });
  const inputs = node.inputs.map((input) =>
    input.state?.value !== undefined ? input : standIn(input.shape, input.dtype, node.device),
  );
  const alone = new Node(node.op, inputs, node.attributes, node, node.device, null);
  try {
    backend.release(backend.compile(cache.prepare([alone]).program));
    return false;
  } catch (error) {
    return (error as object).constructor === (expected as object).constructor;
  }
}

/** A value that is given; nobody reads it. */
function standIn(shape: Shape, dtype: DType, device: string): Node {
  const meta = { shape, dtype };
  return new Node('data', [], meta, meta, device, nodeState({ host: new Uint8Array(0) }));
}

/** All nodes that must be computed, inputs before outputs. */
export function inOrder(roots: readonly Node[]): Node[] {
  const done = new Set<Node>();
  const stack = [...roots].reverse();
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    const waiting = done.has(node) || isHeld(node) ? [] : node.inputs.filter((input) => !done.has(input));
    if (waiting.length > 0) {
      stack.push(...waiting.reverse());
      continue;
    }
    stack.pop();
    done.add(node);
  }
  return [...done].filter((node) => !isHeld(node));
}
