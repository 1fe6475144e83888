// The handle that users hold: a shape and a view onto a storage. Operations live in files by subject; the
// methods here only name them.
import {
  ArgumentError,
  AutogradError,
  bytesPerElement,
  contiguousStrides,
  type DType,
  type HostArray,
  isContiguous,
  makeNode,
  type Node,
  normalizeDim,
  type OpName,
  type Shape,
  sizeOf,
} from '@nn/core';
import { Methods } from '#methods';
import { activeCall } from './active.ts';
import type { Call } from './call.ts';
import * as copying from './copying.ts';
import type { Scalar } from './dispatch.ts';
import {
  type BackwardOptions,
  type GradientFunction,
  type GradientState,
  gradientEngine,
  gradientEngineOrNull,
  type RemovableHandle,
  setGradient,
} from './gradient.ts';

import * as movement from './movement.ts';
import { movingWindow } from './moving-windows.ts';
import { observers } from './observer.ts';
import * as printing from './printing.ts';
import type { NestedArray } from './reading.ts';
import * as reading from './reading.ts';
import { runtimeOf } from './runtimes.ts';
import { noteLeaf } from './steps.ts';
import { isInference, Storage } from './storage.ts';

/** How a view is looked up in the tensor that it was taken from. */
export interface View {
  readonly parent: Tensor;
  readonly op: OpName;
  readonly attributes: object;
  /** In elements of the storage. */
  readonly strides: readonly number[];
  readonly offset: number;
}

/** What a view found when it looked at its memory last. */
class ViewLookup {
  /** The storage version at which the gradient was looked up. */
  gradientVersion: number;
  node: Node | null = null;
  /** The storage version at which the node was looked up. */
  nodeVersion = 0;
  /** The compiled function's call that looked up the node. */
  call: Call | null = null;
  /** Whether it takes part in the derivative of what it is a view of. */
  isTracked = true;

  constructor(version: number) {
    this.gradientVersion = version;
  }
}

const brand: symbol = Symbol.for('@nn/tensor/Tensor');

/** Whether the value is a tensor, from this or from another copy of the package. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && brand in value;
}

/**
 * A multi-dimensional array on a device. Operations return new tensors at once and compute when a value is read.
 *
 * @example
 * ```ts
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await x.mul(x).sum().item()); // => 30
 * ```
 */
export class Tensor extends Methods {
  readonly storage: Storage;
  readonly shape: Shape;
  /** Null for a tensor that shows its whole storage. */
  readonly viewInfo: View | null;
  /** This tensor's part in differentiation, owned by @nn/autograd. */
  #gradient: GradientState | null = null;
  /** Null where `viewInfo` is. */
  readonly #seen: ViewLookup | null;

  /** Tensors are made by `tensor`, `zeros`, …; this is for the library. */
  constructor(storage: Storage, shape: Shape, viewInfo: View | null) {
    super();
    this.storage = storage;
    this.shape = shape;
    this.viewInfo = viewInfo;
    this.#seen = viewInfo === null ? null : new ViewLookup(storage.version);
    observers?.made(this);
  }

  // ---- What it is ----

  get dtype(): DType {
    return this.storage.dtype;
  }
  get device(): string {
    return this.storage.device;
  }
  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }
  /** The shape, or the size of one dimension. */
  size(): number[];
  size(dim: number): number;
  size(dim?: number): number | number[] {
    return dim === undefined ? [...this.shape] : this.shape[normalizeDim('size', dim, this.ndim)];
  }
  dim(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  numel(): number {
    return sizeOf(this.shape);
  }
  /** Bytes of one element. */
  elementSize(): number {
    return bytesPerElement(this.dtype);
  }
  /** Elements between neighbours along each dimension. */
  strides(): readonly number[] {
    return this.viewInfo?.strides ?? contiguousStrides(this.shape);
  }
  stride(dim: number): number {
    return this.strides()[normalizeDim('stride', dim, this.ndim)];
  }
  /** The first element's position in the storage. */
  storageOffset(): number {
    return this.viewInfo?.offset ?? 0;
  }
  isContiguous(): boolean {
    return isContiguous(this.shape, this.strides());
  }
  /** How often the storage was written in place. */
  get version(): number {
    return this.storage.version;
  }

  /** Whether the tensor was made in inference mode, so that it takes no part in derivatives. */
  isInference(): boolean {
    return this.storage.inference;
  }

  /** The tensor whose whole storage this one shows a part of; itself when it is no view. */
  get root(): Tensor {
    let tensor: Tensor = this;
    while (tensor.viewInfo !== null) {
      tensor.checkParent();
      tensor = tensor.viewInfo.parent;
    }
    return tensor;
  }

  /** @throws {ArgumentError} when what this tensor is a view of was resized since. */
  checkParent(): void {
    if (this.viewInfo === null || this.viewInfo.parent.storage === this.storage) return;
    throw new ArgumentError(
      'resize_: the tensor that this one is a view of has another shape now. Take the view again',
    );
  }

  /** The graph node of the current value. */
  get node(): Node {
    if (this.viewInfo === null) return this.storage.node;
    const { version } = this.storage;
    const seen = this.#seen!;
    if (seen.node === null || seen.nodeVersion !== version || seen.call !== activeCall) {
      this.checkParent();
      const { parent, op, attributes } = this.viewInfo;
      seen.nodeVersion = version;
      seen.call = activeCall;
      seen.node =
        (op === 'slice' ? this.#movingWindow() : null) ??
        (activeCall === null
          ? makeNode(op, [parent.node], attributes as never)
          : activeCall.record(op, [parent.node], attributes, undefined));
    }
    return seen.node;
  }

  /** Null where derivatives are asked for: those of a slice have its place in them. */
  #movingWindow(): Node | null {
    const { root } = this;
    if (root.gradient?.requiresGrad) return null;
    const { strides, offset } = this.viewInfo!;
    return movingWindow(root.storage.node, { shape: this.shape, strides, offset });
  }

  /** The memory was written since: the view's derivative leads through the write. A leaf remains one. */
  #lookUpGradient(): void {
    this.checkParent();
    this.#seen!.gradientVersion = this.storage.version;
    if (!this.#seen!.isTracked) return;
    const { parent, op, attributes } = this.viewInfo!;
    const leadsOn = parent.gradient?.requiresGrad === true;
    if (leadsOn || this.#gradient?.function != null) this.#gradient = null;
    const engine = gradientEngineOrNull();
    if (engine !== null && leadsOn) engine.record(op, [parent], attributes, this);
  }

  /** Differentiation state; see @nn/autograd. */
  get gradient(): GradientState | null {
    if (this.#seen !== null && this.#seen.gradientVersion !== this.storage.version) this.#lookUpGradient();
    return this.#gradient;
  }
  set gradient(state: GradientState | null) {
    this.#gradient = state;
  }

  /** Takes no further part in the derivative of what it is a view of. */
  detachView(): void {
    if (this.#seen !== null) this.#seen.isTracked = false;
    this.#gradient = null;
  }

  /** A handle that keeps this value and this gradient state whatever is written to the storage later. */
  snapshot(storage: Storage = new Storage(this.node)): Tensor {
    const copy = new Tensor(storage, this.shape, null);
    copy.gradient = this.gradient;
    return copy;
  }

  /** Has the whole storage show another value, of this shape, dtype and device. */
  overwrite(value: Tensor): void {
    this.storage.write(value.node);
  }

  /** @throws {ArgumentError} when several elements share a place, so that a write would be ambiguous. */
  checkDistinctElements(functionName: string): void {
    if (this.viewInfo === null) return;
    const clash = this.shape.findIndex((extent, dim) => extent > 1 && this.viewInfo!.strides[dim] === 0);
    if (clash >= 0) {
      throw new ArgumentError(
        `${functionName}: dimension ${clash} of this expanded tensor repeats one element in memory, so it cannot be ` +
          'written in place. Write to x.clone() instead',
      );
    }
  }

  // ---- Differentiation (with @nn/autograd) ----

  get requiresGrad(): boolean {
    return this.gradient?.requiresGrad ?? false;
  }
  set requiresGrad(value: boolean) {
    this.requiresGrad_(value);
  }
  /** Asks for gradients of this leaf tensor. */
  requiresGrad_(value: boolean = true): this {
    if (value) gradientEngine('requiresGrad_');
    if (value && !this.dtype.includes('float')) {
      throw new AutogradError(
        `requiresGrad_: only float tensors have gradients, this one is ${this.dtype}. Make it with { dtype: 'float32' }, or call float() first`,
      );
    }
    if (value && this.storage.inference && !isInference()) {
      throw new AutogradError(
        'requiresGrad_: this tensor was made in inference mode. Call clone() on it first, outside of the mode',
      );
    }
    const state = this.gradient;
    if (state?.function != null) {
      if (value) return this;
      throw new AutogradError(
        'requiresGrad_: only leaf tensors can stop requiring gradients. Use x.detach()',
      );
    }
    if (value && this.viewInfo === null) noteLeaf(this.storage);
    this.gradient = value
      ? (state ?? { requiresGrad: true, grad: null, function: null, retainsGrad: false })
      : null;
    return this;
  }
  /** The gradient that `backward` added up here; null before. */
  get grad(): Tensor | null {
    return this.gradient?.grad ?? null;
  }
  set grad(value: Tensor | null) {
    if (this.gradient !== null) setGradient(this.gradient, value);
    else if (value !== null) throw new AutogradError('grad: this tensor does not require gradients');
  }
  get gradFn(): GradientFunction | null {
    return this.gradient?.function ?? null;
  }
  get isLeaf(): boolean {
    return this.gradFn === null;
  }
  retainGrad(): void {
    if (this.gradient === null) throw new AutogradError('retainGrad: this tensor does not require gradients');
    this.gradient.retainsGrad = true;
  }
  /** Adds the gradient of this tensor (a scalar, unless `gradient` is given) to the leaves it was computed from. */
  backward(gradient?: Tensor, options: BackwardOptions = {}): void {
    gradientEngine('backward').backward(this, gradient, options);
  }
  /** Calls `hook` with the gradient each time it is computed; what it returns replaces the gradient. */
  registerHook(hook: (gradient: Tensor) => Tensor | undefined): RemovableHandle {
    return gradientEngine('registerHook').registerHook(this, hook);
  }
  /** Calls `hook` with this leaf tensor each time that `backward` has added to its gradient. */
  registerPostAccumulateGradHook(hook: (tensor: Tensor) => void): RemovableHandle {
    return gradientEngine('registerPostAccumulateGradHook').registerPostAccumulateGradHook(this, hook);
  }
  /** Whether the gradient is kept though this tensor is no leaf. */
  get retainsGrad(): boolean {
    return this.gradient?.retainsGrad === true && !this.isLeaf;
  }
  /** Makes this tensor a leaf that requires no gradients. @throws {AutogradError} for views. */
  detach_(): this {
    if (this.viewInfo !== null)
      throw new AutogradError('detach_: a view cannot be detached in place. Use x.detach()');
    this.gradient = null;
    return this;
  }
  /** The same memory, outside of differentiation. */
  detach(): Tensor {
    const detached = new Tensor(this.storage, this.shape, this.viewInfo);
    detached.detachView();
    return detached;
  }

  // ---- Reading ----

  /** The one value: a number; a boolean for bool; for int64 a bigint where a number is not exact. */
  item<T extends number | bigint | boolean = number>(): Promise<T> {
    return reading.item(this) as Promise<T>;
  }
  itemSync<T extends number | bigint | boolean = number>(): T {
    return reading.itemSync(this) as T;
  }
  /** All values, row-major, in a typed array of the dtype: `await x.data<Float32Array>()` of a float32 tensor. */
  data<T extends HostArray = HostArray>(): Promise<T> {
    return reading.data(this) as Promise<T>;
  }
  dataSync<T extends HostArray = HostArray>(): T {
    return reading.dataSync(this) as T;
  }
  /** Nested arrays in the shape of the tensor: `await x.toArray<number[][]>()` of a matrix. */
  toArray<T extends NestedArray = NestedArray>(): Promise<T> {
    return reading.toArray(this) as Promise<T>;
  }
  toArraySync<T extends NestedArray = NestedArray>(): T {
    return reading.toArraySync(this) as T;
  }
  /** Prints values as PyTorch does. */
  print(): Promise<void> {
    return printing.print(this);
  }
  /** What `print` prints. */
  toText(): Promise<string> {
    return printing.toText(this);
  }
  /** Shape, dtype and device, without reading. */
  override toString(): string {
    return printing.summary(this);
  }
  /** Computes the value now and keeps it. */
  realize(): this {
    runtimeOf(this.device).evaluate([this.node], 'value');
    return this;
  }
  /** Frees the memory now; using the tensor afterwards is an error. Never needed. */
  dispose(): void {
    if (this.device === '') return;
    const runtime = runtimeOf(this.device);
    // What was computed for the view itself lies in a place of its own.
    const own = this.#seen?.node ?? null;
    if (own !== null && activeCall === null) runtime.dispose(own);
    runtime.dispose(this.storage.node);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  // ---- Copies and conversions ----

  clone(): Tensor {
    return copying.clone(this);
  }
  contiguous(): Tensor {
    return this.isContiguous() ? this : copying.clone(this);
  }
  /** To a dtype or to a device. */
  to(target: DType | (string & {})): Tensor {
    return copying.to(this, target);
  }
  type(dtype: DType): Tensor {
    return copying.to(this, dtype);
  }
  float(): Tensor {
    return copying.to(this, 'float32');
  }
  double(): Tensor {
    return copying.to(this, 'float64');
  }
  int(): Tensor {
    return copying.to(this, 'int32');
  }
  long(): Tensor {
    return copying.to(this, 'int64');
  }
  bool(): Tensor {
    return copying.to(this, 'bool');
  }
  copy_(source: Tensor): this {
    return copying.copyInto(this, source) as this;
  }
  fill_(value: Scalar | Tensor): this {
    return copying.fillInto(this, value) as this;
  }
  zero_(): this {
    return this.fill_(0);
  }

  // ---- Transposed ----

  /** All dimensions reversed. */
  get T(): Tensor {
    return movement.permute(
      this,
      this.shape.map((_, dim) => this.ndim - 1 - dim),
    );
  }
  /** `torch.Tensor.H` of real numbers: a matrix transposed. @throws {ShapeError} unless it has 2 dimensions, or none. */
  get H(): Tensor {
    return movement.adjoint(this);
  }
  /** `torch.Tensor.mH` of real numbers: `mT`. */
  get mH(): Tensor {
    return this.mT;
  }
  /** The last two dimensions swapped. */
  get mT(): Tensor {
    return this.ndim === 0 ? movement.permute(this, []) : movement.transpose(this, -2, -1);
  }
}

// What Node's console shows of a tensor.
Object.defineProperty(Tensor.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Tensor) {
    return printing.summary(this);
  },
});
Object.defineProperty(Tensor.prototype, brand, { value: true });
