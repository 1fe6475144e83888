// This project, written as its users write it.
import { type Backend, removeBackend } from '@nn/core';
import { compile, runtimeOf, setDefaultDevice, type Tensor, tensor, use } from '@nn/tensor';
import type { Awaitable, Computation, Input, Operation, StatefulOperation, Training } from '../benchmark.ts';
import type { Library, Reading, Trainer } from './library.ts';
import { NnTrainer } from './nn-network.ts';

export interface NnOptions {
  readonly backend: Backend;
  readonly device: string;
  readonly threads: number;
  /** Whether operations and steps of training go through `compile`. Default false. */
  readonly compiled?: boolean;
}

export class Nn implements Library<Tensor> {
  readonly name: string;
  readonly version: string = 'this tree';
  readonly device: string;
  readonly threads: number;
  readonly #compiled: boolean;
  readonly #backend: Backend;

  constructor({ backend, device, threads, compiled = false }: NnOptions) {
    this.name = compiled ? 'nn compiled' : 'nn';
    this.#compiled = compiled;
    this.#backend = backend;
    this.device = device;
    this.threads = threads;
    use(backend);
  }

  activate(): void {
    setDefaultDevice(this.#backend.name);
  }

  tensor({ values, shape }: Input): Tensor {
    return tensor(values, { shape });
  }

  operation({ versions, eager = false }: Operation): Computation<Tensor> {
    return this.#compiled && !eager
      ? compile(versions.nn as (...inputs: Tensor[]) => Tensor | Tensor[])
      : versions.nn;
  }

  stateful({ versions }: StatefulOperation): StatefulOperation['versions']['nn'] {
    return versions.nn;
  }

  trainer({ network }: Training): Trainer {
    return new NnTrainer(network(), { compiled: this.#compiled, finish: () => this.finish() });
  }

  /** All in one program, as a backward pass has them. */
  force(results: readonly Tensor[]): Awaitable {
    runtimeOf(this.#backend.name).evaluate(
      results.map(({ node }) => node),
      'value',
    );
    return this.finish();
  }

  /** Waits for each run where all computing goes on behind the calls. */
  finish(): Awaitable {
    return this.#backend.capabilities.synchronousRead ? undefined : this.#backend.synchronize();
  }

  /** The CPU's threads may still be at the end of the last program. */
  settle(): Promise<void> {
    return this.#backend.synchronize();
  }

  async read(result: Tensor, { positions }: Reading): Promise<ArrayLike<number>> {
    const wanted = positions === undefined ? result : result.reshape(-1).indexSelect(0, tensor(positions));
    return (await wanted.data()) as ArrayLike<number>;
  }

  /**
   * What was recorded and is still unread counts as pending, tensors disposed of among it, which fail when their turn
   * comes to be computed. An optimizer's step makes an end of that; this is one without parameters.
   */
  free(result: Tensor): void {
    result.dispose();
    runtimeOf(this.#backend.name).step([]);
  }

  dispose(): void {
    removeBackend(this.#backend.name);
  }
}
