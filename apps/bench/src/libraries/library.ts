// What a case asks of an implementation. Cases are written once, against this; each implementation says here how its
// own users would write it.
import type { Network } from '../networks/network.ts';

/** Some implementations finish at once, others are waited for; waiting for nothing would cost the fast ones. */
export type Awaitable = void | Promise<void>;

/** A network ready to be trained on one batch that never changes. */
export interface Trainer {
  /** One step of gradient descent. */
  step(): Awaitable;
  /** The loss that the last step saw. */
  loss(): Promise<number>;
  /** Computes the outputs and drops them. */
  forward(): Awaitable;
  outputs(): Promise<ArrayLike<number>>;
  dispose(): void;
}

export interface Library<T> {
  readonly name: string;
  readonly version: string;
  /** Where it computes, in words. */
  readonly device: string;
  readonly threads: number;
  /** Makes it the one in use, before anything below is called. */
  activate(): Awaitable;

  tensor(values: Float32Array<ArrayBuffer>, shape: readonly number[]): T;
  matmul(left: T, right: T): T;
  add(left: T, right: T): T;
  exp(x: T): T;
  tanh(x: T): T;
  gelu(x: T): T;
  erf(x: T): T;
  sum(x: T): T;
  sumRows(x: T): T;
  softmaxRows(x: T): T;
  /** x + y + y + … + y, added one at a time. */
  addRepeatedly(x: T, y: T, count: number): T;
  /** The same in a structure that was never seen before; only for those that compile what calls recorded. */
  addInNewOrder?(x: T, y: T, count: number): T;
  /** x · y · y · … · y, which nothing can make one operation of; compiled where the implementation can. */
  multiplyRepeatedly(x: T, y: T, count: number): T;
  /** As `addRepeatedly`, but nothing is computed; only for those that record. */
  recordOnly?(x: T, y: T, count: number): void;
  trainer(network: Network): Trainer;

  /** Has the value computed, without reading it. */
  force(x: T): Awaitable;
  read(x: T): Promise<ArrayLike<number>>;
  free(x: T): void;
  dispose(): void;
}
