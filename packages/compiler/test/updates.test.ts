// Updates in place: what is written over, what must not be, and that values are those of a run without.
import { bytesPerElement, interpreter, type Node, type Program, sameShape, sizeOf } from '@nn/core';
import { describe, expect, test } from 'vitest';
import { PlanCache, verifyProgram } from '../src/index.ts';
import { randomGraph } from './support/graphs.ts';
import {
  add,
  data,
  dot,
  exp,
  generator,
  mul,
  node,
  permute,
  random,
  reshape,
  scalar,
  sum,
} from './support/run.ts';

interface Run {
  readonly program: Program;
  /** Values by root. */
  readonly values: Map<Node, number[]>;
  /** Roots written over inputs. */
  readonly updated: readonly Node[];
}

function run(cache: PlanCache, roots: readonly Node[], updates?: ReadonlyMap<Node, Node>): Run {
  const prepared = cache.prepare(roots, updates);
  const { program } = prepared;
  verifyProgram(program, bytesPerElement);
  const backend = interpreter();
  const inputs = prepared.inputs.map((input) => {
    const buffer = backend.allocate(input.dtype, sizeOf(input.shape));
    if (input.state?.host !== undefined) backend.write(buffer, input.state.host);
    return buffer;
  });
  const outputs = prepared.outputs.map(({ dtype, shape }) => backend.allocate(dtype, sizeOf(shape)));
  backend.run(backend.compile(program), inputs, outputs, prepared.params);
  const values = new Map<Node, number[]>();
  prepared.outputs.forEach((root, i) => {
    values.set(root, Array.from(backend.readSync(outputs[i]), Number));
  });
  for (const { root, input } of prepared.updated)
    values.set(root, Array.from(backend.readSync(inputs[input]), Number));
  const overwritten = program.buffers.filter(({ role }) => role === 'updated').length;
  expect(overwritten).toBe(prepared.updated.length);
  // Inputs that are no updates keep their values.
  prepared.inputs.forEach((input, i) => {
    if (prepared.updated.some((each) => each.input === i) || input.state?.host === undefined) return;
    expect(Array.from(backend.readSync(inputs[i]), Number)).toEqual(Array.from(input.state.host, Number));
  });
  return { program, values, updated: prepared.updated.map(({ root }) => root) };
}

/** Runs with updates and without, fused and not; both must give the same. Returns the fused run with updates. */
function check(roots: readonly Node[], updates: ReadonlyMap<Node, Node>): Run {
  let result: Run | undefined;
  for (const fusion of [false, true]) {
    const cache = new PlanCache({ fusion, bytesPerElement });
    const expected = run(cache, roots);
    result = run(cache, roots, updates);
    for (const root of roots) expect(result.values.get(root)).toEqual(expected.values.get(root));
  }
  return result as Run;
}

describe('updates in place', () => {
  test('an optimizer writes over parameter and state', () => {
    const [p, g, m] = [1, 2, 3].map((seed) => random([4, 6], seed));
    const nextM = add(mul(m, scalar(0.9)), g);
    const nextP = node('sub', [p, mul(nextM, scalar(0.1))]);
    const { updated, program } = check(
      [nextP, nextM],
      new Map([
        [nextP, p],
        [nextM, m],
      ]),
    );
    expect(updated).toEqual([nextP, nextM]);
    expect(program.kernels).toHaveLength(1);
    expect(program.buffers.map(({ role }) => role)).toEqual(['updated', 'updated', 'input']);
  });

  test('a weight is read by the input gradient although its update was recorded first', () => {
    const [x, w, dy] = [random([5, 4], 1), random([4, 6], 2), random([5, 6], 3)];
    const next = node('sub', [w, mul(dot(permute(x, [1, 0]), dy), scalar(0.1))]);
    const dx = dot(dy, permute(w, [1, 0]));
    const { updated, program } = check([next, dx], new Map([[next, w]]));
    expect(updated).toEqual([next]);
    expect(program.kernels).toHaveLength(2);
    check([dx, next], new Map([[next, w]]));
  });

  test('whoever needs the result and the former value keeps them apart', () => {
    const w = random([4, 4]);
    const next = exp(w);
    // The product reads both.
    expect(check([next, dot(next, w)], new Map([[next, w]])).updated).toEqual([]);
    const total = sum(w, [0, 1]);
    const scaled = mul(w, total);
    expect(check([scaled, total], new Map([[scaled, w]])).updated).toEqual([scaled]);
  });

  test('shifted, transposed, gathered and reduced reads are not in place', () => {
    const x = random([4, 4]);
    const shifted = node('slice', [x], { starts: [3, 0], steps: [-1, 1], shape: [4, 4] });
    for (const root of [exp(shifted), exp(permute(x, [1, 0])), add(x, permute(x, [1, 0])), dot(x, x)])
      expect(check([root], new Map([[root, x]])).updated).toEqual([]);
    const flat = random([8], 2);
    const taken = node('take', [flat, data([3, 3, 1, 0, 7, 6, 5, 4], [8], 'int32')]);
    expect(check([taken], new Map([[taken, flat]])).updated).toEqual([]);
    const softmax = node('softmax', [x], { dim: 1 });
    check([softmax], new Map([[softmax, x]]));
  });

  test('views of an input count as the input', () => {
    const x = random([2, 6]);
    const root = add(exp(reshape(x, [3, 4])), reshape(x, [3, 4]));
    expect(check([root], new Map([[root, x]])).updated).toEqual([root]);
    const moved = add(exp(reshape(x, [12])), reshape(permute(x, [1, 0]), [12]));
    expect(check([moved], new Map([[moved, x]])).updated).toEqual([]);
    const same = reshape(x, [12]);
    const run = check([same, exp(x)], new Map([[same, x]]));
    expect(run.updated).toEqual([same]);
    expect(run.program.kernels).toHaveLength(1);
  });

  test('writing a slice touches no more than the slice', () => {
    const x = random([100, 8]);
    const write = (base: Node, value: Node, offset: number): Node =>
      node('assign', [base, value], { strides: [8, 1], offset });
    const root = write(write(x, random([2, 8], 2), 0), exp(random([1, 8], 3)), 80);
    const { updated, program } = check([root], new Map([[root, x]]));
    expect(updated).toEqual([root]);
    expect(program.kernels.map(({ name }) => name)).not.toContain('assign.base');
    expect(program.kernels.map(({ kind }) => kind)).not.toContain('copy');
    const scaled = write(
      x,
      mul(node('slice', [x], { starts: [2, 0], steps: [1, 1], shape: [3, 8] }), scalar(2)),
      16,
    );
    expect(check([scaled], new Map([[scaled, x]])).program.kernels).toHaveLength(1);
    const rolled = write(
      x,
      mul(node('slice', [x], { starts: [3, 0], steps: [1, 1], shape: [3, 8] }), scalar(2)),
      16,
    );
    expect(check([rolled], new Map([[rolled, x]])).program.kernels.length).toBeGreaterThan(1);
    const scattered = node('scatter', [reshape(x, [800]), data([3, 9], [2], 'int32'), random([2], 4)], {
      mode: 'sum',
    });
    expect(check([scattered], new Map([[scattered, x]])).program.kernels.map(({ kind }) => kind)).toEqual([
      'scatter',
    ]);
    // Who wants the former value gets it before.
    const late = mul(x, scalar(3));
    expect(check([root, late], new Map([[root, x]])).updated).toEqual([root]);
  });

  test('an input is given away once, and not to a cycle', () => {
    const [x, y] = [random([6], 1), random([6], 2)];
    const [a, b] = [exp(x), mul(x, x)];
    expect(
      check(
        [a, b],
        new Map([
          [a, x],
          [b, x],
        ]),
      ).updated,
    ).toHaveLength(1);
    // Each would have to wait for the other.
    const [c, d] = [sum(mul(x, random([3, 6], 5)), [0]), sum(mul(y, random([3, 6], 6)), [0])];
    expect(
      check(
        [c, d],
        new Map([
          [c, y],
          [d, x],
        ]),
      ).updated,
    ).toHaveLength(1);
    const [e, f] = [exp(x), exp(y)];
    check(
      [e, f],
      new Map([
        [e, y],
        [f, x],
      ]),
    );
  });

  test('refuses what does not fit: other sizes, dtypes, numbers, strangers, what is kept and shared memory', () => {
    const x = random([6]);
    const root = exp(x);
    const cast = node('cast', [x], { dtype: 'int32' });
    const cache = new PlanCache({ fusion: true, bytesPerElement });
    const none = (roots: Node[], updates: Map<Node, Node>): void =>
      expect(cache.prepare(roots, updates).updated).toEqual([]);
    none([root], new Map([[root, random([6], 9)]]));
    none([sum(x, [0])], new Map([[sum(x, [0]), x]]));
    none([cast], new Map([[cast, x]]));
    none([root, x], new Map([[root, x]]));
    const grown = add(scalar(1), scalar(2));
    none([grown], new Map([[grown, grown.inputs[0]]]));
    const twin = random([6]);
    twin.state = x.state;
    none([add(root, twin)], new Map([[root, x]]));
    const both = add(exp(x), twin);
    none([both], new Map([[both, x]]));
    expect(cache.prepare([both], new Map([[both, twin]])).updated).toEqual([]);
  });

  test('updates are part of the structure', () => {
    const cache = new PlanCache({ fusion: true, bytesPerElement });
    const graph = (): { root: Node; x: Node; y: Node } => {
      const [x, y] = [random([6], 1), random([6], 2)];
      return { root: add(x, y), x, y };
    };
    const [a, b, c, d] = [graph(), graph(), graph(), graph()];
    expect(cache.prepare([a.root]).updated).toHaveLength(0);
    expect(cache.prepare([b.root], new Map([[b.root, b.x]])).updated).toEqual([{ root: b.root, input: 0 }]);
    expect(cache.prepare([c.root], new Map([[c.root, c.y]])).updated).toEqual([{ root: c.root, input: 1 }]);
    const again = cache.prepare([d.root], new Map([[d.root, d.y]]));
    expect([again.cached, again.outputs, again.updated]).toEqual([true, [], [{ root: d.root, input: 1 }]]);
    expect(cache.size).toBe(3);
  });
});

describe('random graphs', () => {
  for (let block = 0; block < 6; block++) {
    test(`seeds from ${block * 40}`, () => {
      let done = 0;
      for (let seed = block * 40; seed < block * 40 + 40; seed++) {
        const next = generator(seed + 1);
        const roots = withUpdates(randomGraph(seed, seed % 2 === 0 ? 1 : 32));
        const leaves = inputsOf(roots);
        const updates = new Map<Node, Node>();
        for (const root of roots) {
          const fitting = leaves.filter(
            ({ dtype, shape }) => dtype === root.dtype && sizeOf(shape) === sizeOf(root.shape),
          );
          if (fitting.length > 0 && root.inputs.length > 0)
            updates.set(root, fitting[Math.floor(next() * fitting.length)]);
        }
        done += check(roots, updates).updated.length;
      }
      expect(done).toBeGreaterThan(0);
    });
  }
});

function inputsOf(roots: readonly Node[]): Node[] {
  const seen = new Set<Node>(roots);
  for (const each of seen) for (const input of each.inputs) seen.add(input);
  return [...seen].filter(({ op }) => op === 'data');
}

/** The roots, and results that look like updates of the inputs. */
function withUpdates(roots: readonly Node[]): Node[] {
  const leaves = inputsOf(roots);
  const updates = roots.flatMap((root) =>
    leaves
      .filter(({ shape, dtype }) => sameShape(shape, root.shape) && dtype === root.dtype)
      .map((leaf) => add(mul(leaf, scalar(0.5)), root)),
  );
  return [...roots, ...updates].filter(({ op }) => op !== 'data' && op !== 'scalar');
}
