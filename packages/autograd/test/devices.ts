// The devices that the promises are tested on, each with fusion on and off.
import { removeBackend } from '@nn/core';
import { type Backend, interpreter, setFusion, use } from '@nn/tensor';
import { afterAll, beforeAll, describe } from 'vitest';

const makers: Readonly<Record<string, () => Backend | Promise<Backend>>> = {
  interpreter: () => interpreter(),
};

/** Runs the suite on every device, with fusion on and off. */
export function onEveryDevice(suite: (device: string, fused: boolean) => void): void {
  for (const [device, make] of Object.entries(makers)) {
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
