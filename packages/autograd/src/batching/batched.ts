// Tensors that stand for one example of a batch while a function runs under vmap, and what is done with them.
import { AutogradError, type DType, Node, nodeState, type OpName, ops, type Shape } from '@nn/core';
import {
  apply,
  applyView,
  belowTransform,
  type OpTransform,
  recordGradient,
  Storage,
  type Tensor,
  type View,
  type ViewGeometry,
  withTransform,
  writeInPlace,
} from '@nn/tensor';
import { enableGrad } from '../modes.ts';
import { Batched } from './kind.ts';
import { type BatchInput, batchRuleOf, spread } from './rules.ts';

/** What random functions do under vmap: refuse, draw the same numbers for each example, or different ones. */
export type Randomness = 'error' | 'same' | 'different';

const noValue =
  'vmap: inside of the function this tensor stands for every example at once, so that it has no value to read. ' +
  'Compute with tensors (where instead of if), and read what vmap returns';

/** Stands for a value that only the physical tensor has. */
function standIn(shape: Shape, dtype: DType, device: string): Node {
  const meta = { shape, dtype };
  return new Node('data', [], meta, meta, device, nodeState({ lost: noValue }));
}

class BatchedTensor extends Batched {
  readonly level: BatchLevel;
  /** Null for a view that is to be looked up. */
  #physical: Tensor | null;
  /** For views: the storage version at which the physical tensor was looked up. */
  #version = 0;
  #node: Node | null = null;
  #tracked = true;

  constructor(
    level: BatchLevel,
    storage: Storage,
    shape: Shape,
    viewInfo: View | null,
    physical: Tensor | null,
  ) {
    super(storage, shape, viewInfo);
    this.level = level;
    this.#physical = physical;
  }

  get physical(): Tensor {
    const { viewInfo, storage, level } = this;
    // That of a value saved for backward refuses if the value was overwritten.
    void storage.node;
    level.requireActive();
    if (viewInfo === null) return this.#physical!;
    if (this.#physical !== null && this.#version === storage.version) return this.#physical;
    this.checkParent();
    this.#version = storage.version;
    const parent = (viewInfo.parent as BatchedTensor).physical;
    const lookUp = (): Tensor =>
      batchRuleOf(viewInfo.op)(
        [{ value: parent, batched: true, shape: viewInfo.parent.shape }],
        viewInfo.attributes,
        level.size,
      );
    const found = belowTransform(level, () => (this.#tracked ? enableGrad(lookUp) : lookUp()));
    this.#physical = this.#tracked ? found : found.detach();
    return this.#physical;
  }

  override get node(): Node {
    if (this.viewInfo === null) return this.storage.node;
    this.#node ??= standIn(this.shape, this.dtype, this.device);
    return this.#node;
  }

  override detachView(): void {
    this.#tracked = false;
    if (this.viewInfo !== null) this.#physical = null;
    super.detachView();
  }

  override detach(): Tensor {
    const { level, storage, shape, viewInfo } = this;
    const own = viewInfo === null ? this.physical.detach() : null;
    const detached = new BatchedTensor(level, storage, shape, viewInfo, own);
    detached.detachView();
    return detached;
  }

  separate(): Tensor {
    const { level, storage, shape, viewInfo } = this;
    const copy = new BatchedTensor(level, storage, shape, viewInfo, viewInfo === null ? this.physical : null);
    copy.#leave();
    return copy;
  }

  #leave(): void {
    super.detachView();
  }

  override snapshot(storage?: Storage): Tensor {
    const own = storage ?? new Storage(standIn(this.shape, this.dtype, this.device));
    const copy = new BatchedTensor(this.level, own, this.shape, null, this.physical.snapshot());
    copy.gradient = this.gradient;
    return copy;
  }

  override overwrite(value: Tensor): void {
    const { level } = this;
    const all = level.physical(value);
    const physical = this.physical;
    belowTransform(level, () =>
      writeInPlace('vmap', physical, spread(all, level.size), { fresh: all.batched }),
    );
    this.storage.version++;
  }
}

let levels = 0;

/** One run of a function under vmap. */
export class BatchLevel implements OpTransform {
  /** Examples. */
  readonly size: number;
  /** Grows with each level: those within others are deeper. */
  readonly depth: number = ++levels;
  readonly #randomness: Randomness;
  #active = false;

  constructor(size: number, randomness: Randomness) {
    this.size = size;
    this.#randomness = randomness;
  }

  /** One for the same examples. */
  another(): BatchLevel {
    return new BatchLevel(this.size, this.#randomness);
  }

  /** Runs the body, in which tensors of this batch can be used. */
  run<T>(body: () => T): T {
    this.#active = true;
    try {
      return withTransform(this, body);
    } finally {
      this.#active = false;
    }
  }

  /** @throws {AutogradError} when the function is over. */
  requireActive(): void {
    if (this.#active) return;
    throw new AutogradError(
      'vmap: this tensor was made inside of a function under vmap that is over. Return it from the function instead of storing it',
    );
  }

  /** One example of a tensor that has them in front. */
  wrap(physical: Tensor): Tensor {
    const shape = physical.shape.slice(1);
    const storage = new Storage(standIn(shape, physical.dtype, physical.device));
    return new BatchedTensor(this, storage, shape, null, physical);
  }

  /** All examples of a tensor, or the tensor itself if it is the same for all. */
  physical(tensor: Tensor): BatchInput {
    if (!(tensor instanceof BatchedTensor)) return { value: tensor, batched: false, shape: tensor.shape };
    if (tensor.level === this) return { value: tensor.physical, batched: true, shape: tensor.shape };
    tensor.level.requireActive();
    return { value: tensor, batched: false, shape: tensor.shape };
  }

  apply(
    op: OpName,
    inputs: readonly Tensor[],
    attributes: object,
    device: string | undefined,
    view: ViewGeometry | null,
  ): Tensor {
    if (op === 'randomBits') return this.#random(inputs, attributes as { shape: Shape }, device);
    const physical = inputs.map((input) => this.physical(input));
    if (!physical.some(({ batched }) => batched)) {
      return view === null
        ? apply(op, inputs, attributes as never, device)
        : applyView(op, inputs[0], attributes as never, view);
    }
    let output: Tensor;
    if (view !== null) {
      const [parent] = inputs;
      const { shape, strides, offset } = view;
      output = new BatchedTensor(
        this,
        parent.storage,
        shape,
        { parent, op, attributes, strides, offset },
        null,
      );
    } else {
      // Errors speak of one example's shapes.
      (ops[op] as { infer(given: readonly object[], attributes: object): unknown }).infer(inputs, attributes);
      output = this.wrap(batchRuleOf(op)(physical, attributes, this.size));
    }
    recordGradient(op, inputs, attributes, output);
    return output;
  }

  #random(inputs: readonly Tensor[], { shape }: { shape: Shape }, device: string | undefined): Tensor {
    if (this.#randomness === 'same') return apply('randomBits', inputs, { shape }, device);
    if (this.#randomness === 'different')
      return this.wrap(apply('randomBits', inputs, { shape: [this.size, ...shape] }, device));
    throw new AutogradError(
      "vmap: the function draws random numbers. Say whether examples get the same ones: { randomness: 'same' } or 'different'",
    );
  }
}
