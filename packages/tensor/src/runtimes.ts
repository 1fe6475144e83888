// The runtime of each device.
import { backendOf } from '@nn/core';
import { Runtime } from './runtime.ts';

const byDevice = new Map<string, Runtime>();

/** The runtime of a device. A backend that was replaced under the same name gets a fresh one. */
export function runtimeOf(device: string): Runtime {
  const backend = backendOf(device);
  let runtime = byDevice.get(device);
  if (runtime === undefined || runtime.backend !== backend) {
    runtime = new Runtime(backend);
    byDevice.set(device, runtime);
  }
  return runtime;
}

/** Those of all devices that were used. */
export function runtimes(): Iterable<Runtime> {
  return byDevice.values();
}

/** Computes, on all devices, what was asked to be kept. */
export function settleRuntimes(): void {
  for (const runtime of runtimes()) runtime.settle();
}
