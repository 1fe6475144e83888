// What an earlier flush computed without keeping, and a later one would compute again.
import { isHeld, type Node, StaleValueError } from '@nn/core';

/**
 * All nodes that computing the roots visits, and those among them that were computed before for somebody else: somebody
 * holds them. Changes nothing.
 *
 * @throws {StaleValueError} for values that are gone.
 */
export function findRepeated(roots: Iterable<Node>): {
  readonly visited: Set<Node>;
  readonly repeated: ReadonlySet<Node>;
} {
  const visited = new Set<Node>(roots);
  /** By new nodes that are the first to use them on the walk, and by any. */
  const found = new Set<Node>();
  const used = new Set<Node>();
  let old = 0;
  const stack = [...visited];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (node.runs > 0) old++;
    for (const input of node.inputs) {
      if (isHeld(input)) continue;
      const isRepeated = input.runs > 0 && node.runs === 0 && isWorthKeeping(input);
      if (isRepeated) used.add(input);
      if (visited.has(input)) continue;
      if (isRepeated) found.add(input);
      if (input.state?.lost !== undefined) throw new StaleValueError(input.state.lost);
      visited.add(input);
      stack.push(input);
    }
    if (!isHeld(node) && node.state?.lost !== undefined) throw new StaleValueError(node.state.lost);
  }
  return { visited, repeated: old > littleWork ? used : found };
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
