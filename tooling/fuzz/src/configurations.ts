// The ways in which a program is run, and the devices they need.
import { cpu } from '@nn/cpu';
import { type Backend, type DType, interpreter, use } from '@nn/tensor';
import { webgpu } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import type { Configuration } from './run.ts';
import { shapeDevice } from './shape-device.ts';

/** The backend under another name, so that several of a kind stand side by side. */
export function named(name: string, backend: Backend): Backend {
  const renamed: Record<string, unknown> = {};
  for (const key of [
    ...Object.keys(backend),
    ...Object.getOwnPropertyNames(Object.getPrototypeOf(backend)),
  ]) {
    const value = (backend as unknown as Record<string, unknown>)[key];
    if (key !== 'constructor') renamed[key] = typeof value === 'function' ? value.bind(backend) : value;
  }
  return { ...renamed, name } as unknown as Backend;
}

/** Forced flushes, evictions and lost versions. */
const tight: Partial<Configuration> = {
  policy: { pendingNodes: 6, keptBytes: 96, uploadBytes: 128 },
  mayBeStale: true,
};

export const configurations: Readonly<Record<string, readonly Configuration[]>> = {
  interpreter: [
    { name: 'interpreter, fused', device: 'interpreter', fusion: true },
    { name: 'interpreter, fused, short of memory', device: 'interpreter', fusion: true, ...tight },
    { name: 'interpreter, flushed often', device: 'interpreter', fusion: true, policy: { pendingNodes: 4 } },
  ],
  cpu: [
    { name: 'cpu, fused', device: 'cpu', fusion: true },
    { name: 'cpu, not fused', device: 'cpu', fusion: false },
    { name: 'cpu, fused, on several threads', device: 'cpu-threads', fusion: true },
    { name: 'cpu, fused, short of memory', device: 'cpu', fusion: true, ...tight },
    { name: 'cpu, fused, flushed often', device: 'cpu', fusion: true, policy: { pendingNodes: 4 } },
  ],
  webgpu: [
    { name: 'webgpu, fused', device: 'webgpu', fusion: true },
    { name: 'webgpu, not fused', device: 'webgpu', fusion: false },
  ],
};

/** As above, for training loops: with budgets that lose some of what is read late, and compiled. */
export const trainingConfigurations: Readonly<Record<string, readonly Configuration[]>> = Object.fromEntries(
  ['interpreter', 'cpu', 'webgpu'].map((device) => [
    device,
    [
      { name: `${device}, fused`, device, fusion: true },
      { name: `${device}, not fused`, device, fusion: false },
      { name: `${device}, compiled`, device, fusion: true, compiled: true },
      {
        name: `${device}, short of memory`,
        device,
        fusion: true,
        policy: { keptBytes: 96 },
        mayBeStale: true,
      },
    ],
  ]),
);

/** The devices that only give shapes: of all dtypes, and of those that WebGPU has. */
export const shapes = 'shapes';
export const narrowShapes = 'shapes-webgpu';
const lackedByWebgpu: readonly DType[] = ['float64', 'int64'];

/** Registers the devices that the configurations name. */
export async function useDevices(kinds: readonly string[]): Promise<void> {
  use(interpreter({ name: 'reference' }));
  use(shapeDevice(shapes));
  use(shapeDevice(narrowShapes, lackedByWebgpu));
  if (kinds.includes('interpreter')) use(interpreter());
  if (kinds.includes('cpu')) {
    use(named('cpu', cpu({ threads: 1 })));
    use(named('cpu-threads', cpu({ threads: 3 })));
  }
  if (kinds.includes('webgpu')) use(await webgpu({ gpu: await createDawn({ software: 'fallback' }) }));
}
