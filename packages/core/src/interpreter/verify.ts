// The rules of the kernel language that types cannot express. A compiler's mistake is named here, with its
// kernel, instead of showing as wrong numbers.
import { categoryOf, type DType, isDType } from '../dtype.ts';
import { InternalError } from '../errors.ts';
import type { Kernel, LoopKernel, ParallelKernel, Program, RowsKernel } from '../kernel.ts';
import type { Access, Affine, Instruction } from '../scalar.ts';
import { verifyOperands } from './verify-operands.ts';

/** Says what is wrong, naming the place. */
type Check = (holds: boolean, problem: string) => void;

/** @throws {InternalError} for a program that breaks a rule of the kernel language. */
export function verifyProgram(program: Program): void {
  program.buffers.forEach((buffer, i) => {
    const check = checker(`buffer ${i}`);
    check(isDType(buffer.dtype), `'${buffer.dtype}' is not a dtype`);
    check(Number.isInteger(buffer.length) && buffer.length >= 0, `length ${buffer.length} is not a size`);
  });
  program.kernels.forEach((kernel, i) => {
    verifyKernel(kernel, program, checker(`kernel ${i} '${kernel.name}'`));
  });
}

/**
 * Checks where temporaries lie, given the bytes that an element takes on the device.
 *
 * @throws {InternalError} for a buffer that is not aligned or leaves the arena.
 */
export function verifyArena(program: Program, bytesPerElement: (dtype: DType) => number): void {
  program.buffers.forEach(({ dtype, length, role, offset }, i) => {
    if (role !== 'temporary') return;
    const check = checker(`buffer ${i}`);
    const end = offset + length * bytesPerElement(dtype);
    check(offset >= 0 && offset % 256 === 0, `offset ${offset} is not 256-byte aligned`);
    check(end <= program.arenaBytes, `ends at byte ${end} of an arena of ${program.arenaBytes}`);
  });
}

function checker(place: string): Check {
  return (holds, problem) => {
    if (!holds) throw new InternalError(`${place}: ${problem}`);
  };
}

function verifyKernel(kernel: Kernel, program: Program, check: Check): void {
  if (kernel.kind === 'loop') {
    verifyLoop(kernel, program, check);
    return;
  }
  if (kernel.kind === 'rows' || kernel.kind === 'parallel') {
    verifyGroup(kernel, program, check);
    return;
  }
  const { buffers } = program;
  const target = bufferOf(program, kernel.target, check);
  const source = bufferOf(program, kernel.source, check);
  check(program.buffers[kernel.target].role !== 'input', `writes to the input ${kernel.target}`);
  const wanted = kernel.kind === 'argsort' ? 'int32' : source.dtype;
  check(target.dtype === wanted, `target is ${target.dtype}, not ${wanted}`);
  if (kernel.kind === 'copy') {
    check(source.length === target.length, `copies ${source.length} elements to ${target.length}`);
  } else if (kernel.kind === 'scatter') {
    check(bufferOf(program, kernel.index, check).dtype === 'int32', 'the index is not int32');
    const { count, targetSize, width = 1 } = kernel;
    const given = Math.min(Math.floor(source.length / width), buffers[kernel.index].length);
    check(count <= given, `reads ${count} rows of ${given}`);
    check(targetSize * width <= target.length, `target size ${targetSize} * ${width} of ${target.length}`);
  } else {
    const { outer, length, inner } = kernel;
    const kept = kernel.kind === 'argsort' ? kernel.count : length;
    const [size, result] = [outer * length * inner, outer * kept * inner];
    const start = kernel.kind === 'argsort' ? (kernel.start ?? 0) : 0;
    check(start >= 0 && start + kept <= length, `keeps ${kept} from ${start} on of ${length} elements`);
    check(size <= source.length && result <= target.length, `walks ${size} elements of fewer`);
  }
}

function verifyGroup(kernel: RowsKernel | ParallelKernel, program: Program, check: Check): void {
  const loops = kernel.kind === 'rows' ? kernel.steps : kernel.parts;
  check(loops.length > 0, 'has no loops');
  for (const loop of loops) {
    check(loop.producer?.kind !== 'dot', `contains the dot '${loop.name}'`);
    const begins =
      kernel.kind === 'parallel' || kernel.extents.every((extent, d) => loop.extents[d] === extent);
    check(begins, `has the step '${loop.name}' over other rows`);
    verifyLoop(loop, program, check);
  }
}

function bufferOf(program: Program, index: number, check: Check): Program['buffers'][number] {
  check(index in program.buffers, `there is no buffer ${index}`);
  return program.buffers[index];
}

function verifyLoop(kernel: LoopKernel, program: Program, check: Check): void {
  const { extents, producer } = kernel;
  const results: DType[] = [];
  checkExtents(extents, check);
  if (producer?.kind === 'reduce') {
    checkExtents(producer.extents, check);
    const rank = extents.length + producer.extents.length;
    verifyList(producer.body, rank, [], program, check);
    for (const { op, value, dtype } of producer.accumulators) {
      check(value in producer.body, `accumulates value ${value} of ${producer.body.length}`);
      const locates = op === 'argmax' || op === 'argmin';
      const wanted = locates ? 'int32' : producer.body[value].dtype;
      check(dtype === wanted, `${op} of ${producer.body[value].dtype} is ${wanted}, not ${dtype}`);
      const counts = op === 'sum' || op === 'prod';
      check(!counts || categoryOf(dtype) !== 'bool', `${op} does not take bool`);
      results.push(dtype);
    }
  } else if (producer?.kind === 'dot') {
    const rank = extents.length + producer.inner.length;
    checkExtents(producer.inner, check);
    check(categoryOf(producer.dtype) !== 'bool', 'dot does not take bool');
    for (const operand of [producer.left, producer.right]) {
      const { dtype } = bufferOf(program, operand.buffer, check);
      check(dtype === producer.dtype, `a dot of ${producer.dtype} reads ${dtype}`);
      checkAffine(operand, rank, check);
    }
    verifyDotSides(kernel, check);
    results.push(producer.dtype);
  }
  verifyList(kernel.epilogue, extents.length, results, program, check);
  for (const { access, value } of kernel.stores) {
    check(value in kernel.epilogue, `stores value ${value} of ${kernel.epilogue.length}`);
    checkAccess(access, extents.length, kernel.epilogue[value].dtype, program, check);
    check(program.buffers[access.buffer].role !== 'input', `writes to the input ${access.buffer}`);
  }
}

/** The left factor must not move along columns, nor the right one along rows. */
function verifyDotSides({ extents, producer }: LoopKernel, check: Check): void {
  if (producer?.kind !== 'dot') return;
  const { batchRank, rowRank, left, right } = producer;
  check(
    batchRank + rowRank <= extents.length,
    `a dot of ${batchRank} + ${rowRank} dimensions in a loop of fewer`,
  );
  for (let dim = batchRank; dim < extents.length; dim++) {
    if (extents[dim] === 1) continue;
    const isRow = dim < batchRank + rowRank;
    check(isRow || left.strides[dim] === 0, `the left factor depends on column dimension ${dim}`);
    check(!isRow || right.strides[dim] === 0, `the right factor depends on row dimension ${dim}`);
  }
}

function checkExtents(extents: readonly number[], check: Check): void {
  for (const extent of extents)
    check(Number.isInteger(extent) && extent >= 0, `extents [${extents.join(', ')}] are no sizes`);
}

function checkAffine({ offset, strides }: Affine, rank: number, check: Check): void {
  check(strides.length === rank, `an affine function of ${strides.length} coordinates in a loop of ${rank}`);
  check([offset, ...strides].every(Number.isInteger), `offset ${offset} or a stride is not an integer`);
}

function checkAccess(access: Access, rank: number, dtype: DType, program: Program, check: Check): void {
  const buffer = bufferOf(program, access.buffer, check);
  check(buffer.dtype === dtype, `buffer ${access.buffer} holds ${buffer.dtype}, not ${dtype}`);
  checkAffine(access, rank, check);
  for (const guard of access.guards) checkAffine(guard, rank, check);
}

function verifyList(
  list: readonly Instruction[],
  rank: number,
  results: readonly DType[],
  program: Program,
  check: Check,
): void {
  list.forEach((instruction, at) => {
    const { op, dtype } = instruction;
    const here: Check = (holds, problem) => check(holds, `instruction ${at} (${op} ${dtype}): ${problem}`);
    here(isDType(dtype), `'${dtype}' is not a dtype`);
    if (op === 'param') {
      here(program.params[instruction.index] === dtype, `param ${instruction.index} is not of this dtype`);
    } else if (op === 'result') {
      here(results[instruction.index] === dtype, `the producer has no such result ${instruction.index}`);
    } else if (op === 'index') {
      checkAffine(instruction.affine, rank, here);
    } else if (op === 'inside') {
      for (const guard of instruction.guards) checkAffine(guard, rank, here);
    } else if (op === 'load') {
      checkAccess(instruction.access, rank, dtype, program, here);
    } else if (op !== 'const') {
      if (op === 'gather') checkAccess(instruction.access, rank, dtype, program, here);
      for (const arg of instruction.args) here(arg >= 0 && arg < at, `refers to value ${arg}`);
      const operands = instruction.args.map((arg) => list[arg].dtype);
      verifyOperands(op, dtype, operands, here);
    }
  });
}
