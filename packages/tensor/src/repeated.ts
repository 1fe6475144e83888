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
  readonly repeated: Node[];
} {
  const visited = new Set<Node>(roots);
  const repeated: Node[] = [];
  const stack = [...visited];
  while (stack.length > 0) {
    const node = stack.pop()!;
    for (const input of node.inputs) {
      if (visited.has(input) || isHeld(input)) continue;
      if (input.state?.lost !== undefined) throw new StaleValueError(input.state.lost);
      visited.add(input);
      if (input.runs > 0 && node.runs === 0 && isWorthKeeping(input)) repeated.push(input);
      stack.push(input);
    }
    if (!isHeld(node) && node.state?.lost !== undefined) throw new StaleValueError(node.state.lost);
  }
  return { visited, repeated };
}

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
