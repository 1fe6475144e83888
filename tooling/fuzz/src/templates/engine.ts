// Derivatives, updates, reads, and what else tells the engine when to run.
import { isDisposable } from '../analysis.ts';
import { domainOf, inexact, magnitudeOf } from '../domain.ts';
import { call, type Growth, type Known, type Template, v } from '../growth.ts';

const tracked = (growth: Growth): Known | null =>
  growth.find(({ tensor, domain }) => tensor.requiresGrad && !domain.special && magnitudeOf(domain) < 1000);

const leaf = (growth: Growth): Known | null =>
  growth.find(({ tensor }) => tensor.requiresGrad && tensor.isLeaf && tensor.viewInfo === null);

/** Derivatives are compared by their size, and taken on as such. */
const gradientDomain = inexact(-64, 64);

const sumOfTracked: Template = (growth) => {
  const x = tracked(growth);
  return x === null ? null : call(x, 'sum', [], inexact(-1e4, 1e4));
};

const backward: Template = (growth) => {
  const loss = growth.find(({ tensor }) => tensor.requiresGrad && tensor.numel() === 1 && !tensor.isLeaf);
  if (loss === null) return null;
  const last = growth.random.chance(0.2);
  return call(loss, 'backward', last ? [] : [undefined, { retainGraph: true }], undefined);
};

/** With a gradient of the output's own shape. */
const backwardFrom: Template = (growth) => {
  const x = tracked(growth);
  if (x === null || x.tensor.isLeaf) return null;
  const gradient = growth.find(
    ({ tensor, domain }) =>
      tensor.dtype === x.tensor.dtype &&
      tensor.shape.join() === x.tensor.shape.join() &&
      !tensor.requiresGrad &&
      !domain.special,
  );
  return gradient === null ? null : call(x, 'backward', [v(gradient), { retainGraph: true }], undefined);
};

const takeGradient: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.grad !== null);
  return x === null ? null : { kind: 'gradient', on: x.variable, domain: gradientDomain };
};

const clearGradient: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.grad !== null);
  return x === null ? null : { kind: 'clear', on: x.variable };
};

const grad: Template = (growth) => {
  const x = tracked(growth);
  const input = leaf(growth);
  if (x === null || input === null || x.tensor.isLeaf || x.tensor.numel() !== 1) return null;
  const options = { allowUnused: true, retainGraph: true, createGraph: growth.random.chance(0.5) };
  return call(null, 'grad', [v(x), [v(input)], options], gradientDomain, { pick: 0 });
};

/** A step of gradient descent on the leaf. */
const update: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.grad !== null && tensor.isLeaf);
  if (x === null) return null;
  const gradient = growth.find(
    ({ tensor }) =>
      tensor === x.tensor.grad ||
      (tensor.shape.join() === x.tensor.shape.join() && tensor.dtype === x.tensor.dtype),
  );
  if (gradient === null) return null;
  return call(x, 'sub_', [v(gradient), { alpha: 0.125 }], inexact(-32, 32), { noGrad: true });
};

const step: Template = (growth) => {
  const leaves = growth.variables.filter(({ tensor }) => tensor.requiresGrad && tensor.isLeaf);
  const some = (leaves.length > 0 ? leaves : growth.variables).filter(() => growth.random.chance(0.6));
  return some.length === 0 ? null : { kind: 'step', variables: some.map(({ variable }) => variable) };
};

const track: Template = (growth) => {
  const x = growth.float(
    ({ tensor, domain }) => !tensor.requiresGrad && tensor.viewInfo === null && !domain.special,
  );
  return x === null ? null : call(x, 'requiresGrad_', [], undefined);
};

const detach: Template = (growth) => {
  const x = growth.find(({ tensor }) => tensor.requiresGrad);
  return x === null ? null : call(x, 'detach', [], undefined);
};

const read: Template = (growth) => {
  const x = growth.find(() => true);
  return x === null ? null : { kind: 'read', on: x.variable };
};

const realize: Template = (growth) => {
  const x = growth.find(() => true);
  return x === null ? null : call(x, 'realize', [], undefined);
};

const keep: Template = (growth) => {
  const x = growth.find(() => true);
  return x === null ? null : { kind: 'keep', on: x.variable };
};

/** What nobody needs is given back. */
const dispose: Template = (growth) => {
  const x = growth.find(({ variable }) => isDisposable(variable, growth.variables));
  return x === null ? null : call(x, 'dispose', [], undefined);
};

/** Dropout keeps a half, scaled by two: exact. */
const dropout: Template = (growth) => {
  const x = growth.float(({ domain }) => !domain.special);
  if (x === null) return null;
  const { low, high, bits } = x.domain;
  const domain = Number.isFinite(bits)
    ? domainOf(Math.min(0, 2 * low), Math.max(0, 2 * high), bits)
    : inexact(2 * Math.min(0, low), 2 * Math.max(0, high));
  return call(null, 'dropout', [v(x), { p: 0.5 }], domain);
};

export const engine: readonly (readonly [number, Template])[] = [
  [4, sumOfTracked],
  [6, backward],
  [1.5, backwardFrom],
  [4, takeGradient],
  [0.5, clearGradient],
  [3, grad],
  [3, update],
  [1.5, step],
  [0.5, track],
  [1, detach],
  [4, read],
  [1.5, realize],
  [1, keep],
  [1, dispose],
  [1, dropout],
];
