// The device that the cases run on.
import { setProgramVerifier, verifyProgram } from '@nn/compiler';
import { interpreter, setFusion, use } from '@nn/tensor';
import { cpuTolerances, webgpuTolerances } from './compare.ts';
import type { DeviceName } from './options.ts';
import type { DeviceUnderTest } from './run-case.ts';

const testedDTypes = [
  'float32',
  'float64',
  'int64',
  'int32',
  'bool',
  'uint8',
  'int8',
  'int16',
  'float16',
  'bfloat16',
];

/** Puts the device in use. */
export async function prepareDevice(name: DeviceName, fusion: boolean): Promise<DeviceUnderTest> {
  setFusion(fusion);
  setProgramVerifier(verifyProgram);
  const backend = await backendOf(name);
  use(backend);
  return {
    tolerances: name === 'webgpu' ? webgpuTolerances : cpuTolerances,
    lacks: new Set(
      testedDTypes.filter((dtype) => !(backend.capabilities.dtypes as ReadonlySet<string>).has(dtype)),
    ),
  };
}

async function backendOf(name: DeviceName): Promise<ReturnType<typeof interpreter>> {
  if (name === 'interpreter') return interpreter();
  if (name === 'cpu') {
    const { cpu } = await import('@nn/cpu');
    // Threads are for large tensors; the cases are small, and several processes run them.
    return cpu({ threads: 1 });
  }
  const { webgpu } = await import('@nn/webgpu');
  const { createDawn } = await import('@nn/webgpu/node');
  return webgpu({ gpu: await createDawn({ software: 'fallback' }) });
}
