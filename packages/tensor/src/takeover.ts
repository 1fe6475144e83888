// Values in the memory of former ones, which are lost by that.
import { Node, type NodeState, nodeState } from '@nn/core';
import { staleMessage } from './residence.ts';

/** Whether nobody but one storage is known to need the value. */
export function isUnshared(node: Node): boolean {
  return !node.shared && node.consumers === 0;
}

export interface Detached {
  readonly root: Node;
  readonly state: NodeState;
  readonly lease: object | null;
}

/** Takes the memory of a value that is lost by that, for the value of `root`. */
export function detachMemory(former: Node, root: Node, lost: string = staleMessage): Detached {
  const { lease } = former;
  const state = former.state!;
  state.host = undefined;
  former.state = nodeState({ lost });
  former.lease = null;
  return { root, state, lease };
}

/** A new value in the memory of a former one. */
export function takeOver(former: Node, root: Node, lost: string): Node {
  const { state, lease } = detachMemory(former, root, lost);
  const result = valueNode(root, state);
  result.lease = lease;
  return result;
}

/** A node that is nothing but a held value, of the kind of another node. */
export function valueNode({ shape, dtype, device }: Node, state: NodeState): Node {
  const meta = { shape, dtype };
  return new Node('data', [], meta, meta, device, state);
}
