// The reference backend: the living definition of the kernel language, in plain TypeScript. It is slow, runs
// everywhere, knows every dtype, and checks what other devices take on trust: bounds, double frees, uses after
// free, and memory read before it was written (fresh memory is poisoned).
import { type Backend, contractVersion, type DeviceBuffer, type Executable } from '../backend.ts';
import { bytesPerElement, type DType, dtypes, type HostArray, hostArray } from '../dtype.ts';
import { InternalError } from '../errors.ts';
import type { BufferSpec, Program } from '../kernel.ts';
import { type LoweredProgram, lowerProgram } from './program.ts';
import { verifyArena } from './verify.ts';

export interface InterpreterOptions {
  /** The device's name; 'interpreter' by default. */
  readonly name?: string;
}

/** All ones is NaN in every float format and -1 or 255 in the integers: a value that shows. */
const poison = 0xff;

class InterpreterBuffer implements DeviceBuffer {
  readonly dtype: DType;
  readonly length: number;
  readonly bytes: number;
  /** Null once freed. */
  data: HostArray | null;

  constructor(dtype: DType, length: number) {
    this.dtype = dtype;
    this.length = length;
    this.data = hostArray(dtype, length);
    this.bytes = this.data.byteLength;
    new Uint8Array(this.data.buffer).fill(poison);
  }
}

class InterpreterExecutable implements Executable {
  readonly program: Program;
  readonly lowered: LoweredProgram;

  constructor(program: Program) {
    this.program = program;
    verifyArena(program, bytesPerElement);
    this.lowered = lowerProgram(program);
  }
}

/**
 * The reference interpreter as a device.
 *
 * @example
 * ```ts
 * import { use, interpreter } from '@nn/core';
 * use(interpreter());
 * ```
 */
export function interpreter({ name = 'interpreter' }: InterpreterOptions = {}): Backend {
  let arena = new ArrayBuffer(0);
  let bufferBytes = 0;
  let peakBytes = 0;

  const liveBytes = (): number => bufferBytes + arena.byteLength;
  const dataOf = (buffer: DeviceBuffer, what: string): HostArray => {
    if (!(buffer instanceof InterpreterBuffer))
      throw new InternalError(`${name}: ${what} was given a buffer of another backend`);
    if (buffer.data === null) throw new InternalError(`${name}: ${what} was given a freed buffer`);
    return buffer.data;
  };

  function arenaFor(bytes: number): ArrayBuffer {
    if (arena.byteLength < bytes) arena = new ArrayBuffer(bytes);
    new Uint8Array(arena, 0, bytes).fill(poison);
    peakBytes = Math.max(peakBytes, liveBytes());
    return arena;
  }

  const boundArrays = (
    program: Program,
    inputs: readonly DeviceBuffer[],
    outputs: readonly DeviceBuffer[],
  ): HostArray[] =>
    bind(
      program,
      inputs.map((buffer) => dataOf(buffer, 'run')),
      outputs.map((buffer) => dataOf(buffer, 'run')),
      program.arenaBytes > 0 ? arenaFor(program.arenaBytes) : arena,
    );

  return {
    contractVersion,
    name,
    capabilities: { dtypes: new Set(dtypes), synchronousRead: true, buffersPerKernel: 12 },
    bytesPerElement,
    allocate(dtype, length) {
      const buffer = new InterpreterBuffer(dtype, length);
      bufferBytes += buffer.bytes;
      peakBytes = Math.max(peakBytes, liveBytes());
      return buffer;
    },
    free(buffer) {
      dataOf(buffer, 'free');
      (buffer as InterpreterBuffer).data = null;
      bufferBytes -= buffer.bytes;
    },
    write(buffer, data) {
      copyInto(dataOf(buffer, 'write'), data, name);
    },
    async read(buffer) {
      return dataOf(buffer, 'read').slice();
    },
    readSync: (buffer) => dataOf(buffer, 'readSync').slice(),
    copy(source, target) {
      copyInto(dataOf(target, 'copy'), dataOf(source, 'copy'), name);
    },
    compile: (program) => new InterpreterExecutable(program),
    run(executable, inputs, outputs, params) {
      const { lowered } = executable as InterpreterExecutable;
      lowered.run(boundArrays(executable.program, inputs, outputs), params);
    },
    async runTimed(executable, inputs, outputs, params) {
      const { lowered } = executable as InterpreterExecutable;
      const times: number[] = [];
      lowered.run(boundArrays(executable.program, inputs, outputs), params, times);
      return times;
    },
    release() {},
    async synchronize() {},
    memory: () => ({ liveBytes: liveBytes(), peakBytes }),
    resetPeak() {
      peakBytes = liveBytes();
    },
    dispose() {
      arena = new ArrayBuffer(0);
    },
  };
}

function copyInto(target: HostArray, source: HostArray, name: string): void {
  if (target.length !== source.length || target.constructor !== source.constructor) {
    throw new InternalError(
      `${name}: ${source.length} elements of ${source.constructor.name} do not fit a buffer of ` +
        `${target.length} of ${target.constructor.name}`,
    );
  }
  (target as Float32Array).set(source as Float32Array);
}

/** One array for each of the program's buffers. */
function bind(
  { buffers }: Program,
  inputs: readonly HostArray[],
  outputs: readonly HostArray[],
  arena: ArrayBuffer,
): HostArray[] {
  let nextInput = 0;
  let nextOutput = 0;
  if (inputs.some((input) => outputs.includes(input))) throw new InternalError('run: an input is an output');
  const bound = buffers.map((spec) => {
    if (spec.role === 'input' || spec.role === 'updated') return inputs[nextInput++];
    return spec.role === 'output' ? outputs[nextOutput++] : viewOf(arena, spec);
  });
  if (nextInput !== inputs.length || nextOutput !== outputs.length) {
    throw new InternalError(
      `run: a program of ${nextInput} inputs and ${nextOutput} outputs was given ${inputs.length} and ${outputs.length}`,
    );
  }
  return bound;
}

function viewOf(arena: ArrayBuffer, { dtype, length, offset }: BufferSpec): HostArray {
  const ArrayOf = hostArray(dtype, 0).constructor as new (
    buffer: ArrayBuffer,
    offset: number,
    length: number,
  ) => HostArray;
  return new ArrayOf(arena, offset, length);
}
