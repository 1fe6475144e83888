// Checks that a program keeps the contract of core/kernel.ts.
import {
  type Access,
  type Affine,
  type BufferSpec,
  type DType,
  type Instruction,
  InternalError,
  type Kernel,
  type LoopKernel,
  type Program,
} from '@nn/core';
import { affineKey, rangeOf } from './affine.ts';
import { buffersRead, buffersWritten } from './buffers.ts';
import { isConflict, neverMeet, stayApart, staysInRows, touchesOf } from './locality.ts';

/** @throws {InternalError} naming the kernel and what is wrong with it. */
export function verifyProgram(program: Program, bytesPerElement: (dtype: DType) => number): void {
  const written = new Set<number>();
  program.buffers.forEach((buffer, i) => {
    if (buffer.role === 'input' || buffer.role === 'updated' || buffer.length === 0) written.add(i);
  });
  program.kernels.forEach(verifyGroup);
  for (const kernel of program.kernels.flatMap(singleKernels)) {
    const verifier = new KernelVerifier(program, kernel);
    const reads = buffersRead(kernel);
    const writes = buffersWritten(kernel);
    for (const buffer of [...reads, ...writes]) verifier.buffer(buffer);
    for (const buffer of reads)
      if (!written.has(buffer)) verifier.fail(`reads buffer ${buffer} before anything wrote it`);
    verifier.inPlace(reads.filter((buffer) => writes.includes(buffer)));
    for (const buffer of writes) {
      if (program.buffers[buffer].role === 'input') verifier.fail(`writes input ${buffer}`);
      if (kernel.kind === 'scatter') verifier.require(written.has(buffer), 'has no base to scatter into');
      written.add(buffer);
    }
    verifier.verify();
  }
  program.buffers.forEach((buffer, i) => {
    if (buffer.role === 'output' && !written.has(i))
      throw new InternalError(`compiler: no kernel writes output ${i}`);
  });
  verifyArena(program, bytesPerElement);
}

/** Steps begin with the rows, and meet only within a row; parts do not meet. */
function verifyGroup(kernel: Kernel): void {
  const require = (holds: boolean, message: string): void => {
    if (!holds) throw new InternalError(`compiler: kernel '${kernel.name}' ${message}`);
  };
  if (kernel.kind !== 'rows' && kernel.kind !== 'parallel') return;
  const loops = kernel.kind === 'rows' ? kernel.steps : kernel.parts;
  require(loops.length > 0, 'has no loops');
  require(loops.every(({ producer }) => producer?.kind !== 'dot'), 'contains a dot');
  if (kernel.kind === 'parallel') {
    const touches = loops.map((part) => new Set([...buffersRead(part), ...buffersWritten(part)]));
    loops.forEach((part, i) => {
      for (const buffer of buffersWritten(part))
        require(!touches.some(
          (set, j) => j !== i && set.has(buffer) && !stayApart(part, loops[j], buffer),
        ), `has parts that meet in buffer ${buffer}`);
    });
    return;
  }
  const rows = kernel.extents.length;
  loops.forEach((step, i) => {
    require(kernel.extents.every(
      (extent, row) => step.extents[row] === extent,
    ), `has the step '${step.name}' over other rows`);
    for (const other of loops.slice(0, i))
      require(staysInRows(other, step, rows), `has '${other.name}' and '${step.name}' meet across rows`);
  });
}

function singleKernels(kernel: Kernel): readonly Kernel[] {
  if (kernel.kind === 'rows') return kernel.steps;
  return kernel.kind === 'parallel' ? kernel.parts : [kernel];
}

function verifyArena(
  { buffers, kernels, arenaBytes }: Program,
  bytesPerElement: (dtype: DType) => number,
): void {
  const alive = new Map<number, { first: number; last: number }>();
  kernels.forEach((kernel, at) => {
    for (const buffer of [...buffersRead(kernel), ...buffersWritten(kernel)]) {
      if (buffers[buffer].role !== 'temporary') continue;
      const span = alive.get(buffer);
      if (span === undefined) alive.set(buffer, { first: at, last: at });
      else span.last = at;
    }
  });
  const bytesOf = ({ dtype, length }: BufferSpec): number => length * bytesPerElement(dtype);
  let current: { buffer: number; end: number; last: number }[] = [];
  for (const [buffer, { first, last }] of [...alive].sort(([, a], [, b]) => a.first - b.first)) {
    const { offset } = buffers[buffer];
    const end = offset + bytesOf(buffers[buffer]);
    if (offset % 256 !== 0 || end > arenaBytes)
      throw new InternalError(`compiler: temporary ${buffer} does not lie in the arena`);
    current = current.filter((other) => other.last >= first);
    for (const other of current) {
      if (buffers[other.buffer].offset < end && offset < other.end)
        throw new InternalError(`compiler: temporaries ${other.buffer} and ${buffer} overlap`);
    }
    current.push({ buffer, end, last });
  }
}

class KernelVerifier {
  readonly #program: Program;
  readonly #kernel: Kernel;

  constructor(program: Program, kernel: Kernel) {
    this.#program = program;
    this.#kernel = kernel;
  }

  require(condition: boolean, message: string): void {
    if (!condition) this.fail(message);
  }

  /** For messages that take longer to write than the check. */
  fail(message: string): never {
    throw new InternalError(`compiler: kernel '${this.#kernel.name}' ${message}`);
  }

  buffer(index: number): BufferSpec {
    const buffer = this.#program.buffers[index];
    if (buffer === undefined) this.fail(`names buffer ${index}, which does not exist`);
    return buffer;
  }

  /** Buffers that the kernel reads and writes: each element is read only where it is written, other parts apart. */
  inPlace(buffers: readonly number[]): void {
    const kernel = this.#kernel;
    for (const buffer of buffers) {
      const message = `reads and writes buffer ${buffer}`;
      if (kernel.kind !== 'loop') throw new InternalError(`compiler: kernel '${kernel.name}' ${message}`);
      const { producer, epilogue, stores } = kernel;
      if (producer?.kind === 'dot')
        this.require(producer.left.buffer !== buffer && producer.right.buffer !== buffer, message);
      const body = producer?.kind === 'reduce' ? producer.body : [];
      const loads = (list: readonly Instruction[]): Access[] =>
        list.flatMap((each) => (each.op === 'load' || each.op === 'gather' ? [each.access] : []));
      this.require(!loads(body).some((access) => access.buffer === buffer), message);
      this.require(!epilogue.some((each) => each.op === 'gather' && each.access.buffer === buffer), message);
      const isHere = (access: { readonly buffer: number }): boolean => access.buffer === buffer;
      const read = loads(epilogue).filter(isHere);
      const written = stores.map(({ access }) => access).filter(isHere);
      this.require(
        [...read, ...written].every(({ guards }) => guards.length === 0),
        message,
      );
      const stored = new Set(written.map(affineKey));
      this.require(stored.size === written.length, message);
      this.require(
        read.every((access) => stored.has(affineKey(access))),
        message,
      );
      const touches = touchesOf(kernel).filter(isHere);
      const areApart = touches.every((a) =>
        touches.every((b) => !isConflict(a, b) || affineKey(a) === affineKey(b) || neverMeet(a, b)),
      );
      this.require(areApart, message);
    }
  }

  verify(): void {
    const kernel = this.#kernel;
    switch (kernel.kind) {
      case 'rows':
      case 'parallel':
        throw new InternalError('compiler: groups are verified loop by loop');
      case 'loop':
        this.#loop(kernel);
        return;
      case 'copy': {
        const source = this.buffer(kernel.source);
        const target = this.buffer(kernel.target);
        const same = source.dtype === target.dtype && source.length === target.length;
        this.require(same, 'copies between buffers that differ in dtype or length');
        return;
      }
      case 'scatter': {
        const { count, targetSize, width = 1, index, source, target } = kernel;
        this.require(this.buffer(index).dtype === 'int32', 'takes an index that is not int32');
        this.require(this.buffer(source).length === count * width, 'has a source of another length');
        this.require(this.buffer(index).length === count, 'has an index of another length');
        this.require(this.buffer(target).length === targetSize * width, 'has a target of another length');
        return;
      }
      default: {
        const lines = kernel.outer * kernel.inner;
        const kept = kernel.kind === 'argsort' ? kernel.count : kernel.length;
        const start = kernel.kind === 'argsort' ? (kernel.start ?? 0) : 0;
        this.require(start >= 0 && start + kept <= kernel.length, 'keeps more than there is');
        const { source, target } = kernel;
        this.require(this.buffer(source).length === lines * kernel.length, 'has a source of another length');
        this.require(this.buffer(target).length === lines * kept, 'has a target of another length');
      }
    }
  }

  #loop({ extents, producer, epilogue, stores }: LoopKernel): void {
    this.require(!extents.includes(0), 'walks nothing');
    const results: DType[] = [];
    if (producer?.kind === 'reduce') {
      const all = [...extents, ...producer.extents];
      this.#instructions(producer.body, all, null);
      for (const { op, value, dtype } of producer.accumulators) {
        const body = producer.body[value];
        this.require(body !== undefined, 'accumulates a value that does not exist');
        const expected = op === 'argmax' || op === 'argmin' ? 'int32' : body.dtype;
        if (dtype !== expected) this.fail(`accumulates ${body.dtype} as ${dtype}`);
        results.push(dtype);
      }
    } else if (producer?.kind === 'dot') {
      const all = [...extents, ...producer.inner];
      for (const operand of [producer.left, producer.right]) {
        this.require(this.buffer(operand.buffer).dtype === producer.dtype, 'multiplies mixed dtypes');
        this.#inside(operand, operand.buffer, all);
      }
      const rowsEnd = producer.batchRank + producer.rowRank;
      const leftFree = producer.left.strides.slice(rowsEnd, extents.length).every((s) => s === 0);
      const rightFree = producer.right.strides.slice(producer.batchRank, rowsEnd).every((s) => s === 0);
      this.require(leftFree && rightFree, 'has an operand that depends on the other one');
      results.push(producer.dtype);
    }
    this.#instructions(epilogue, extents, results);
    this.require(stores.length > 0, 'stores nothing');
    for (const { access, value } of stores) {
      const stored = epilogue[value];
      const target = this.buffer(access.buffer);
      this.require(stored !== undefined, 'stores a value that does not exist');
      if (stored.dtype !== target.dtype) this.fail(`stores ${stored.dtype} into ${target.dtype}`);
      this.#inside(access, access.buffer, extents);
    }
  }

  #instructions(
    list: readonly Instruction[],
    extents: readonly number[],
    results: readonly DType[] | null,
  ): void {
    const dtypeOf = (value: number, at: number): DType => {
      if (!(value >= 0 && value < at)) this.fail(`refers to instruction ${value} from ${at}`);
      return list[value].dtype;
    };
    for (let at = 0; at < list.length; at++) {
      const instruction = list[at];
      switch (instruction.op) {
        case 'const':
          break;
        case 'param':
          this.require(
            this.#program.params[instruction.index] === instruction.dtype,
            'takes a missing param',
          );
          break;
        case 'result':
          this.require(results?.[instruction.index] === instruction.dtype, 'takes a missing result');
          break;
        case 'index':
          this.#rank(instruction.affine, extents);
          break;
        case 'inside':
          for (const guard of instruction.guards) this.#rank(guard, extents);
          break;
        case 'load':
        case 'gather': {
          const { access, dtype } = instruction;
          if (this.buffer(access.buffer).dtype !== dtype) this.fail(`loads ${dtype} from another dtype`);
          for (const guard of access.guards) this.#rank(guard, extents);
          if (instruction.op === 'gather')
            this.require(dtypeOf(instruction.args[0], at) === 'int32', 'gathers without int32');
          else if (access.guards.length === 0) this.#inside(access, access.buffer, extents);
          this.#rank(access, extents);
          break;
        }
        default: {
          const { op, dtype, args } = instruction;
          const first = dtypeOf(args[0], at);
          let fits: boolean;
          if (op === 'cast' || op === 'bitcast') fits = true;
          else if (op === 'eq' || op === 'ne' || op === 'lt' || op === 'le')
            fits = dtype === 'bool' && first === dtypeOf(args[1], at);
          else {
            fits = first === (op === 'where' ? 'bool' : dtype);
            for (let i = 1; i < args.length; i++) fits &&= dtypeOf(args[i], at) === dtype;
          }
          if (!fits)
            this.fail(`computes ${dtype} ${op} from ${args.map((value) => list[value].dtype).join(', ')}`);
        }
      }
    }
  }

  #rank({ strides }: Affine, extents: readonly number[]): void {
    if (strides.length !== extents.length)
      this.fail(`has ${strides.length} strides over ${extents.length} loops`);
  }

  #inside(affine: Affine, buffer: number, extents: readonly number[]): void {
    this.#rank(affine, extents);
    const [low, high] = rangeOf(affine, extents);
    const { length } = this.buffer(buffer);
    if (low < 0 || high >= length)
      this.fail(`touches ${low} to ${high} of buffer ${buffer} of length ${length}`);
  }
}
