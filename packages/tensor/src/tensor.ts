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
import * as arithmetic from './arithmetic.ts';
import * as copying from './copying.ts';
import type { Scalar } from './dispatch.ts';
import {
  type BackwardOptions,
  type GradientState,
  gradientEngine,
  gradientEngineOrNull,
  type RemovableHandle,
} from './gradient.ts';
import type { Index } from './indexing.ts';
import * as indexing from './indexing.ts';
import * as linear from './linear.ts';
import * as movement from './movement.ts';
import * as printing from './printing.ts';
import type { NestedArray } from './reading.ts';
import * as reading from './reading.ts';
import type { ReduceDims, ReduceOptions } from './reduction.ts';
import * as reduction from './reduction.ts';
import { runtimeOf } from './runtime.ts';
import type { Storage } from './storage.ts';

/** How a view is looked up in the tensor that it was taken from. */
export interface View {
  readonly parent: Tensor;
  readonly op: OpName;
  readonly attributes: object;
  /** In elements of the storage. */
  readonly strides: readonly number[];
  readonly offset: number;
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
export class Tensor {
  readonly storage: Storage;
  readonly shape: Shape;
  /** Null for a tensor that shows its whole storage. */
  readonly viewInfo: View | null;
  /** This tensor's part in differentiation, owned by @nn/autograd. */
  #gradient: GradientState | null = null;
  /** For views: the storage version at which node and gradient were looked up. */
  #seenVersion: number;
  #viewNode: Node | null = null;
  #viewTracked: boolean;

  /** Tensors are made by `tensor`, `zeros`, …; this is for the library. */
  constructor(storage: Storage, shape: Shape, viewInfo: View | null) {
    this.storage = storage;
    this.shape = shape;
    this.viewInfo = viewInfo;
    this.#seenVersion = storage.version;
    this.#viewTracked = viewInfo !== null;
  }

  // ---- What it is ----

  get dtype(): DType {
    return this.storage.node.dtype;
  }
  get device(): string {
    return this.storage.node.device;
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

  /** The tensor whose whole storage this one shows a part of; itself when it is no view. */
  get root(): Tensor {
    let tensor: Tensor = this;
    while (tensor.viewInfo !== null) tensor = tensor.viewInfo.parent;
    return tensor;
  }

  /** The graph node of the current value. */
  get node(): Node {
    if (this.viewInfo === null) return this.storage.node;
    if (this.#viewNode === null || this.#seenVersion !== this.storage.version) this.#lookUpView();
    return this.#viewNode!;
  }

  #lookUpView(): void {
    const { parent, op, attributes } = this.viewInfo!;
    const changed = this.#seenVersion !== this.storage.version;
    this.#seenVersion = this.storage.version;
    this.#viewNode = makeNode(op, [parent.node], attributes as never);
    if (!changed || !this.#viewTracked) return;
    // The memory was written since: the view's derivative leads through the write.
    this.#gradient = null;
    const engine = gradientEngineOrNull();
    if (engine !== null && parent.gradient?.requiresGrad) engine.record(op, [parent], attributes, this);
  }

  /** Differentiation state; see @nn/autograd. */
  get gradient(): GradientState | null {
    if (this.viewInfo !== null && this.#seenVersion !== this.storage.version) this.#lookUpView();
    return this.#gradient;
  }
  set gradient(state: GradientState | null) {
    this.#gradient = state;
  }

  /** Takes no further part in the derivative of what it is a view of. */
  detachView(): void {
    this.#viewTracked = false;
    this.#gradient = null;
  }

  /** A handle that keeps this value and this gradient state whatever is written to the storage later. */
  snapshot(): Tensor {
    const copy = copying.sharedValue(this);
    copy.gradient = this.gradient;
    return copy;
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
      throw new AutogradError(`requiresGrad_: only float tensors have gradients, this one is ${this.dtype}`);
    }
    const state = this.gradient;
    if (state?.function != null) {
      if (value) return this;
      throw new AutogradError(
        'requiresGrad_: only leaf tensors can stop requiring gradients. Use x.detach()',
      );
    }
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
    if (this.gradient !== null) this.gradient.grad = value;
    else if (value !== null) throw new AutogradError('grad: this tensor does not require gradients');
  }
  get gradFn(): { readonly name: string } | null {
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
  /** All values, row-major, in a typed array of the dtype. */
  data(): Promise<HostArray> {
    return reading.data(this);
  }
  dataSync(): HostArray {
    return reading.dataSync(this);
  }
  /** Nested arrays in the shape of the tensor. */
  toArray(): Promise<NestedArray> {
    return reading.toArray(this);
  }
  toArraySync(): NestedArray {
    return reading.toArraySync(this);
  }
  /** Prints values as PyTorch does. */
  print(): Promise<void> {
    return printing.print(this);
  }
  /** What `print` shows, without reading: shape, dtype, device. */
  toString(): string {
    return printing.summary(this);
  }
  /** Computes the value now and keeps it. */
  realize(): this {
    runtimeOf(this.device).evaluate([this.node], 'value');
    return this;
  }
  /** Frees the memory now; using the tensor afterwards is an error. Never needed. */
  dispose(): void {
    if (this.device !== '') runtimeOf(this.device).dispose(this.storage.node);
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

  // ---- Elementwise ----
  // (see arithmetic.ts; unary methods are one line each)
  add(other: Tensor | Scalar, options?: arithmetic.AlphaOptions): Tensor {
    return arithmetic.add(this, other, options);
  }
  sub(other: Tensor | Scalar, options?: arithmetic.AlphaOptions): Tensor {
    return arithmetic.sub(this, other, options);
  }
  mul(other: Tensor | Scalar): Tensor {
    return arithmetic.mul(this, other);
  }
  div(other: Tensor | Scalar, options?: arithmetic.DivOptions): Tensor {
    return arithmetic.div(this, other, options);
  }
  floorDivide(other: Tensor | Scalar): Tensor {
    return arithmetic.floorDivide(this, other);
  }
  remainder(other: Tensor | Scalar): Tensor {
    return arithmetic.remainder(this, other);
  }
  fmod(other: Tensor | Scalar): Tensor {
    return arithmetic.fmod(this, other);
  }
  pow(exponent: Tensor | Scalar): Tensor {
    return arithmetic.pow(this, exponent);
  }
  atan2(other: Tensor): Tensor {
    return arithmetic.atan2(this, other);
  }
  maximum(other: Tensor): Tensor {
    return arithmetic.maximum(this, other);
  }
  minimum(other: Tensor): Tensor {
    return arithmetic.minimum(this, other);
  }
  eq(other: Tensor | Scalar): Tensor {
    return arithmetic.eq(this, other);
  }
  ne(other: Tensor | Scalar): Tensor {
    return arithmetic.ne(this, other);
  }
  lt(other: Tensor | Scalar): Tensor {
    return arithmetic.lt(this, other);
  }
  le(other: Tensor | Scalar): Tensor {
    return arithmetic.le(this, other);
  }
  gt(other: Tensor | Scalar): Tensor {
    return arithmetic.gt(this, other);
  }
  ge(other: Tensor | Scalar): Tensor {
    return arithmetic.ge(this, other);
  }
  logicalAnd(other: Tensor | Scalar): Tensor {
    return arithmetic.logicalAnd(this, other);
  }
  logicalOr(other: Tensor | Scalar): Tensor {
    return arithmetic.logicalOr(this, other);
  }
  logicalXor(other: Tensor | Scalar): Tensor {
    return arithmetic.logicalXor(this, other);
  }
  logicalNot(): Tensor {
    return arithmetic.logicalNot(this);
  }
  bitwiseAnd(other: Tensor | Scalar): Tensor {
    return arithmetic.bitwiseAnd(this, other);
  }
  bitwiseOr(other: Tensor | Scalar): Tensor {
    return arithmetic.bitwiseOr(this, other);
  }
  bitwiseXor(other: Tensor | Scalar): Tensor {
    return arithmetic.bitwiseXor(this, other);
  }
  bitwiseNot(): Tensor {
    return arithmetic.bitwiseNot(this);
  }
  where(condition: Tensor, other: Tensor | Scalar): Tensor {
    return arithmetic.where(condition, this, other);
  }
  clamp(min?: Tensor | Scalar | null, max?: Tensor | Scalar | null): Tensor {
    return arithmetic.clamp(this, min, max);
  }
  maskedFill(mask: Tensor, value: Tensor | Scalar): Tensor {
    return arithmetic.where(mask, value, this);
  }
  isnan(): Tensor {
    return arithmetic.isnan(this);
  }
  neg(): Tensor {
    return arithmetic.neg(this);
  }
  abs(): Tensor {
    return arithmetic.abs(this);
  }
  sign(): Tensor {
    return arithmetic.sign(this);
  }
  square(): Tensor {
    return arithmetic.square(this);
  }
  relu(): Tensor {
    return arithmetic.relu(this);
  }
  floor(): Tensor {
    return arithmetic.floor(this);
  }
  ceil(): Tensor {
    return arithmetic.ceil(this);
  }
  trunc(): Tensor {
    return arithmetic.trunc(this);
  }
  round(): Tensor {
    return arithmetic.round(this);
  }
  sqrt(): Tensor {
    return arithmetic.sqrt(this);
  }
  rsqrt(): Tensor {
    return arithmetic.rsqrt(this);
  }
  reciprocal(): Tensor {
    return arithmetic.reciprocal(this);
  }
  exp(): Tensor {
    return arithmetic.exp(this);
  }
  log(): Tensor {
    return arithmetic.log(this);
  }
  expm1(): Tensor {
    return arithmetic.expm1(this);
  }
  log1p(): Tensor {
    return arithmetic.log1p(this);
  }
  exp2(): Tensor {
    return arithmetic.exp2(this);
  }
  log2(): Tensor {
    return arithmetic.log2(this);
  }
  log10(): Tensor {
    return arithmetic.log10(this);
  }
  sin(): Tensor {
    return arithmetic.sin(this);
  }
  cos(): Tensor {
    return arithmetic.cos(this);
  }
  tan(): Tensor {
    return arithmetic.tan(this);
  }
  asin(): Tensor {
    return arithmetic.asin(this);
  }
  acos(): Tensor {
    return arithmetic.acos(this);
  }
  atan(): Tensor {
    return arithmetic.atan(this);
  }
  sinh(): Tensor {
    return arithmetic.sinh(this);
  }
  cosh(): Tensor {
    return arithmetic.cosh(this);
  }
  tanh(): Tensor {
    return arithmetic.tanh(this);
  }
  asinh(): Tensor {
    return arithmetic.asinh(this);
  }
  acosh(): Tensor {
    return arithmetic.acosh(this);
  }
  atanh(): Tensor {
    return arithmetic.atanh(this);
  }
  erf(): Tensor {
    return arithmetic.erf(this);
  }
  erfc(): Tensor {
    return arithmetic.erfc(this);
  }
  sigmoid(): Tensor {
    return arithmetic.sigmoid(this);
  }
  softmax(dim: number): Tensor {
    return arithmetic.softmax(this, dim);
  }
  logSoftmax(dim: number): Tensor {
    return arithmetic.logSoftmax(this, dim);
  }

  // ---- In place ----
  add_(other: Tensor | Scalar, options?: arithmetic.AlphaOptions): this {
    return arithmetic.inPlace('add_', this, arithmetic.add(this, other, options)) as this;
  }
  sub_(other: Tensor | Scalar, options?: arithmetic.AlphaOptions): this {
    return arithmetic.inPlace('sub_', this, arithmetic.sub(this, other, options)) as this;
  }
  mul_(other: Tensor | Scalar): this {
    return arithmetic.inPlace('mul_', this, arithmetic.mul(this, other)) as this;
  }
  div_(other: Tensor | Scalar, options?: arithmetic.DivOptions): this {
    return arithmetic.inPlace('div_', this, arithmetic.div(this, other, options)) as this;
  }
  addcmul_(a: Tensor, b: Tensor, options?: arithmetic.ValueOptions): this {
    return arithmetic.inPlace('addcmul_', this, arithmetic.addcmul(this, a, b, options)) as this;
  }
  addcdiv_(a: Tensor, b: Tensor, options?: arithmetic.ValueOptions): this {
    return arithmetic.inPlace('addcdiv_', this, arithmetic.addcdiv(this, a, b, options)) as this;
  }
  relu_(): this {
    return arithmetic.inPlace('relu_', this, arithmetic.relu(this)) as this;
  }
  clamp_(min?: Tensor | Scalar | null, max?: Tensor | Scalar | null): this {
    return arithmetic.inPlace('clamp_', this, arithmetic.clamp(this, min, max)) as this;
  }

  // ---- Reductions ----
  sum(dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.sum(this, dim, options);
  }
  mean(dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.mean(this, dim, options);
  }
  prod(dim?: number, options?: ReduceOptions): Tensor {
    return reduction.prod(this, dim, options);
  }
  amax(dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.amax(this, dim, options);
  }
  amin(dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.amin(this, dim, options);
  }
  argmax(dim?: number, options?: ReduceOptions): Tensor {
    return reduction.argmax(this, dim, options);
  }
  argmin(dim?: number, options?: ReduceOptions): Tensor {
    return reduction.argmin(this, dim, options);
  }
  any(dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.any(this, dim, options);
  }
  all(dim?: ReduceDims, options?: ReduceOptions): Tensor {
    return reduction.all(this, dim, options);
  }
  var(dim?: ReduceDims, options?: reduction.VarianceOptions): Tensor {
    return reduction.variance(this, dim, options);
  }
  std(dim?: ReduceDims, options?: reduction.VarianceOptions): Tensor {
    return reduction.std(this, dim, options);
  }

  // ---- Movement ----
  /** @throws {ShapeError} when the result could not share this tensor's memory; `reshape` copies then. */
  view(...shape: number[] | [readonly number[]]): Tensor {
    return movement.viewShape(this, movement.shapeArguments(shape));
  }
  reshape(...shape: number[] | [readonly number[]]): Tensor {
    return movement.reshape(this, movement.shapeArguments(shape));
  }
  /** @throws {ShapeError} when the result could not share this tensor's memory. */
  viewAs(other: Tensor): Tensor {
    return movement.viewShape(this, other.shape);
  }
  permute(...order: number[] | [readonly number[]]): Tensor {
    return movement.permute(this, movement.shapeArguments(order));
  }
  transpose(dim0: number, dim1: number): Tensor {
    return movement.transpose(this, dim0, dim1);
  }
  t(): Tensor {
    return movement.t(this);
  }
  /** All dimensions reversed. */
  get T(): Tensor {
    return movement.permute(
      this,
      this.shape.map((_, dim) => this.ndim - 1 - dim),
    );
  }
  /** The last two dimensions swapped. */
  get mT(): Tensor {
    return movement.transpose(this, -2, -1);
  }
  expand(...shape: number[] | [readonly number[]]): Tensor {
    return movement.expand(this, movement.shapeArguments(shape));
  }
  /** As `expand`, itself when the shape is its own already. */
  expandTo(shape: Shape): Tensor {
    return movement.expandTo(this, shape);
  }
  squeeze(dim?: number): Tensor {
    return movement.squeeze(this, dim);
  }
  unsqueeze(dim: number): Tensor {
    return movement.unsqueeze(this, dim);
  }
  flatten(startDim: number = 0, endDim: number = -1): Tensor {
    return movement.flatten(this, startDim, endDim);
  }
  narrow(dim: number, start: number, length: number): Tensor {
    return movement.narrow(this, dim, start, length);
  }
  select(dim: number, index: number): Tensor {
    return movement.select(this, dim, index);
  }
  flip(dims: number | readonly number[]): Tensor {
    return movement.flip(this, dims);
  }

  // ---- Indexing ----
  at(...indices: Index[]): Tensor {
    return indexing.at(this, indices);
  }
  setAt_(indices: readonly Index[], value: Tensor | Scalar): this {
    return indexing.setAt(this, indices, value) as this;
  }

  // ---- Products ----
  matmul(other: Tensor): Tensor {
    return linear.matmul(this, other);
  }
  mm(other: Tensor): Tensor {
    return linear.mm(this, other);
  }
}

Object.defineProperty(Tensor.prototype, brand, { value: true });
