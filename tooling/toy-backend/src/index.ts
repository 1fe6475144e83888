// A third party's backend in its smallest form: memory of its own, programs run with the supplied interpreter.
// Copy it to start another one, then replace `interpretProgram` by what your device does.
import {
  type Backend,
  bytesPerElement,
  contractVersion,
  type DeviceBuffer,
  DeviceError,
  type DType,
  type Executable,
  type HostArray,
  hostArray,
  interpretProgram,
  type Kernel,
  type LoopKernel,
  type Program,
  UnsupportedError,
} from '@nn/core';

const supported: ReadonlySet<DType> = new Set(['bool', 'uint8', 'int32', 'int64', 'float32']);

class ToyBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly length: number;
  readonly bytes: number;
  data: HostArray | null;

  constructor(dtype: DType, length: number) {
    this.dtype = dtype;
    this.length = length;
    this.data = hostArray(dtype, length);
    this.bytes = this.data.byteLength;
  }
}

class ToyExecutable implements Executable {
  readonly program: Program;
  /** This toy gives each temporary an array of its own and leaves the plan of the arena alone. */
  readonly temporaries: readonly (HostArray | null)[];

  constructor(program: Program) {
    this.program = program;
    this.temporaries = program.buffers.map(({ dtype, length, role }) =>
      role === 'temporary' ? hostArray(dtype, length) : null,
    );
  }
}

function dataOf(buffer: DeviceBuffer): HostArray {
  if (!(buffer instanceof ToyBuffer)) throw new DeviceError('toy: the buffer belongs to another device');
  if (buffer.data === null) throw new DeviceError('toy: the buffer was freed');
  return buffer.data;
}

function loopsOf(kernel: Kernel): readonly LoopKernel[] {
  if (kernel.kind === 'rows') return kernel.steps;
  if (kernel.kind === 'parallel') return kernel.parts;
  return kernel.kind === 'loop' ? [kernel] : [];
}

/** Every dtype that a program touches: of its buffers, its params and its instructions. */
function dtypesOf(program: Program): Set<DType> {
  const found = new Set([...program.buffers.map((buffer) => buffer.dtype), ...program.params]);
  for (const kernel of program.kernels) {
    for (const { producer, epilogue } of loopsOf(kernel)) {
      const body = producer?.kind === 'reduce' ? producer.body : [];
      for (const { dtype } of [...body, ...epilogue]) found.add(dtype);
    }
  }
  return found;
}

/**
 * The device 'toy'.
 *
 * @example
 * ```ts no-run
 * import { use } from '@nn/tensor';
 * import { toy } from '@nn/toy-backend';
 * use(toy());
 * ```
 */
export function toy(): Backend {
  let liveBytes = 0;
  let peakBytes = 0;
  return {
    contractVersion,
    name: 'toy',
    capabilities: { dtypes: supported, synchronousRead: true },
    bytesPerElement,
    allocate(dtype, length) {
      const buffer = new ToyBuffer(dtype, length);
      liveBytes += buffer.bytes;
      peakBytes = Math.max(peakBytes, liveBytes);
      return buffer;
    },
    free(buffer) {
      dataOf(buffer);
      (buffer as ToyBuffer).data = null;
      liveBytes -= buffer.bytes;
    },
    write: (buffer, data) => (dataOf(buffer) as Float32Array).set(data as Float32Array),
    read: async (buffer) => dataOf(buffer).slice(),
    readSync: (buffer) => dataOf(buffer).slice(),
    copy: (source, target) => (dataOf(target) as Float32Array).set(dataOf(source) as Float32Array),
    compile(program) {
      for (const dtype of dtypesOf(program)) {
        if (supported.has(dtype)) continue;
        throw new UnsupportedError(
          `toy: '${program.kernels[0]?.name}' needs ${dtype}, which this device does not have. ` +
            `Convert to one of ${[...supported].join(', ')}, or use another device`,
        );
      }
      return new ToyExecutable(program);
    },
    run(executable, inputs, outputs, params) {
      const { program, temporaries } = executable as ToyExecutable;
      const [givenInputs, givenOutputs] = [inputs.values(), outputs.values()];
      const arrays = program.buffers.map(({ role }, i) => {
        if (role === 'temporary') return temporaries[i] as HostArray;
        return dataOf((role === 'output' ? givenOutputs : givenInputs).next().value as DeviceBuffer);
      });
      interpretProgram(program, arrays, params);
    },
    release() {},
    async synchronize() {},
    memory: () => ({ liveBytes, peakBytes }),
    dispose() {},
  };
}
