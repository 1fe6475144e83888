// TensorFlow.js: its WebAssembly backend (SIMD; in Node on one thread) and its backend in plain JavaScript.
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { Awaitable, Computation, Input, Operation, StatefulOperation, Training } from '../benchmark.ts';
import type { Library, Reading, Trainer } from './library.ts';
import { ourDimensions, tensorOf } from './tfjs-layout.ts';
import { TfTrainer } from './tfjs-network.ts';
import { installedVersion, packageFolder } from './version.ts';

class TensorFlow implements Library<tf.Tensor> {
  readonly name: string;
  readonly version: string = installedVersion('@tensorflow/tfjs');
  readonly device: string;
  readonly threads: number = 1;

  constructor(device: 'wasm' | 'cpu') {
    this.device = device;
    this.name = `tfjs-${device}`;
  }

  activate(): Awaitable {
    return tf.getBackend() === this.device ? undefined : tf.setBackend(this.device).then(() => {});
  }

  tensor(input: Input): tf.Tensor {
    return tensorOf(input);
  }

  operation({ versions }: Operation): Computation<tf.Tensor> | null {
    return versions.tfjs?.(tf) ?? null;
  }

  stateful({ versions }: StatefulOperation): ((...inputs: tf.Tensor[]) => () => readonly tf.Tensor[]) | null {
    return versions.tfjs?.(tf) ?? null;
  }

  trainer({ network }: Training): Trainer {
    return new TfTrainer(network());
  }

  /** Its backends for the CPU compute within the call. */
  force(): void {}

  async read(result: tf.Tensor, { layout, positions }: Reading): Promise<ArrayLike<number>> {
    const wanted = tf.tidy(() => {
      const ours = layout === undefined ? result : result.transpose(ourDimensions[layout]);
      return positions === undefined
        ? ours.clone()
        : tf.gather(ours.flatten(), tf.tensor1d(positions, 'int32'));
    });
    const values = await wanted.data();
    wanted.dispose();
    return values;
  }

  free(result: tf.Tensor): void {
    result.dispose();
  }

  dispose(): void {}
}

export async function openTensorFlow(device: 'wasm' | 'cpu'): Promise<Library<tf.Tensor>> {
  // Without checks of its own, and without advice on the console.
  tf.enableProdMode();
  setWasmPaths(`${packageFolder('@tensorflow/tfjs-backend-wasm')}/dist/`);
  if (!(await tf.setBackend(device))) throw new Error(`tfjs: the backend '${device}' does not start`);
  return new TensorFlow(device);
}
