// jax-js on WebAssembly: https://jax-js.com. Everything goes through its `jit`, as its guide advises: that takes 0.1 ms off
// even a single operation. Its functions consume their arguments; `.ref` keeps them.
import * as jax from '@jax-js/jax';
import type { Computation, Input, JaxArray, Operation, StatefulOperation, Training } from '../benchmark.ts';
import { JaxTrainer } from './jax-js-network.ts';
import type { Library, Reading, Trainer } from './library.ts';
import { installedVersion } from './version.ts';

type Results = JaxArray | readonly JaxArray[];

class JaxJs implements Library<JaxArray> {
  readonly name: string = 'jax-js';
  readonly version: string = installedVersion('@jax-js/jax');
  readonly device: string = 'wasm';
  /** It starts threads only where there is a global `Worker`, which Node lacks. */
  readonly threads: number = 1;

  activate(): void {}

  tensor({ values, shape }: Input): JaxArray {
    return jax.numpy.array(values, { shape: [...shape] });
  }

  operation({ versions, eager = false }: Operation): Computation<JaxArray> | null {
    if (versions.jax === undefined) return null;
    const version = versions.jax(jax);
    const compiled = eager
      ? version
      : (jax.jit(version as (...inputs: JaxArray[]) => JaxArray[]) as (...inputs: JaxArray[]) => Results);
    return (...inputs) => compiled(...inputs.map((input) => input.ref));
  }

  stateful({ versions }: StatefulOperation): ((...inputs: JaxArray[]) => () => readonly JaxArray[]) | null {
    return versions.jax?.(jax) ?? null;
  }

  trainer({ network }: Training): Trainer {
    return new JaxTrainer(network());
  }

  async force(results: readonly JaxArray[]): Promise<void> {
    await jax.blockUntilReady([...results]);
  }

  async read(result: JaxArray, { positions }: Reading): Promise<ArrayLike<number>> {
    if (positions === undefined) return result.ref.data();
    const { numpy: np } = jax;
    return np.take(np.reshape(result.ref, [-1]), np.array(positions), 0).data();
  }

  free(result: JaxArray): void {
    result.dispose();
  }

  dispose(): void {}
}

export async function openJaxJs(): Promise<Library<JaxArray>> {
  await jax.init('wasm');
  return new JaxJs();
}
