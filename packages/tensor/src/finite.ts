// Looks for values that are no finite numbers before each flush, and for the op that made the first one.
import {
  AnomalyError,
  backendOf,
  type DeviceBuffer,
  type HostArray,
  isFloat,
  makeNode,
  type Node,
  type OpName,
  scalarNode,
} from '@nn/core';
import { callSiteOf, formatCallSite } from './call-site.ts';
import { inOrder } from './failing-op.ts';
import { type Observer, observe } from './observer.ts';
import { runtimeOf } from './runtimes.ts';

/** Whether a value has NaN, or an infinity. */
interface Flags {
  readonly nan: boolean;
  readonly infinite: boolean;
}

/**
 * Throws at each flush that gives NaN or an infinity, naming the op that made it from finite numbers, until the guard's
 * end. On a device that computes behind the calls the error comes with the next value that is read.
 */
export function checkForwardValues(): Disposable {
  return observe(new ForwardCheck());
}

class ForwardCheck implements Observer {
  readonly recordsAll = true;
  readonly #pending: Promise<void>[] = [];

  computing(nodes: readonly Node[], device: string): void {
    const roots = nodes.filter(({ dtype }) => isFloat(dtype));
    if (roots.length === 0) return;
    if (!backendOf(device).capabilities.synchronousRead) {
      this.#pending.push(checkLater(nodes, roots, device));
      // Thrown by `settled`; until then it must not count as nobody's.
      this.#pending.at(-1)!.catch(() => {});
      return;
    }
    const bad = flagsOf(roots, device);
    if ([...bad.values()].every(({ nan, infinite }) => !nan && !infinite)) return;
    throwForFirst(roots, flagsOf(withInputs(nodes), device), inputsOf(nodes));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
  }
}

async function checkLater(nodes: readonly Node[], roots: readonly Node[], device: string): Promise<void> {
  // The graph is cut when the values are kept.
  const graph = inputsOf(nodes);
  const examined = withInputs(nodes);
  const buffers = flagBuffers(examined, device);
  const { backend } = runtimeOf(device);
  const flags = flagMap(examined, await Promise.all(buffers.map((buffer) => backend.read(buffer))));
  for (const buffer of buffers) backend.free(buffer);
  throwForFirst(roots, flags, graph);
}

/** All float nodes that are computed, and those that they are computed from. */
function withInputs(roots: readonly Node[]): Node[] {
  const found = new Set<Node>();
  for (const node of inOrder(roots)) {
    for (const each of [...node.inputs, node])
      if (isFloat(each.dtype) && each.state?.value === undefined && each.state?.lost === undefined)
        found.add(each);
  }
  return [...found];
}

function flagsOf(nodes: readonly Node[], device: string): Map<Node, Flags> {
  const buffers = flagBuffers(nodes, device);
  const { backend } = runtimeOf(device);
  const values = buffers.map((buffer) => backend.readSync(buffer));
  for (const buffer of buffers) backend.free(buffer);
  return flagMap(nodes, values);
}

function flagMap(nodes: readonly Node[], values: readonly HostArray[]): Map<Node, Flags> {
  return new Map(
    nodes.map((node, i) => [node, { nan: values[2 * i][0] !== 0, infinite: values[2 * i + 1][0] !== 0 }]),
  );
}

/** Two bools for each node. */
function flagBuffers(nodes: readonly Node[], device: string): DeviceBuffer[] {
  const flags = nodes.flatMap((node) => {
    const infinity = scalarNode(Number.POSITIVE_INFINITY, node.dtype);
    const magnitude = aside('abs', [node], {}, device);
    return [
      aside('isnan', [node], {}, device),
      aside('eq', [magnitude, infinity as unknown as Node], {}, device),
    ];
  });
  const any = flags.map((flag) => {
    const dims = flag.shape.map((_, dim) => dim);
    return dims.length === 0 ? flag : aside('max', [flag], { dims, keepDims: false }, device);
  });
  return runtimeOf(device).computeApart(any);
}

/** A node that its inputs do not count among those that take them. */
function aside(op: OpName, inputs: readonly Node[], attributes: object, device: string): Node {
  const node = makeNode(op, inputs, attributes as never, device);
  for (const input of inputs) input.consumers--;
  return node as unknown as Node;
}

/** The nodes that are computed, with what they are computed from. */
type Inputs = ReadonlyMap<Node, readonly Node[]>;

function inputsOf(roots: readonly Node[]): Inputs {
  return new Map(inOrder(roots).map((node) => [node, node.inputs]));
}

/** Follows NaN, else infinity, from a result up to where it came from. */
function throwForFirst(roots: readonly Node[], flags: ReadonlyMap<Node, Flags>, graph: Inputs): void {
  const follow = (start: Node, what: keyof Flags): Node => {
    let node = start;
    for (;;) {
      const from = graph.get(node)?.find((input) => flags.get(input)?.[what]);
      if (from === undefined) return node;
      node = from;
    }
  };
  const tell = (node: Node, what: keyof Flags): string => {
    const word = what === 'nan' ? 'NaN' : 'an infinity';
    const shape = `shape [${node.shape.join(', ')}]`;
    const place = formatCallSite(callSiteOf(node));
    return graph.has(node)
      ? `'${node.op}' gave ${word}, in a result of ${shape}. It was called at\n${place}`
      : `a tensor of ${shape} held ${word} before. It was made at\n${place}`;
  };
  const what = roots.some((root) => flags.get(root)?.nan) ? 'nan' : 'infinite';
  const bad = roots.find((root) => flags.get(root)?.[what]);
  if (bad === undefined) return;
  const origin = follow(bad, what);
  const infinite =
    what === 'nan' ? graph.get(origin)?.find((input) => flags.get(input)?.infinite) : undefined;
  const cause =
    infinite === undefined
      ? ''
      : `\nAn input of it was infinite: ${tell(follow(infinite, 'infinite'), 'infinite')}`;
  throw new AnomalyError(`anomaly mode: ${tell(origin, what)}${cause}`);
}
