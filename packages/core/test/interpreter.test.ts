// The interpreter as a backend: memory and its checks.
import { describe, expect, it } from 'vitest';
import {
  type Backend,
  contractVersion,
  dtypes,
  InternalError,
  interpreter,
  type Program,
} from '../src/index.ts';
import { at, host, input, loop, output, program, temporary } from './programs.ts';

/** out = x * param, by way of a temporary. */
const scale: Program = program(
  [input('float32', 3), temporary('float32', 3, 256), output('float32', 3)],
  [
    loop({
      extents: [3],
      epilogue: [
        { op: 'load', dtype: 'float32', access: at(0, [1]) },
        { op: 'param', dtype: 'float32', index: 0 },
        { op: 'mul', dtype: 'float32', args: [0, 1] },
      ],
      stores: [{ access: at(1, [1]), value: 2 }],
    }),
    { kind: 'copy', name: 'copy', source: 1, target: 2 },
  ],
  ['float32'],
  512,
);

function upload(backend: Backend, values: readonly number[]) {
  const buffer = backend.allocate('float32', values.length);
  backend.write(buffer, host('float32', values));
  return buffer;
}

describe('interpreter', () => {
  it('states the contract and every dtype', () => {
    const backend = interpreter();
    expect(backend.name).toBe('interpreter');
    expect(interpreter({ name: 'other' }).name).toBe('other');
    expect(backend.contractVersion).toBe(contractVersion);
    expect([...backend.capabilities.dtypes]).toEqual(dtypes);
    expect(backend.capabilities.synchronousRead).toBe(true);
  });

  it('runs a program again with other params and buffers', async () => {
    const backend = interpreter();
    const executable = backend.compile(scale);
    const out = backend.allocate('float32', 3);
    backend.run(executable, [upload(backend, [1, 2, 3])], [out], [2]);
    expect([...(await backend.read(out))]).toEqual([2, 4, 6]);
    backend.run(executable, [upload(backend, [5, 5, 5])], [out], [-1]);
    expect([...backend.readSync(out)]).toEqual([-5, -5, -5]);
  });

  it('reads and writes copies', () => {
    const backend = interpreter();
    const given = host('float32', [1, 2]);
    const buffer = backend.allocate('float32', 2);
    backend.write(buffer, given);
    given[0] = 9;
    backend.readSync(buffer)[1] = 9;
    expect([...backend.readSync(buffer)]).toEqual([1, 2]);
    const twin = backend.allocate('float32', 2);
    backend.copy(buffer, twin);
    backend.write(buffer, given);
    expect([...backend.readSync(twin)]).toEqual([1, 2]);
  });

  it('shows memory that was never written', () => {
    const backend = interpreter();
    expect([...backend.readSync(backend.allocate('float32', 2))]).toEqual([NaN, NaN]);
    expect([...backend.readSync(backend.allocate('float64', 1))]).toEqual([NaN]);
    expect([...backend.readSync(backend.allocate('int32', 1))]).toEqual([-1]);
    // The temporary is read before anything is stored there, in a used arena too.
    const broken = { ...scale, kernels: [scale.kernels[1]] };
    const out = backend.allocate('float32', 3);
    backend.run(backend.compile(scale), [upload(backend, [1, 2, 3])], [out], [1]);
    backend.run(backend.compile(broken), [upload(backend, [1, 2, 3])], [out], [1]);
    expect([...backend.readSync(out)]).toEqual([NaN, NaN, NaN]);
  });

  it('counts live and peak bytes, the arena included', () => {
    const backend = interpreter();
    const a = backend.allocate('float32', 100);
    const b = backend.allocate('bool', 7);
    expect(backend.memory()).toEqual({ liveBytes: 407, peakBytes: 407 });
    backend.free(a);
    expect(backend.memory()).toEqual({ liveBytes: 7, peakBytes: 407 });
    backend.free(b);
    const [x, y] = [upload(backend, [1, 2, 3]), backend.allocate('float32', 3)];
    const executable = backend.compile(scale);
    for (let i = 0; i < 3; i++) backend.run(executable, [x], [y], [i]);
    expect(backend.memory()).toEqual({ liveBytes: 512 + 24, peakBytes: 512 + 24 });
    backend.free(x);
    backend.free(y);
    backend.dispose();
    expect(backend.memory().liveBytes).toBe(0);
  });

  it('finds misuse of memory', async () => {
    const backend = interpreter();
    const freed = backend.allocate('float32', 3);
    backend.free(freed);
    expect(() => backend.free(freed)).toThrow(InternalError);
    expect(() => backend.readSync(freed)).toThrow('interpreter: readSync was given a freed buffer');
    await expect(backend.read(freed)).rejects.toThrow('read was given a freed buffer');
    expect(() => backend.write(freed, host('float32', [1, 2, 3]))).toThrow('freed');
    expect(() => backend.copy(freed, backend.allocate('float32', 3))).toThrow('freed');
    const executable = backend.compile(scale);
    expect(() => backend.run(executable, [freed], [backend.allocate('float32', 3)], [1])).toThrow('freed');
    expect(() => backend.free({ dtype: 'float32', length: 1, bytes: 4 })).toThrow('of another backend');
  });

  it('finds data and buffers that do not fit', () => {
    const backend = interpreter();
    const three = backend.allocate('float32', 3);
    expect(() => backend.write(three, host('float32', [1]))).toThrow(
      'interpreter: 1 elements of Float32Array do not fit a buffer of 3 of Float32Array',
    );
    expect(() => backend.write(three, host('int32', [1, 2, 3]))).toThrow(
      '3 elements of Int32Array do not fit',
    );
    expect(() => backend.copy(backend.allocate('float32', 2), three)).toThrow('2 elements');
    const executable = backend.compile(scale);
    expect(() => backend.run(executable, [three], [three], [1])).toThrow('run: an input is an output');
    expect(() => backend.run(executable, [three], [], [1])).toThrow(
      'run: a program of 1 inputs and 1 outputs was given 1 and 0',
    );
    expect(() => backend.run(executable, [three], [backend.allocate('float32', 3)], [])).toThrow('params');
  });
});
