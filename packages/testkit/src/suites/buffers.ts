// Memory: writing, reading, copying, order, and counting.
import { type DType, type HostArray, hostArray } from '@nn/core';
import { load, ProgramBuilder, rowMajor } from '../build.ts';
import { expectArraysClose } from '../compare.ts';
import { type Context, expectNoLeak } from '../context.ts';
import { check } from '../runner.ts';
import { extremes, hostOf, moderate } from '../values.ts';

/** Lengths around the sizes of words, cache lines and workgroups. */
const lengths = [0, 1, 2, 3, 5, 7, 31, 64, 65, 255, 1023, 4097];

export function buffersSuite({ test, dtypes }: Context): void {
  for (const dtype of dtypes) {
    test(`write and read/${dtype}`, async (backend) => {
      for (const length of lengths) {
        const buffer = backend.allocate(dtype, length);
        check(
          buffer.dtype === dtype && buffer.length === length,
          'the buffer states another dtype or length',
        );
        const data = moderate(dtype, length, length + 1);
        backend.write(buffer, data);
        expectArraysClose(dtype, await backend.read(buffer), data);
        backend.free(buffer);
      }
    });

    test(`extreme values/${dtype}`, async (backend) => {
      const data = hostOf(dtype, extremes(dtype, true));
      const buffer = backend.allocate(dtype, data.length);
      backend.write(buffer, data);
      expectArraysClose(dtype, await backend.read(buffer), data);
      backend.free(buffer);
    });

    test(`copy/${dtype}`, async (backend) => {
      for (const length of lengths) {
        const [source, target] = [backend.allocate(dtype, length), backend.allocate(dtype, length)];
        const data = moderate(dtype, length, length + 2);
        backend.write(source, data);
        backend.copy(source, target);
        // What is written to the source later must not reach the copy.
        backend.write(source, hostArray(dtype, length));
        expectArraysClose(dtype, await backend.read(target), data);
        backend.free(source);
        backend.free(target);
      }
    });
  }

  const [dtype] = dtypes.includes('float32') ? (['float32'] as const) : dtypes;

  test('writes take a copy, reads give one', async (backend) => {
    const buffer = backend.allocate(dtype, 5);
    const data = moderate(dtype, 5);
    const kept = data.slice();
    backend.write(buffer, data);
    data.reverse();
    const first = await backend.read(buffer);
    expectArraysClose(dtype, first, kept);
    first.reverse();
    expectArraysClose(dtype, await backend.read(buffer), kept);
    backend.free(buffer);
  });

  test('writes take views into larger arrays', async (backend) => {
    const whole = moderate(dtype, 11);
    const part = whole.subarray(3, 8) as HostArray;
    const buffer = backend.allocate(dtype, 5);
    backend.write(buffer, part);
    expectArraysClose(dtype, await backend.read(buffer), part.slice());
    backend.free(buffer);
  });

  test('a read sees what came before it, and nothing later', async (backend) => {
    const [old, later] = [moderate(dtype, 9, 1), moderate(dtype, 9, 2)];
    const buffer = backend.allocate(dtype, 9);
    backend.write(buffer, old);
    const reading = backend.read(buffer);
    backend.write(buffer, later);
    const readingAgain = backend.read(buffer);
    backend.free(buffer);
    const [first, second] = await Promise.all([reading, readingAgain]);
    expectArraysClose(dtype, first, old);
    expectArraysClose(dtype, second, later);
  });

  test('a run sees the writes before it', async (backend) => {
    const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
    const [from, to] = [builder.input(dtype, 9), builder.output(dtype, 9)];
    builder.map([9], [load(dtype, rowMajor(from, [9]))], 0, to);
    const executable = backend.compile(builder.build());
    const [source, first, second] = [0, 1, 2].map(() => backend.allocate(dtype, 9));
    backend.write(source, moderate(dtype, 9, 1));
    backend.run(executable, [source], [first], []);
    backend.write(source, moderate(dtype, 9, 2));
    backend.run(executable, [source], [second], []);
    backend.free(source);
    expectArraysClose(dtype, await backend.read(first), moderate(dtype, 9, 1));
    expectArraysClose(dtype, await backend.read(second), moderate(dtype, 9, 2));
    backend.free(first);
    backend.free(second);
  });

  test('memory is counted, and goes back when freed', async (backend) => {
    await expectNoLeak(backend, async () => {
      const before = backend.memory().liveBytes;
      const buffers = [1, 100, 5000].map((length) => backend.allocate(dtype, length));
      const { liveBytes, peakBytes } = backend.memory();
      const needed = buffers.reduce((total, buffer) => total + buffer.bytes, 0);
      // A device may keep books beside its buffers.
      check(liveBytes - before >= needed, `${liveBytes - before} live bytes for buffers of ${needed}`);
      check(needed >= 5101 * backend.bytesPerElement(dtype), `the buffers state only ${needed} bytes`);
      check(peakBytes >= liveBytes, `the peak of ${peakBytes} is below the ${liveBytes} that live`);
      for (const buffer of buffers) backend.free(buffer);
    });
  });

  test('allocating and freeing in a loop stays flat', async (backend) => {
    await expectNoLeak(backend, async () => {
      for (let i = 0; i < 200; i++) {
        const buffer = backend.allocate(dtype, 100 + (i % 7) * 300);
        backend.write(buffer, hostArray(dtype as DType, buffer.length));
        backend.free(buffer);
      }
    });
  });
}
