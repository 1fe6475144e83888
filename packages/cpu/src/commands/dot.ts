// Dot products: the packed matrix product, and a loop for what follows it.
import {
  type Access,
  type BufferSpec,
  contiguousStrides,
  type Dot,
  type DType,
  ExpressionBuilder,
  type LoopKernel,
  type Reduction,
  type Store,
  sizeOf,
} from '@nn/core';
import { type Draft, draftLoop, isOneMemory } from '../emit/plan.ts';
import { storageBytes } from '../emit/registers.ts';
import type { GemmType } from '../gemm/lanes.ts';
import { axisLength } from '../gemm/offset-tables.ts';
import type { GemmPlan } from '../gemm/plan.ts';
import { type GemmShape, oriented, packedRightBytes } from '../gemm/shape.ts';
import type { Slices } from '../threads/slices.ts';
import { bindAddress, type Command, type CommandContext, withScratch } from './command.ts';
import { afterProducer } from './detach.ts';
import { type Groups, planFollowing, runOfColumns } from './follow.ts';
import { LoopCall, LoopCommand } from './loop.ts';

const gemmTypes: { readonly [D in DType]?: GemmType } = {
  float32: 'float32',
  float64: 'float64',
  int32: 'int32',
  int64: 'int64',
};

/** The dot as a reduction of products, for dtypes that the matrix product does not know. */
function dotAsReduction({ dtype, inner, left, right }: Dot): Reduction {
  const b = new ExpressionBuilder();
  const [a, c] = [left, right].map(({ buffer, offset, strides }) =>
    b.add({ op: 'load', dtype, access: { buffer, offset, strides, guards: [] } }),
  );
  const value = b.binary('mul', a, c);
  return {
    kind: 'reduce',
    extents: inner,
    body: b.instructions,
    accumulators: [{ op: 'sum', value, dtype }],
  };
}

/** Where the product goes, and what is left to do from there. */
interface Arranged {
  readonly result: Access;
  /** Whether it is scratch space, and not a buffer that the kernel stores to. */
  readonly isScratch: boolean;
  /** Whether the product is added to what is there. */
  readonly accumulates: boolean;
  readonly epilogue: LoopKernel | null;
}

/** Whether a kernel does nothing but add its product to a buffer, as gradients that come in parts do. */
function isAddition({ stores, epilogue }: LoopKernel, buffers: readonly BufferSpec[], dot: Dot): boolean {
  if (stores.length !== 1 || stores[0].access.guards.length > 0) return false;
  const [{ access, value }] = stores;
  const sum = epilogue[value];
  if (sum.op !== 'add' || buffers[access.buffer].dtype !== dot.dtype) return false;
  const [a, b] = sum.args.map((arg) => epilogue[arg]);
  const [given, other] = a.op === 'result' ? [a, b] : [b, a];
  return (
    given.op === 'result' &&
    other.op === 'load' &&
    other.access.buffer === access.buffer &&
    other.access.guards.length === 0 &&
    other.access.offset === access.offset &&
    other.access.strides.every((stride, d) => stride === access.strides[d])
  );
}

/**
 * Where a product goes that something else computes than a matrix product.
 *
 * @param scratch the number of the buffer for it where it needs one.
 */
export function arrangeApart(
  kernel: LoopKernel,
  buffers: readonly BufferSpec[],
  dot: Dot,
  scratch: number,
): Pick<Arranged, 'result' | 'isScratch' | 'epilogue'> {
  const arranged = arrangeResult(kernel, buffers, dot, scratch);
  if (!arranged.accumulates) return arranged;
  const result = scratchAccess(kernel, scratch);
  return { result, isScratch: true, epilogue: afterProducer(kernel, [result]) };
}

/**
 * The product goes to where the kernel stores it, else to where it stores what is computed from it, in place; only
 * where that is needed for something else, to scratch space. Loads see it in the order of the stores' dimensions.
 */
function arrangeResult(
  kernel: LoopKernel,
  buffers: readonly BufferSpec[],
  dot: Dot,
  scratch: number = buffers.length,
): Arranged {
  const { stores, epilogue } = kernel;
  if (isAddition(kernel, buffers, dot))
    return { result: stores[0].access, isScratch: false, accumulates: true, epilogue: null };
  const isFree = ({ access }: Store): boolean => {
    const { buffer, guards } = access;
    if (guards.length > 0 || buffers[buffer].dtype !== dot.dtype) return false;
    if (stores.filter((other) => isOneMemory(buffers, other.access.buffer, buffer)).length > 1) return false;
    return epilogue.every(
      (instruction) =>
        (instruction.op !== 'load' && instruction.op !== 'gather') ||
        !isOneMemory(buffers, instruction.access.buffer, buffer),
    );
  };
  const free = stores.filter(isFree);
  const plain = free.find(({ value }) => epilogue[value].op === 'result');
  if (plain !== undefined) {
    const others = stores.filter((store) => store !== plain);
    return {
      result: plain.access,
      isScratch: false,
      accumulates: false,
      epilogue: others.length === 0 ? null : afterProducer({ ...kernel, stores: others }, [plain.access]),
    };
  }
  const isScratch = free.length === 0;
  const result = isScratch ? scratchAccess(kernel, scratch) : free[0].access;
  return { result, isScratch, accumulates: false, epilogue: afterProducer(kernel, [result]) };
}

/** Multiplies into the result's place, or into scratch space from which a loop goes on. */
class DotCommand implements Command {
  readonly scratchBytes: number;
  readonly #plan: GemmPlan;
  /** What follows: after each task of the product, or after all of it. */
  readonly #following: LoopCall | undefined;
  readonly #epilogue: LoopCommand | undefined;

  /** The first `reserved` bytes of scratch space are not its own. */
  constructor(context: CommandContext, kernel: LoopKernel, dot: Dot, type: GemmType, reserved: number) {
    const elementBytes = storageBytes[dot.dtype];
    const { result, isScratch, accumulates, epilogue } = arrangeResult(kernel, context.buffers, dot);
    const length = sizeOf(kernel.extents);
    // The product comes first in scratch space, then what the multiplication needs.
    const productBytes = isScratch ? Math.ceil((length * elementBytes) / 64) * 64 : 0;
    const workspace = reserved + productBytes;
    const spec: BufferSpec = { dtype: dot.dtype, length, role: 'temporary', offset: reserved };
    const extended = withScratch(context, [spec]);
    const shape = { ...shapeOf(kernel, dot, type, result), accumulate: accumulates };
    const draft = epilogue === null ? null : draftLoop(epilogue, null, extended);
    const turned = oriented(shape);
    const groups = draft === null ? null : groupsOf(draft, dot, turned !== shape);
    const follower = groups === null ? null : { columnRun: runOfColumns(groups) };
    const { gemm } = context.device;
    const { tileColumns } = gemm.kernels(type);
    const shared =
      axisLength(turned.result.rows) === 1
        ? undefined
        : context.sharedOperands.placeOf(
            kernel,
            turned === shape ? 'right' : 'left',
            packedRightBytes(turned, tileColumns, elementBytes),
          );
    this.#plan = gemm.prepare(
      shape,
      shared === undefined ? { follower } : { follower, packedRight: shared.isFirst ? 'made' : 'given' },
    );
    this.scratchBytes = workspace + this.#plan.scratchBytes;
    const { binding } = context;
    for (const { operand, word, offset } of this.#plan.addresses) {
      if (operand === 'scratch') binding.addressAt(word, binding.scratch, workspace + offset);
      else if (operand === 'packedRight')
        binding.addressAt(word, binding.scratch, offset - (shared?.before ?? 0));
      else {
        const access = { left: dot.left, right: dot.right, result }[operand];
        bindAddress(extended, word, access.buffer, access.offset * elementBytes);
      }
    }
    try {
      const { tasks } = this.#plan;
      const following =
        draft === null || groups === null || tasks === undefined || tasks.count === 1
          ? undefined
          : planFollowing(draft, groups, tasks);
      if (following !== undefined) {
        this.#following = new LoopCall(extended, following.plan, following.chunkLength, following.scale);
        this.#plan.follow(this.#following);
      } else if (epilogue !== null) this.#epilogue = new LoopCommand(extended, epilogue, null);
    } catch (error) {
      this.#plan.dispose();
      throw error;
    }
  }

  run(leaves = false): void {
    this.#plan.run(leaves && this.#epilogue === undefined);
    this.#epilogue?.run(leaves);
  }

  *inSlices(): Slices {
    yield* this.#plan.inSlices();
    if (this.#epilogue !== undefined) yield* this.#epilogue.inSlices();
  }

  dispose(): void {
    this.#plan.dispose();
    this.#following?.dispose();
    this.#epilogue?.dispose();
  }
}

/** Contiguous, its dimensions in the order in which the first store has them. */
function scratchAccess({ extents, stores }: LoopKernel, buffer: number): Access {
  const given = stores[0].access.strides;
  const order = extents.map((_, dimension) => dimension);
  order.sort((a, b) => Math.abs(given[b]) - Math.abs(given[a]) || a - b);
  const sorted = contiguousStrides(order.map((dimension) => extents[dimension]));
  const strides = extents.map((_, dimension) => sorted[order.indexOf(dimension)]);
  return { buffer, offset: 0, strides, guards: [] };
}

/** The loop's dimensions as the product, transposed or not, has them. */
function groupsOf({ outer }: Draft, { batchRank, rowRank }: Dot, isTransposed: boolean): Groups {
  const batch = outer.slice(0, batchRank);
  const rows = outer.slice(batchRank, batchRank + rowRank);
  const columns = outer.slice(batchRank + rowRank);
  return isTransposed ? { batch, rows: columns, columns: rows } : { batch, rows, columns };
}

function shapeOf(kernel: LoopKernel, dot: Dot, type: GemmType, result: Access): GemmShape {
  const { extents } = kernel;
  const { batchRank, rowRank, inner } = dot;
  const rank = extents.length;
  const ranges = {
    batch: [0, batchRank],
    rows: [batchRank, batchRank + rowRank],
    columns: [batchRank + rowRank, rank],
  };
  const axis = (strides: readonly number[], range: keyof typeof ranges) => ({
    extents: extents.slice(ranges[range][0], ranges[range][1]),
    strides: strides.slice(ranges[range][0], ranges[range][1]),
  });
  const innerAxis = (strides: readonly number[]) => ({ extents: inner, strides: strides.slice(rank) });
  return {
    type,
    left: {
      batch: axis(dot.left.strides, 'batch'),
      rows: axis(dot.left.strides, 'rows'),
      columns: innerAxis(dot.left.strides),
    },
    right: {
      batch: axis(dot.right.strides, 'batch'),
      rows: innerAxis(dot.right.strides),
      columns: axis(dot.right.strides, 'columns'),
    },
    result: {
      batch: axis(result.strides, 'batch'),
      rows: axis(result.strides, 'rows'),
      columns: axis(result.strides, 'columns'),
    },
  };
}

/** Whether it is computed as a matrix product, and not as a plain reduction. */
export function isProduct({ dtype }: Dot): boolean {
  return gemmTypes[dtype] !== undefined;
}

/** The first `reserved` bytes of scratch space are in use for something else. */
export function dotCommand(context: CommandContext, kernel: LoopKernel, dot: Dot, reserved = 0): Command {
  const type = gemmTypes[dot.dtype];
  return type === undefined
    ? new LoopCommand(context, { ...kernel, producer: null }, dotAsReduction(dot))
    : new DotCommand(context, kernel, dot, type, reserved);
}
