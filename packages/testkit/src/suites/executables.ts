// Executables: given back, and timed.
import type { Backend, DType, Program } from '@nn/core';
import { load, ProgramBuilder, rowMajor } from '../build.ts';
import { expectArraysClose } from '../compare.ts';
import { type Context, expectNoLeak } from '../context.ts';
import { interpret } from '../device.ts';
import { check } from '../runner.ts';
import { moderate } from '../values.ts';

const length = 300;

export function executablesSuite({ test, dtypes }: Context): void {
  const dtype = dtypes.find((one) => one === 'float32') ?? dtypes.find((one) => one !== 'bool');
  if (dtype === undefined) return;
  const data = moderate(dtype, length);

  test('compiling and releasing in a loop keeps memory flat', async (backend) => {
    const buffers = [backend.allocate(dtype, length), backend.allocate(dtype, length)];
    const once = (): void => {
      const executable = backend.compile(doublingProgram(backend, dtype));
      backend.run(executable, [buffers[0]], [buffers[1]], []);
      backend.release(executable);
    };
    backend.write(buffers[0], data);
    once();
    await backend.synchronize();
    await expectNoLeak(backend, async () => {
      for (let i = 0; i < 100; i++) once();
    });
    for (const buffer of buffers) backend.free(buffer);
  });

  test('releasing leaves work under way, and others of the same program, as they are', async (backend) => {
    const program = doublingProgram(backend, dtype);
    const [released, other] = [backend.compile(program), backend.compile(program)];
    const [from, first, second] = [0, 1, 2].map(() => backend.allocate(dtype, length));
    backend.write(from, data);
    backend.run(released, [from], [first], []);
    backend.release(released);
    backend.run(other, [from], [second], []);
    const [expected] = interpret(program, [data]);
    expectArraysClose(dtype, await backend.read(first), expected);
    expectArraysClose(dtype, await backend.read(second), expected);
    backend.release(other);
    for (const buffer of [from, first, second]) backend.free(buffer);
  });

  test('a timed run computes as others do, and times each kernel', async (backend) => {
    if (backend.runTimed === undefined) return;
    const program = doublingProgram(backend, dtype);
    const executable = backend.compile(program);
    const [from, to] = [backend.allocate(dtype, length), backend.allocate(dtype, length)];
    const [expected] = interpret(program, [data]);
    for (let run = 0; run < 3; run++) {
      backend.write(from, data);
      backend.write(to, moderate(dtype, length, 9));
      const times = await backend.runTimed(executable, [from], [to], []);
      check(
        times.length === program.kernels.length,
        `${times.length} times for ${program.kernels.length} kernels`,
      );
      for (const time of times)
        check(Number.isFinite(time) && time >= 0 && time < 60_000, `a kernel took ${time} ms`);
      expectArraysClose(dtype, await backend.read(to), expected);
    }
    await expectNoLeak(backend, async () => {
      for (let run = 0; run < 10; run++) await backend.runTimed?.(executable, [from], [to], []);
    });
    backend.release(executable);
    for (const buffer of [from, to]) backend.free(buffer);
  });
}

/** Three kernels, of which the second has nothing to do. */
function doublingProgram(backend: Backend, dtype: DType): Program {
  const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
  const [from, to] = [builder.input(dtype, length), builder.output(dtype, length)];
  const [between, nothing] = [builder.temporary(dtype, length), builder.temporary(dtype, 0)];
  const double = (source: number, extents: readonly number[], target: number): void =>
    builder.map(
      extents,
      [load(dtype, rowMajor(source, extents)), { op: 'add', dtype, args: [0, 0] }],
      1,
      target,
    );
  double(from, [length], between);
  double(from, [0], nothing);
  double(between, [length], to);
  return builder.build();
}
