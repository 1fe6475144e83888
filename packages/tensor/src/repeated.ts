// What an earlier flush computed without keeping, and a later one would compute again.
import { isHeld, type Node, StaleValueError } from '@nn/core';

const none: ReadonlySet<Node> = new Set();

/**
 * All nodes that computing the roots visits, and those among them that were computed before for somebody else: somebody
 * holds them. Changes nothing but positions.
 *
 * @param roots distinct ones.
 * @throws {StaleValueError} for values that are gone.
 */
export function findRepeated(roots: readonly Node[]): {
  readonly visited: readonly Node[];
  readonly repeated: ReadonlySet<Node>;
} {
  const visited = roots.slice();
  // A position counts if the list has the node there.
  const isVisited = (node: Node): boolean => visited[node.position] === node;
  for (let i = 0; i < roots.length; i++) roots[i].position = i;
  /** By new nodes that are the first to use them on the walk, and by any. */
  let found: Set<Node> | null = null;
  let used: Set<Node> | null = null;
  /** Old nodes not worth keeping that new ones use: what these look at is used by new ones. */
  let passed: Set<Node> | null = null;
  let old = 0;
  const stack = roots.slice();
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (node.runs > 0) old++;
    const { inputs } = node;
    const isNew = node.runs === 0 || passed?.has(node) === true;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i];
      if (isHeld(input)) continue;
      const isOld = isNew && input.runs > 0;
      const isRepeated = isOld && isWorthKeeping(input);
      if (isRepeated) used = (used ?? new Set()).add(input);
      if (isVisited(input)) continue;
      if (isRepeated) found = (found ?? new Set()).add(input);
      else if (isOld) passed = (passed ?? new Set()).add(input);
      if (input.state?.lost !== undefined) throw new StaleValueError(input.state.lost);
      input.position = visited.push(input) - 1;
      stack.push(input);
    }
    if (node.state !== null && node.state.lost !== undefined && !isHeld(node))
      throw new StaleValueError(node.state.lost);
  }
  return { visited, repeated: (old > littleWork ? used : found) ?? none };
}

/** So many operations are rather computed again than all kept that lead out of them. */
const littleWork = 64;

const cheap: ReadonlySet<string> = new Set([
  'reshape',
  'permute',
  'expand',
  'slice',
  'pad',
  'window',
  'iota',
  'scalar',
  'cast',
]);

function isWorthKeeping(node: Node): boolean {
  return !cheap.has(node.op);
}
