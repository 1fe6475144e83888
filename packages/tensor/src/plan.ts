// From a trace to the programs that compute what remains of a call.
import type { Node } from '@nn/core';
import { isFused } from './fusion.ts';
import type { Keeping } from './holdings.ts';
import { runtimeOf } from './runtimes.ts';
import type { Plan, PlanPart, Trace } from './trace.ts';

/** Plans kept for one course, at most: they differ in what remains. */
const mostPlans = 4;

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether the plan computes just this, as things are now. */
export function isPlanFor(
  plan: Plan,
  trace: Trace,
  wanted: readonly Node[],
  formers: readonly number[],
  gradients: number,
): boolean {
  return (
    plan.gradients === gradients &&
    plan.extras === trace.extras.size &&
    sameList(plan.wanted, wanted) &&
    sameList(plan.formers, formers) &&
    plan.fusion === isFused() &&
    plan.parts.every(({ runtime }) => runtimeOf(runtime.backend.name) === runtime)
  );
}

/**
 * @param wanted values of the storages that were written, then those of `gradients` gradients, then of results.
 * @param formers for each storage written, the number of the placeholder of its former value, or -1.
 */
export function buildPlan(
  trace: Trace,
  wanted: readonly Node[],
  formers: readonly number[],
  gradients: number,
): Plan {
  const keepings = new Map<Node, Keeping>();
  const want = (nodes: Iterable<Node>, keeping: Keeping): void => {
    for (const node of nodes) if (!keepings.has(node)) keepings.set(node, keeping);
  };
  const written = wanted.slice(0, formers.length);
  want(written, 'value');
  for (const [node, keeping] of trace.extras) want([node], keeping);
  want(wanted.slice(formers.length + gradients), 'output');
  const recycled = new Set(wanted.slice(formers.length).filter((node) => !keepings.has(node)));
  want(recycled, 'value');
  const roots = [...keepings.keys()];
  const positions = new Map(roots.map((root, i) => [root, i]));

  // A value takes the place of the former one, where only one storage wants it.
  const updates = new Map<Node, Node>();
  written.forEach((root, i) => {
    const alone = written.indexOf(root) === written.lastIndexOf(root);
    if (formers[i] >= 0 && alone) updates.set(root, trace.placeholders[formers[i]]);
  });

  const devices = new Map<string, Node[]>();
  for (const root of roots) {
    const list = devices.get(root.device);
    if (list === undefined) devices.set(root.device, [root]);
    else list.push(root);
  }
  const parts = Array.from(devices, ([device, list]) =>
    buildPart({ trace, device, roots: list, updates, positions, keepings, recycled }),
  );
  const plan: Plan = {
    wanted,
    formers,
    gradients,
    extras: trace.extras.size,
    fusion: isFused(),
    roots,
    shared: roots.map((root) => wanted.indexOf(root) !== wanted.lastIndexOf(root)),
    positions,
    parts,
  };
  if (trace.plans.unshift(plan) > mostPlans) trace.plans.pop();
  return plan;
}

interface PartOptions {
  readonly trace: Trace;
  readonly device: string;
  readonly roots: readonly Node[];
  readonly updates: ReadonlyMap<Node, Node>;
  readonly positions: ReadonlyMap<Node, number>;
  readonly keepings: ReadonlyMap<Node, Keeping>;
  readonly recycled: ReadonlySet<Node>;
}

function buildPart({ trace, device, roots, updates, positions, keepings, recycled }: PartOptions): PlanPart {
  const slots = new Map(trace.placeholders.map((placeholder, slot) => [placeholder, slot]));
  // The program's params are told apart by the values that they have meanwhile.
  let scalars = 0;
  for (const { op, node } of trace.entries) if (op === 'scalar') node.state!.value = scalars++;
  for (const [placeholder, slot] of slots)
    if (placeholder.op === 'scalar') placeholder.state!.value = -1 - slot;
  const runtime = runtimeOf(device);
  const prepared = runtime.prepare(roots, new Map([...updates].filter(([root]) => root.device === device)));
  const results = [...prepared.outputs, ...prepared.updated.map(({ root }) => root)];
  return {
    runtime,
    prepared,
    inputs: prepared.inputs.map((node) => slots.get(node)!),
    params: prepared.params.map(Number),
    roots: results.map((root) => positions.get(root)!),
    keepings: results.map((root) => keepings.get(root)!),
    recycles: results.map((root) => recycled.has(root)),
    results: [],
  };
}
