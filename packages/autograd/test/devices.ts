// The devices that the promises are tested on, each with fusion on and off.
import { removeBackend } from '@nn/core';
import { cpu } from '@nn/cpu';
import { type Backend, interpreter, setFusion, use } from '@nn/tensor';
import { webgpu } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import { afterAll, beforeAll, describe } from 'vitest';

const makers: Readonly<Record<string, () => Backend | Promise<Backend>>> = {
  interpreter: () => interpreter(),
  cpu: () => cpu({ threads: 2 }),
  // On SwiftShader where there is no GPU. No adapter at all is a failure, not a skip.
  webgpu: async () => webgpu({ gpu: await createDawn({ software: 'fallback' }) }),
};

/** Those that have float64, as finite differences need. */
export const withFloat64: readonly string[] = ['interpreter', 'cpu'];

/** Runs the suite on every device, or on those that are named, with fusion on and off. */
export function onEveryDevice(
  suite: (device: string, fused: boolean) => void,
  devices: readonly string[] = Object.keys(makers),
): void {
  for (const device of devices) {
    const make = makers[device];
    for (const fused of [true, false]) {
      describe(`on ${device}, fusion ${fused ? 'on' : 'off'}`, () => {
        let former = true;
        beforeAll(async () => {
          use(await make());
          former = setFusion(fused);
        });
        afterAll(() => {
          setFusion(former);
          removeBackend(device);
        });
        suite(device, fused);
      });
    }
  }
}
