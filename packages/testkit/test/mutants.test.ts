// The kit finds broken backends: each of these is the interpreter with one thing wrong.
import {
  type Backend,
  type DeviceBuffer,
  type Executable,
  type HostArray,
  type Instruction,
  interpreter,
  type Kernel,
  type LoopKernel,
  type Program,
} from '@nn/core';
import { describe, expect, it } from 'vitest';
import { type TestBackendOptions, testBackend } from '../src/index.ts';

/** Runs one suite of the kit, and what comes at its end, and gives the names of the tests that fail. */
async function failuresOf(
  suite: string,
  backend: Backend,
  options: Partial<TestBackendOptions> = {},
): Promise<string[]> {
  const tests: [string, () => Promise<void>][] = [];
  const collect = Object.assign((name: string, body: () => Promise<void>) => void tests.push([name, body]), {
    skip: () => {},
  });
  const runner = { describe: (_: string, body: () => void) => body(), it: collect };
  testBackend({ create: () => backend, test: runner, ...options });
  const failed: string[] = [];
  for (const [name, body] of tests)
    if (name.startsWith(`${suite}/`) || !name.includes('/')) await body().catch(() => failed.push(name));
  return failed;
}

/** The interpreter running altered programs. */
function altered(change: (program: Program) => Program): Backend {
  const inner = interpreter();
  const real = new WeakMap<Executable, Executable>();
  return {
    ...inner,
    compile(program) {
      const executable = { program };
      real.set(executable, inner.compile(change(program)));
      return executable;
    },
    run: (executable, ...rest) => inner.run(real.get(executable) as Executable, ...rest),
  };
}

const withKernels = (change: (kernel: Kernel) => Kernel) =>
  altered((program) => ({ ...program, kernels: program.kernels.map(change) }));

const withLoops = (change: (kernel: LoopKernel) => LoopKernel) =>
  withKernels((kernel) => (kernel.kind === 'loop' ? change(kernel) : kernel));

const withInstructions = (change: (instruction: Instruction) => Instruction) =>
  withLoops((kernel) => ({ ...kernel, epilogue: kernel.epilogue.map(change) }));

/** One instruction done as another. */
const without = (op: string, other: string) =>
  withInstructions((instruction) =>
    instruction.op === op ? ({ ...instruction, op: other } as Instruction) : instruction,
  );

/** One store, in a loop of its own: what a later one loads, an earlier one may have overwritten. */
const withSingleStores = altered((program) => ({
  ...program,
  kernels: program.kernels.flatMap((kernel): Kernel[] =>
    kernel.kind === 'loop' ? kernel.stores.map((store) => ({ ...kernel, stores: [store] })) : [kernel],
  ),
}));

const withSteps = (change: (steps: readonly LoopKernel[], rows: number) => readonly LoopKernel[]) =>
  withKernels((kernel) =>
    kernel.kind === 'rows'
      ? {
          ...kernel,
          steps: change(
            kernel.steps,
            kernel.extents.reduce((size, extent) => size * extent, 1),
          ),
        }
      : kernel,
  );

const withParts = (change: (parts: readonly LoopKernel[]) => readonly LoopKernel[]) =>
  withKernels((kernel) => (kernel.kind === 'parallel' ? { ...kernel, parts: change(kernel.parts) } : kernel));

/** The interpreter with other inputs at a run. */
function withInputs(
  change: (inner: Backend, executable: Executable, inputs: readonly DeviceBuffer[]) => DeviceBuffer[],
): Backend {
  const inner = interpreter();
  return {
    ...inner,
    run: (executable, inputs, ...rest) => inner.run(executable, change(inner, executable, inputs), ...rest),
  };
}

/** The interpreter with timed runs. */
function timed(count: (program: Program) => number, computes = true): Backend {
  const inner = interpreter();
  return {
    ...inner,
    async runTimed(executable, ...rest) {
      if (computes) inner.run(executable, ...rest);
      return Array.from({ length: count(executable.program) }, () => 0.5);
    },
  };
}

const isInput = ({ role }: Program['buffers'][number]): boolean => role === 'input' || role === 'updated';

const few = { dtypes: ['bool', 'int32', 'float32'] as const };
const limited = (backend: Backend): Backend => ({
  ...backend,
  capabilities: { ...backend.capabilities, dtypes: new Set(few.dtypes) },
});

describe('the kit', () => {
  it.each<[string, Backend, string]>([
    ['a missing operation', without('rem', 'div'), 'scalars/int32/rem'],
    ['floor for trunc', without('trunc', 'floor'), 'scalars/float32/trunc'],
    [
      'an arithmetic shift for a logical one',
      without('shiftRightUnsigned', 'shiftRight'),
      'scalars/int32/shiftRightUnsigned',
    ],
    ['expm1 by exp', without('expm1', 'exp'), 'scalars/float32/expm1'],
    [
      'params that stay those of the first run',
      (() => {
        const inner = interpreter();
        const first = new WeakMap<Executable, readonly (number | bigint)[]>();
        return {
          ...inner,
          run(
            executable: Executable,
            inputs: readonly DeviceBuffer[],
            outputs: readonly DeviceBuffer[],
            params,
          ) {
            if (!first.has(executable)) first.set(executable, params);
            inner.run(executable, inputs, outputs, first.get(executable) as readonly number[]);
          },
        } satisfies Backend;
      })(),
      'programs/a program runs again with other params and buffers',
    ],
    [
      'guards of stores ignored where they can be',
      withLoops((kernel) => ({
        ...kernel,
        stores: kernel.stores.map(({ access, value }) => ({
          value,
          access: { ...access, guards: access.guards.map((guard) => ({ ...guard, size: guard.size + 1 })) },
        })),
      })),
      'accesses/float32/guarded stores leave the rest',
    ],
    [
      'the last scatter losing',
      withKernels((kernel) =>
        kernel.kind === 'scatter' && kernel.mode === 'set' ? { ...kernel, mode: 'max' } : kernel,
      ),
      'ordered/scatter/int32/set',
    ],
    [
      'descending sorts ascending',
      withKernels((kernel) => (kernel.kind === 'argsort' ? { ...kernel, descending: false } : kernel)),
      'ordered/argsort/float32/descending',
    ],
    [
      'a scan of one line less',
      withKernels((kernel) => (kernel.kind === 'scan' ? { ...kernel, outer: kernel.outer - 1 } : kernel)),
      'ordered/scan/float32/sum',
    ],
    [
      'a dot of one row less',
      withLoops((kernel) =>
        kernel.producer?.kind === 'dot'
          ? { ...kernel, extents: kernel.extents.map((n, i) => (i === 1 && n > 64 ? 64 : n)) }
          : kernel,
      ),
      'dots/float32/NN',
    ],
    [
      'arrays that are handed out',
      (() => {
        const inner = interpreter();
        const handed = new Map<DeviceBuffer, HostArray>();
        const write = (buffer: DeviceBuffer, data: HostArray): void => {
          handed.set(buffer, data);
          inner.write(buffer, data);
        };
        const read = async (buffer: DeviceBuffer): Promise<HostArray> =>
          handed.get(buffer) ?? inner.read(buffer);
        return { ...inner, write, read };
      })(),
      'buffers/writes take a copy, reads give one',
    ],
    [
      'reads that come late',
      (() => {
        const inner = interpreter();
        return {
          ...inner,
          read: async (buffer: DeviceBuffer) => Promise.resolve().then(() => inner.read(buffer)),
        };
      })(),
      'buffers/a read sees what came before it, and nothing later',
    ],
    [
      'memory that is not counted back',
      (() => {
        const inner = interpreter();
        let freed = 0;
        const free = (buffer: DeviceBuffer): void => {
          freed += buffer.bytes;
          inner.free(buffer);
        };
        const memory = () => {
          const { liveBytes, peakBytes } = inner.memory();
          return { liveBytes: liveBytes + freed, peakBytes: peakBytes + freed };
        };
        return { ...inner, free, memory };
      })(),
      'buffers/memory is counted, and goes back when freed',
    ],
    [
      'steps of rows in another order',
      withSteps((steps) => [...steps.slice(1), steps[0]]),
      'rows/steps see what earlier ones wrote/float32',
    ],
    [
      'all rows but those beyond a workgroup',
      withSteps((steps, rows) =>
        rows <= 256
          ? steps
          : steps.map((step) => ({ ...step, extents: step.extents.map((n, dim) => (dim === 0 ? 256 : n)) })),
      ),
      'rows/steps see what earlier ones wrote/float32',
    ],
    [
      'a row that ends with its first lanes',
      withSteps((steps) =>
        steps.map((step) => ({
          ...step,
          extents: step.extents.map((n, dim) => (dim === 1 ? Math.min(n, 256) : n)),
        })),
      ),
      'rows/steps see what earlier ones wrote/float32',
    ],
    [
      'a sum of the row before it was overwritten, after it was',
      withSteps((steps) => (steps.length === 3 ? [steps[1], steps[0], steps[2]] : steps)),
      'rows/a step overwrites what earlier ones read',
    ],
    ['independent loops beyond eight', withParts((parts) => parts.slice(0, 8)), 'rows/independent loops'],
    [
      'independent loops that all have the extents of the first',
      withParts((parts) => parts.map((part) => ({ ...part, extents: part.extents.map(() => 1) }))),
      'rows/independent loops',
    ],
    ['stores that later loads see', withSingleStores, 'updates/two buffers take each the value of both'],
    [
      'updates of a copy',
      withInputs((inner, { program }, inputs) => {
        const specs = program.buffers.filter(isInput);
        return inputs.map((buffer, i) => {
          if (specs[i].role === 'input') return buffer;
          const copy = inner.allocate(buffer.dtype, buffer.length);
          inner.copy(buffer, copy);
          return copy;
        });
      }),
      'updates/an input updated in place/float32',
    ],
    [
      'updated buffers bound before the inputs',
      withInputs((_, { program }, inputs) => {
        const specs = program.buffers.filter(isInput);
        const first = inputs.filter((_, i) => specs[i].role === 'updated');
        const fits = specs.every(
          ({ length, dtype }) => length === specs[0].length && dtype === specs[0].dtype,
        );
        return fits ? [...first, ...inputs.filter((_, i) => specs[i].role === 'input')] : [...inputs];
      }),
      'updates/inputs and outputs are bound in their order',
    ],
    [
      'buffers that stay those of the first run',
      (() => {
        const first = new WeakMap<Executable, DeviceBuffer[]>();
        return withInputs((_, executable, inputs) => {
          if (!first.has(executable)) first.set(executable, [...inputs]);
          return first.get(executable) as DeviceBuffer[];
        });
      })(),
      'updates/runs add up, in whichever buffer is given',
    ],
    [
      'releases that take others along',
      (() => {
        const inner = interpreter();
        const gone = new WeakSet<Program>();
        return {
          ...inner,
          release: ({ program }: Executable) => void gone.add(program),
          run(executable, ...rest) {
            if (gone.has(executable.program)) throw new Error('released');
            inner.run(executable, ...rest);
          },
        } satisfies Backend;
      })(),
      'executables/releasing leaves work under way, and others of the same program, as they are',
    ],
    [
      'executables that are never given back',
      (() => {
        const inner = interpreter();
        let held = 0;
        return {
          ...inner,
          compile(program: Program) {
            held += 64;
            return inner.compile(program);
          },
          memory() {
            const { liveBytes, peakBytes } = inner.memory();
            return { liveBytes: liveBytes + held, peakBytes: peakBytes + held };
          },
        } satisfies Backend;
      })(),
      'executables/compiling and releasing in a loop keeps memory flat',
    ],
    [
      'times of what is dispatched, not of kernels',
      timed(
        (program) =>
          program.kernels.filter((kernel) => kernel.kind !== 'loop' || kernel.extents[0] > 0).length,
      ),
      'executables/a timed run computes as others do, and times each kernel',
    ],
    [
      'timed runs that compute nothing',
      timed((program) => program.kernels.length, false),
      'executables/a timed run computes as others do, and times each kernel',
    ],
    ['another contract', { ...interpreter(), contractVersion: 7 }, 'contract/version'],
  ])('finds %s', async (_, backend, name) => {
    expect(await failuresOf(name.split('/')[0], limited(backend), few)).toContain(name);
  });

  it('has nothing against timed runs that are right', async () => {
    const backend = limited(timed((program) => program.kernels.length));
    expect(await failuresOf('executables', backend, few)).toEqual([]);
  });

  it('finds naive sums', async () => {
    // Adds in float32 one by one: what the interpreter computes when each partial sum is stored.
    const inner = interpreter();
    const naive = new WeakSet<Executable>();
    const backend: Backend = {
      ...inner,
      compile(program) {
        const executable = inner.compile(program);
        const [kernel] = program.kernels;
        const sums = kernel?.kind === 'loop' && kernel.producer?.kind === 'reduce' && kernel.extents[1] === 1;
        if (sums && kernel.producer.kind === 'reduce' && kernel.producer.accumulators[0].op === 'sum')
          naive.add(executable);
        return executable;
      },
      run(executable, inputs, outputs, params) {
        inner.run(executable, inputs, outputs, params);
        if (!naive.has(executable) || inputs[0].dtype !== 'float32' || inputs.length !== 1) return;
        const data = inner.readSync(inputs[0]) as Float32Array;
        const sums = new Float32Array(outputs[0].length);
        const run = data.length / sums.length;
        for (let i = 0; i < data.length; i++) sums[Math.floor(i / run)] += data[i];
        if (run > 0) inner.write(outputs[0], sums);
      },
    };
    expect(await failuresOf('reductions', limited(backend), few)).toContain(
      'reductions/a long sum stays accurate',
    );
  });

  it('runs the suites that it is asked for alone', async () => {
    const declared: string[] = [];
    const it = Object.assign((name: string) => void declared.push(name), { skip: () => {} });
    const test = { describe: (_: string, body: () => void) => body(), it };
    testBackend({ create: () => interpreter(), test, suites: ['buffers', 'rows'] });
    const suites = new Set(declared.slice(0, -2).map((name) => name.split('/')[0]));
    expect([...suites]).toEqual(['buffers', 'rows']);
  });

  it('finds dtypes that are not refused, and names that do not exist', async () => {
    const failed = await failuresOf('contract', limited(interpreter()), {
      ...few,
      skip: ['scalars/float32/epx'],
    });
    expect(failed.sort()).toEqual([
      'contract/refuses/bfloat16',
      'contract/refuses/float16',
      'contract/refuses/float64',
      'contract/refuses/int16',
      'contract/refuses/int64',
      'contract/refuses/int8',
      'contract/refuses/uint8',
      'skipped names exist',
    ]);
  });
});
