import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { OutOfMemoryError } from '@nn/core';
import { DeviceLostError, DisposedError, ShaderError, WebGpuUnavailableError } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebGpuDevice } from '../src/device.ts';
import { errorFromGpu } from '../src/errors.ts';
import type { KernelSource } from '../src/pipeline-cache.ts';

const double: KernelSource = {
  label: 'double',
  bindings: ['readWrite'],
  code: `
    @group(0) @binding(0) var<storage, read_write> data: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      data[id.x] = data[id.x] * 2.0;
    }`,
};
const broken: KernelSource = { label: 'broken', bindings: [], code: 'fn main( {' };

let gpu: GPU;
let device: WebGpuDevice;
beforeAll(async () => {
  // No adapter is a failure here, not a reason to skip.
  gpu = await createDawn({ software: 'fallback' });
  device = await WebGpuDevice.create({ gpu });
});
afterAll(() => device.dispose());

function run(source: KernelSource, buffer: GPUBuffer): void {
  const { pipeline, layout } = device.pipelines.get(source);
  const group = device.gpu.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
  device.submit(source.label, (encoder) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.end();
  });
}

describe('memory', () => {
  it('writes, computes and reads back', async () => {
    const buffer = device.allocate(256);
    device.write(
      buffer,
      0,
      Float32Array.from({ length: 64 }, (_, i) => i),
    );
    run(double, buffer);
    const result = new Float32Array(await device.read(buffer, 0, 256));
    expect([...result]).toEqual(Array.from({ length: 64 }, (_, i) => 2 * i));
    device.free(buffer);
  });

  it('reads what was there when the read was called', async () => {
    const buffer = device.allocate(4);
    device.write(buffer, 0, Float32Array.of(1));
    const first = device.read(buffer, 0, 4);
    device.write(buffer, 0, Float32Array.of(2));
    const second = device.read(buffer, 0, 4);
    expect(new Float32Array(await first)[0]).toBe(1);
    expect(new Float32Array(await second)[0]).toBe(2);
    device.free(buffer);
  });

  it('gives freed buffers out again and counts what is live', () => {
    const before = device.statistics;
    const buffer = device.allocate(1000);
    expect(device.statistics.liveBytes).toBe(before.liveBytes + 1024);
    expect(device.statistics.liveBuffers).toBe(before.liveBuffers + 1);
    device.free(buffer);
    device.free(buffer);
    expect(device.statistics.liveBytes).toBe(before.liveBytes);
    expect(device.allocate(900)).toBe(buffer);
    device.free(buffer);
  });

  it('refuses a buffer larger than the adapter has', () => {
    expect(() => device.allocate(2 ** 45)).toThrow(OutOfMemoryError);
    expect(() => device.allocate(2 ** 45)).toThrow(/largest has \d+ MiB/);
  });

  it('keeps at most the given bytes idle', async () => {
    const small = await WebGpuDevice.create({ gpu, idleBytes: 4096 });
    const buffers = Array.from({ length: 10 }, () => small.allocate(1024));
    for (const buffer of buffers) small.free(buffer);
    expect(small.statistics).toMatchObject({ liveBytes: 0, idleBytes: 4096, peakBytes: 10240 });
    small.dispose();
  });
});

describe('errors', () => {
  it('names a kernel that does not compile, at the next await', async () => {
    device.pipelines.get(broken);
    await expect(device.synchronize()).rejects.toThrow(ShaderError);
    await device.synchronize();
    await expect(device.pipelines.prepare({ ...broken, code: 'fn main) {' })).rejects.toThrow(
      /broken does not/,
    );
    await device.synchronize();
  });

  it('brings validation errors to whoever reads', async () => {
    const buffer = device.allocate(16);
    device.write(buffer, 1 << 20, Float32Array.of(1));
    await expect(device.read(buffer, 0, 16)).rejects.toThrow(/a write or a read failed/);
    await device.read(buffer, 0, 16);
    device.free(buffer);
  });

  it('rejects what is under way when disposed, and throws afterwards', async () => {
    const other = await WebGpuDevice.create({ gpu });
    const buffer = other.allocate(16);
    const reading = other.read(buffer, 0, 16);
    other.dispose();
    other.dispose();
    await expect(reading).rejects.toThrow(DisposedError);
    expect(() => other.allocate(16)).toThrow(DisposedError);
    other.free(buffer);
  });

  it('tells running out of memory from other errors', () => {
    class GPUOutOfMemoryError extends Error {}
    class GPUInternalError extends Error {}
    const memory = errorFromGpu(new GPUOutOfMemoryError('full'), 'an allocation');
    expect(memory).toBeInstanceOf(OutOfMemoryError);
    expect(memory.message).toMatch(/during an allocation: full/);
    expect(errorFromGpu(new GPUInternalError('odd'), 'a run').code).toBe('NN_WEBGPU_VALIDATION');
  });

  it('reports a lost device', async () => {
    const other = await WebGpuDevice.create({ gpu });
    const buffer = other.allocate(16);
    other.gpu.destroy();
    await other.gpu.lost;
    await expect(other.read(buffer, 0, 16)).rejects.toThrow(DeviceLostError);
    other.dispose();
  });

  it('says what to do where there is no adapter', async () => {
    const none = { requestAdapter: async () => null } as unknown as GPU;
    await expect(WebGpuDevice.create({ gpu: none })).rejects.toThrow(WebGpuUnavailableError);
  });
});

describe('pipelines', () => {
  it('compiles equal code once', async () => {
    expect(await device.pipelines.prepare(double)).toBe(device.pipelines.get(double));
    const other = { ...double, code: `${double.code}// other` };
    const [first, second] = await Promise.all([
      device.pipelines.prepare(other),
      device.pipelines.prepare(other),
    ]);
    expect(first).toBe(second);
  });
});

describe('a Node process', () => {
  const script = (end: string): string => `
    import { webgpu } from '@nn/webgpu';
    import { createDawn } from '@nn/webgpu/node';
    // Makes sure of an adapter; the backend then finds one as in a browser.
    await createDawn({ software: 'fallback' });
    const device = await webgpu();
    const buffer = device.allocate('float32', 4);
    device.write(buffer, Float32Array.of(1, 2, 3, 4));
    console.log((await device.read(buffer)).join());
    ${end}`;
  for (const [name, end] of [
    ['after dispose', 'device.dispose();'],
    ['without dispose', ''],
  ] as const) {
    it(`ends by itself ${name}`, async () => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--conditions=@nn/source', '--input-type=module', '--eval', script(end)],
        { timeout: 20_000, cwd: import.meta.dirname },
      );
      expect(stdout.trim()).toBe('1,2,3,4');
    });
  }
});
