import {
  type DeviceBuffer,
  DeviceError,
  type DType,
  type Instruction,
  type LoopKernel,
  OutOfMemoryError,
  type Program,
  UnsupportedError,
} from '@nn/core';
import { type WebGpuBackend, webgpu } from '@nn/webgpu';
import { createDawn } from '@nn/webgpu/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { access, createBackend, input, output, program } from './support.ts';

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await createBackend();
});
afterAll(() => backend.dispose());

const load = (dtype: DType, buffer: number, strides: readonly number[]): Instruction => ({
  op: 'load',
  dtype,
  access: access(buffer, strides),
});

function double(dtype: DType, length: number, name = 'double'): Program {
  const kernel: LoopKernel = {
    kind: 'loop',
    name,
    extents: [length],
    producer: null,
    epilogue: [load(dtype, 0, [1]), { op: 'add', dtype, args: [0, 0] }],
    stores: [{ access: access(1, [1]), value: 1 }],
  };
  return program([input(dtype, length), output(dtype, length)], [kernel]);
}

describe('what WebGPU cannot do', () => {
  for (const [dtype, instead] of [
    ['float64', 'float32'],
    ['int64', 'int32'],
  ] as const) {
    it(`says so of ${dtype}, naming the kernel, the device and a way out`, () => {
      expect(() => backend.compile(double(dtype, 4, 'my kernel'))).toThrow(UnsupportedError);
      expect(() => backend.compile(double(dtype, 4, 'my kernel'))).toThrow(
        `webgpu: kernel 'my kernel' needs ${dtype}, which WebGPU shaders do not have. Convert first with .to('${instead}')`,
      );
      expect(() => backend.allocate(dtype, 4)).toThrow(UnsupportedError);
    });
  }

  it('refuses tensors larger than any buffer', () => {
    expect(() => backend.allocate('float32', 2 ** 40)).toThrow(OutOfMemoryError);
  });

  it('refuses to read synchronously', () => {
    const buffer = backend.allocate('float32', 4);
    expect(() => backend.readSync(buffer)).toThrow(DeviceError);
    backend.free(buffer);
  });
});

describe('memory', () => {
  const run = (executable: ReturnType<WebGpuBackend['compile']>, x: DeviceBuffer, y: DeviceBuffer): void =>
    backend.run(executable, [x], [y], []);

  it('stays flat over a thousand runs', async () => {
    const executable = backend.compile(double('float32', 1000));
    const step = async (): Promise<void> => {
      const x = backend.allocate('float32', 1000);
      backend.write(x, new Float32Array(1000).fill(1));
      const y = backend.allocate('float32', 1000);
      run(executable, x, y);
      backend.free(x);
      expect((await backend.read(y))[999]).toBe(2);
      backend.free(y);
    };
    await step();
    const { liveBytes, peakBytes } = backend.memory();
    for (let i = 0; i < 1000; i++) await step();
    expect(backend.memory()).toEqual({ liveBytes, peakBytes });
  });

  it('may be freed while work that uses it is under way', async () => {
    const executable = backend.compile(double('float32', 4));
    const x = backend.allocate('float32', 4);
    const y = backend.allocate('float32', 4);
    backend.write(x, Float32Array.of(1, 2, 3, 4));
    run(executable, x, y);
    backend.free(x);
    const other = backend.allocate('float32', 4);
    backend.write(other, Float32Array.of(9, 9, 9, 9));
    expect(await backend.read(y)).toEqual(Float32Array.of(2, 4, 6, 8));
    backend.free(other);
    backend.free(y);
  });

  it('compiles nothing for a new batch size', async () => {
    const codes = [100, 2000].map((length) => {
      const executable = backend.compile(double('float32', length)) as unknown as {
        readonly launches: readonly { readonly source: { readonly code: string } }[];
      };
      return executable.launches.map(({ source }) => source.code);
    });
    expect(codes[0]).toEqual(codes[1]);
  });
});

// Dawn's null backend computes nothing, but checks WGSL, and has the 16-bit floats that SwiftShader lacks.
describe('16-bit floats in hardware', () => {
  let half: WebGpuBackend;
  beforeAll(async () => {
    half = await webgpu({ gpu: await createDawn({ flags: ['backend=null'] }) });
  });
  afterAll(() => half.dispose());

  it('take two bytes', () => {
    expect(half.bytesPerElement('float16')).toBe(2);
    expect(half.bytesPerElement('bfloat16')).toBe(4);
  });

  const reduce: LoopKernel = {
    kind: 'loop',
    name: 'sum',
    extents: [8],
    producer: {
      kind: 'reduce',
      extents: [100],
      body: [load('float16', 0, [100, 1])],
      accumulators: [{ op: 'sum', value: 0, dtype: 'float16' }],
    },
    epilogue: [{ op: 'result', dtype: 'float16', index: 0 }],
    stores: [{ access: access(1, [1]), value: 0 }],
  };
  const dot: LoopKernel = {
    ...reduce,
    name: 'dot',
    extents: [40, 40],
    producer: {
      kind: 'dot',
      dtype: 'float16',
      batchRank: 0,
      rowRank: 1,
      inner: [20],
      left: { buffer: 0, offset: 0, strides: [20, 0, 1] },
      right: { buffer: 0, offset: 0, strides: [0, 20, 1] },
    },
    stores: [{ access: access(1, [40, 1]), value: 0 }],
  };
  const programs: { readonly [name: string]: Program } = {
    loop: double('float16', 100),
    reduction: program([input('float16', 800), output('float16', 8)], [reduce]),
    dot: program([input('float16', 800), output('float16', 1600)], [dot]),
    scatter: program(
      [input('int32', 10), input('float16', 10), output('float16', 5)],
      [
        {
          kind: 'scatter',
          name: 'scatter',
          mode: 'sum',
          count: 10,
          targetSize: 5,
          index: 0,
          source: 1,
          target: 2,
        },
      ],
    ),
    scan: program(
      [input('float16', 10), output('float16', 10)],
      [{ kind: 'scan', name: 'scan', op: 'sum', outer: 1, length: 10, inner: 1, source: 0, target: 1 }],
    ),
    argsort: program(
      [input('float16', 10), output('int32', 10)],
      [
        {
          kind: 'argsort',
          name: 'argsort',
          descending: false,
          outer: 1,
          length: 10,
          inner: 1,
          count: 10,
          source: 0,
          target: 1,
        },
      ],
    ),
  };
  for (const [name, what] of Object.entries(programs)) {
    it(`compile in a ${name}`, async () => {
      const executable = half.compile(what);
      await half.prepare(executable);
      const bind = (role: string): DeviceBuffer[] =>
        what.buffers
          .filter((spec) => spec.role === role)
          .map((spec) => half.allocate(spec.dtype, spec.length));
      half.run(executable, bind('input'), bind('output'), []);
      await half.synchronize();
    });
  }
});
