// Runs graphs on the interpreter, with fusion on and off, against the reference.
import {
  type AttributesOf,
  bytesPerElement,
  type DType,
  dataNode,
  hostArray,
  interpreter,
  type Kernel,
  makeNode,
  type Node,
  type OpName,
  type Program,
  type Shape,
  scalarNode,
  sizeOf,
} from '@nn/core';
import { expect } from 'vitest';
import { PlanCache, type Prepared, verifyProgram } from '../../src/index.ts';
import { reordered } from './order.ts';
import { reference } from './reference.ts';

const fused: PlanCache = new PlanCache({ fusion: true, bytesPerElement });
const unfused: PlanCache = new PlanCache({ fusion: false, bytesPerElement });

export function data(values: readonly number[], shape: Shape, dtype: DType = 'float32'): Node {
  const host = hostArray(dtype, sizeOf(shape));
  for (let i = 0; i < host.length; i++) host[i] = values[i % values.length];
  return dataNode(host, shape, dtype, 'interpreter') as unknown as Node;
}

/** Deterministic values in (-2, 2). */
export function random(shape: Shape, seed: number = 1): Node {
  const next = generator(seed);
  return data(
    Array.from({ length: sizeOf(shape) }, () => Math.fround(next() * 4 - 2)),
    shape,
  );
}

export function generator(seed: number): () => number {
  let state = seed * 2654435761 + 12345;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function node<N extends OpName>(op: N, inputs: readonly Node[], attributes?: AttributesOf<N>): Node {
  return makeNode(op, inputs, attributes ?? ({} as AttributesOf<N>)) as unknown as Node;
}

export const scalar = (value: number, dtype: DType = 'float32'): Node =>
  scalarNode(value, dtype) as unknown as Node;

export const add = (a: Node, b: Node): Node => node('add', [a, b]);
export const mul = (a: Node, b: Node): Node => node('mul', [a, b]);
export const exp = (a: Node): Node => node('exp', [a]);
export const sum = (a: Node, dims: readonly number[], keepDims: boolean = false): Node =>
  node('sum', [a], { dims, keepDims });
export const reshape = (a: Node, shape: Shape): Node => node('reshape', [a], { shape });
export const permute = (a: Node, order: readonly number[]): Node => node('permute', [a], { order });
export const expand = (a: Node, shape: Shape): Node => node('expand', [a], { shape });
export const dot = (a: Node, b: Node, batchRank: number = 0, innerRank: number = 1): Node =>
  node('dot', [a, b], { batchRank, innerRank });

export function execute(prepared: Prepared): number[][] {
  const backend = interpreter();
  const { program } = prepared;
  verifyProgram(program, bytesPerElement);
  const inputs = prepared.inputs.map((input) => {
    const buffer = backend.allocate(input.dtype, sizeOf(input.shape));
    if (input.state?.host !== undefined) backend.write(buffer, input.state.host);
    return buffer;
  });
  const outputs = prepared.outputs.map((output) => backend.allocate(output.dtype, sizeOf(output.shape)));
  backend.run(backend.compile(program), inputs, outputs, prepared.params);
  return outputs.map((buffer) => Array.from(backend.readSync(buffer), Number));
}

/** Checks both ways of compiling, and groups in another order, against the reference; returns the fused program. */
export function check(...roots: Node[]): Program {
  const expected = roots.map((root) => reference(root));
  let program: Program | undefined;
  for (const cache of [unfused, fused]) {
    const prepared = cache.prepare(roots);
    // Not toEqual: it would walk the graphs as trees.
    expect(prepared.outputs.every((output, i) => output === roots[i])).toBe(true);
    const actual = execute(prepared);
    for (let i = 0; i < actual.length; i++) expectClose(actual[i], expected[i], cache === fused);
    program = prepared.program;
    if (program.kernels.every(({ kind }) => kind !== 'rows' && kind !== 'parallel')) continue;
    const again = execute({ ...prepared, program: reordered(program) });
    for (let i = 0; i < again.length; i++) expectClose(again[i], expected[i], true);
  }
  return program as Program;
}

function expectClose(actual: readonly number[], expected: readonly number[], isFused: boolean): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) {
    // float32 intermediates against float64 ones, sums in other orders.
    const error = Math.abs(actual[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
    if (
      !(error < 1e-4) &&
      !(Number.isNaN(actual[i]) && Number.isNaN(expected[i])) &&
      actual[i] !== expected[i]
    )
      expect.fail(`element ${i} is ${actual[i]}, not ${expected[i]} (fusion ${isFused ? 'on' : 'off'})`);
  }
}

/** Kernels of the fused program, after checking its values. */
export function kernels(...roots: Node[]): string[] {
  return check(...roots).kernels.map(({ name }) => name);
}

/** The same, with the loops of groups apart. */
export function loops(...roots: Node[]): string[] {
  return check(...roots)
    .kernels.flatMap((kernel): readonly Kernel[] => {
      if (kernel.kind === 'rows') return kernel.steps;
      return kernel.kind === 'parallel' ? kernel.parts : [kernel];
    })
    .map(({ name }) => name);
}
