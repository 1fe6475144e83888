// What an executable dispatches, submits and holds.
import { type BufferSpec, type DeviceBuffer, InternalError, type LoopKernel, type Program } from '@nn/core';
import { access, load, ProgramBuilder } from '@nn/testkit';
import type { WebGpuBackend } from '@nn/webgpu';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createBackend, dispatchesOf, spyOnDevices } from './support.ts';

const dtype = 'float32';
let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await createBackend();
});
afterAll(() => backend.dispose());
afterEach(() => vi.restoreAllMocks());

const builderFor = (): ProgramBuilder => new ProgramBuilder((one) => backend.bytesPerElement(one));

const allocate = (length: number): DeviceBuffer => backend.allocate(dtype, length);

/** Adds a param in each of `count` kernels, one after the other. */
function chain(length: number, count: number): Program {
  const builder = builderFor();
  const param = builder.param(dtype);
  let from = builder.input(dtype, length);
  const last = builder.output(dtype, length);
  for (let at = 0; at < count; at++) {
    const to = at === count - 1 ? last : builder.temporary(dtype, length);
    builder.map(
      [length],
      [
        load(dtype, access(from, [1])),
        { op: 'param', dtype, index: param },
        { op: 'add', dtype, args: [0, 1] },
      ],
      2,
      to,
    );
    from = to;
  }
  return builder.build();
}

/** x less the sum of its row. */
function rowsProgram(rows: number, columns: number): Program {
  const builder = builderFor();
  const x = builder.input(dtype, rows * columns);
  const [sums, y] = [builder.temporary(dtype, rows), builder.output(dtype, rows * columns)];
  const each = load(dtype, access(x, [columns, 1]));
  builder.rows(
    [rows],
    [
      {
        extents: [rows],
        producer: {
          kind: 'reduce',
          extents: [columns],
          body: [each],
          accumulators: [{ op: 'sum', value: 0, dtype }],
        },
        epilogue: [{ op: 'result', dtype, index: 0 }],
        stores: [{ access: access(sums, [1]), value: 0 }],
      },
      {
        extents: [rows, columns],
        epilogue: [each, load(dtype, access(sums, [1, 0])), { op: 'sub', dtype, args: [0, 1] }],
        stores: [{ access: access(y, [columns, 1]), value: 2 }],
      },
    ],
  );
  return builder.build();
}

function parallelProgram(parts: number): Program {
  const builder = builderFor();
  const loops = Array.from({ length: parts }, (_, at): Partial<LoopKernel> => {
    const [value, gradient] = [builder.updated(dtype, 10 + at), builder.input(dtype, 10 + at)];
    return {
      extents: [10 + at],
      epilogue: [
        load(dtype, access(value, [1])),
        load(dtype, access(gradient, [1])),
        { op: 'sub', dtype, args: [0, 1] },
      ],
      stores: [{ access: access(value, [1]), value: 2 }],
    };
  });
  builder.parallel(loops);
  return builder.build();
}

describe('dispatches', () => {
  it.each(['gpu', 'software'] as const)(
    'rows are one, unless they are few and long (%s)',
    async (kernels) => {
      const other = await createBackend({ kernels });
      expect(dispatchesOf(other.compile(rowsProgram(1000, 100)))).toHaveLength(1);
      expect(dispatchesOf(other.compile(rowsProgram(1, 500)))).toHaveLength(1);
      expect(dispatchesOf(other.compile(rowsProgram(2, 100_000))).length).toBeGreaterThan(1);
      other.dispose();
    },
  );

  it('rows of other sizes are the same code', () => {
    const codes = [rowsProgram(64, 10), rowsProgram(48, 10), rowsProgram(37, 300)].map((program) => {
      const executable = backend.compile(program) as unknown as {
        launches: readonly { source: { code: string } }[];
      };
      return executable.launches.map(({ source }) => source.code).join();
    });
    expect(new Set(codes).size).toBe(1);
  });

  it('independent loops share them, as far as there are bindings', () => {
    expect(dispatchesOf(backend.compile(parallelProgram(2)))).toHaveLength(1);
    // Two buffers each; every adapter binds eight, some more.
    const many = dispatchesOf(backend.compile(parallelProgram(20)));
    expect(many.length).toBeGreaterThan(1);
    expect(many.length).toBeLessThanOrEqual(5);
  });
});

describe('submissions', () => {
  it('are one a run, copies before it included', async () => {
    const { submits } = await spyOnDevices();
    const executable = backend.compile(chain(100, 10));
    const [x, copied, y] = [allocate(100), allocate(100), allocate(100)];
    submits.mockClear();
    for (let run = 0; run < 3; run++) {
      backend.write(x, new Float32Array(100).fill(run));
      backend.copy(x, copied);
      backend.run(executable, [copied], [y], [run]);
    }
    expect(submits).toHaveBeenCalledTimes(3);
    expect((await backend.read(y))[99]).toBe(22);
    for (const buffer of [x, copied, y]) backend.free(buffer);
  });

  it('are in order, though copies wait', async () => {
    const [a, b, c] = [allocate(4), allocate(4), allocate(4)];
    backend.write(a, new Float32Array(4).fill(1));
    backend.copy(a, b);
    backend.write(a, new Float32Array(4).fill(2));
    backend.copy(b, c);
    backend.copy(a, b);
    backend.free(a);
    expect(await Promise.all([backend.read(b), backend.read(c)])).toEqual([
      new Float32Array(4).fill(2),
      new Float32Array(4).fill(1),
    ]);
    backend.free(b);
    backend.free(c);
  });
});

describe('what it holds', () => {
  it('stays flat over ten thousand compilations, runs and releases', { timeout: 120_000 }, async () => {
    const program = chain(64, 3);
    const [x, y] = [allocate(64), allocate(64)];
    const once = (): void => {
      const executable = backend.compile(program);
      backend.run(executable, [x], [y], [1]);
      backend.release(executable);
    };
    const grown = await growth(10_000, once);
    backend.free(x);
    backend.free(y);
    expect(grown).toBeLessThan(64 * 2 ** 20);
  });

  it('stays flat over ten thousand runs, each with other buffers', { timeout: 120_000 }, async () => {
    const executable = backend.compile(chain(64, 3));
    const buffers = Array.from({ length: 50 }, () => allocate(64));
    let run = 0;
    const once = (): void => {
      run++;
      const x = buffers[run % buffers.length];
      const y = buffers[(run * 7 + 3) % buffers.length];
      if (x !== y) backend.run(executable, [x], [y], [run]);
    };
    const grown = await growth(10_000, once);
    for (const buffer of buffers) backend.free(buffer);
    backend.release(executable);
    expect(grown).toBeLessThan(32 * 2 ** 20);
  });

  it('is gone after the release', () => {
    const executable = backend.compile(chain(4, 1));
    const [x, y] = [allocate(4), allocate(4)];
    backend.release(executable);
    backend.release(executable);
    expect(() => backend.run(executable, [x], [y], [1])).toThrow(InternalError);
    backend.free(x);
    backend.free(y);
  });
});

/** Bytes that the process grows by in so many calls, after as many to begin with. */
async function growth(calls: number, once: () => void): Promise<number> {
  const rest = async (): Promise<number> => {
    await backend.synchronize();
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return process.memoryUsage().rss;
  };
  const many = async (): Promise<number> => {
    for (let call = 1; call <= calls; call++) {
      once();
      if (call % 1000 === 0) await rest();
    }
    return rest();
  };
  const before = await many();
  const { liveBytes } = backend.memory();
  const after = await many();
  expect(backend.memory().liveBytes).toBe(liveBytes);
  return after - before;
}

describe('timed runs', () => {
  const bound = ({ buffers }: Program, role: BufferSpec['role']): DeviceBuffer[] =>
    buffers.filter((spec) => spec.role === role).map(({ length }) => allocate(length));

  it('tell long kernels from short ones', async () => {
    const builder = builderFor();
    const [x, y] = [builder.input(dtype, 2 ** 20), builder.output(dtype, 2 ** 20)];
    const twice = (length: number): void =>
      builder.map([length], [load(dtype, access(x, [1])), { op: 'exp', dtype, args: [0] }], 1, y);
    twice(1);
    twice(2 ** 20);
    const program = builder.build();
    const executable = backend.compile(program);
    const [inputs, outputs] = [bound(program, 'input'), bound(program, 'output')];
    await backend.runTimed?.(executable, inputs, outputs, []);
    const times = await backend.runTimed?.(executable, inputs, outputs, []);
    expect(times).toHaveLength(2);
    const [short, long] = times as readonly number[];
    expect(long).toBeGreaterThan(short);
    for (const buffer of [...inputs, ...outputs]) backend.free(buffer);
    backend.release(executable);
  });

  it('add up the dispatches of a kernel, more than one query set holds', async () => {
    const program = chain(4, 2100);
    const executable = backend.compile(program);
    const [inputs, outputs] = [bound(program, 'input'), bound(program, 'output')];
    backend.write(inputs[0], new Float32Array(4));
    const times = await backend.runTimed?.(executable, inputs, outputs, [1]);
    expect(times).toHaveLength(2100);
    expect((await backend.read(outputs[0]))[3]).toBe(2100);
    for (const buffer of [...inputs, ...outputs]) backend.free(buffer);
    backend.release(executable);
  });

  it('are absent where the adapter has no timestamps', async () => {
    const other = await createBackend({ withoutFeatures: ['timestamp-query'] });
    expect(other.runTimed).toBeUndefined();
    other.dispose();
  });
});
