// Dot products: the packed matrix product, and a loop for what follows it.
import {
  type Access,
  type BufferSpec,
  contiguousStrides,
  type Dot,
  type DType,
  ExpressionBuilder,
  type Instruction,
  type LoopKernel,
  type Reduction,
  sizeOf,
} from '@nn/core';
import type { Device } from '../device.ts';
import type { PlanOptions } from '../emit/plan.ts';
import { storageBytes } from '../emit/registers.ts';
import type { GemmType } from '../gemm/lanes.ts';
import type { GemmPlan } from '../gemm/plan.ts';
import type { Binding, Command } from './command.ts';
import { LoopCommand } from './loop.ts';

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

/** Where the product can be written at once: the place of the only store, when it stores the result itself. */
function directTarget(kernel: LoopKernel, buffers: readonly BufferSpec[], dtype: DType): Access | undefined {
  if (kernel.stores.length !== 1) return undefined;
  const [{ access, value }] = kernel.stores;
  const stored = kernel.epilogue[value];
  const isPlain = stored.op === 'result' && access.guards.length === 0;
  return isPlain && buffers[access.buffer].dtype === dtype ? access : undefined;
}

/** Multiplies into the result's place, or into scratch space from which a loop goes on. */
class DotCommand implements Command {
  readonly scratchBytes: number;
  readonly #plan: GemmPlan;
  readonly #operands: readonly { readonly buffer: number; readonly bytes: number }[];
  readonly #epilogue: LoopCommand | undefined;

  constructor(device: Device, kernel: LoopKernel, dot: Dot, type: GemmType, options: PlanOptions) {
    const target = directTarget(kernel, options.buffers, dot.dtype);
    const scratch = scratchAccess(kernel, options.buffers.length);
    const result = target ?? scratch;
    this.#plan = prepare(device, kernel, dot, type, result);
    const elementBytes = storageBytes[dot.dtype];
    this.#operands = [dot.left, dot.right, result].map(({ buffer, offset }) => ({
      buffer,
      bytes: offset * elementBytes,
    }));
    if (target !== undefined) {
      this.scratchBytes = 0;
      this.#epilogue = undefined;
      return;
    }
    const length = sizeOf(kernel.extents);
    this.scratchBytes = length * elementBytes;
    const spec: BufferSpec = { dtype: dot.dtype, length, role: 'temporary', offset: 0 };
    this.#epilogue = new LoopCommand(device, afterDot(kernel, scratch), null, {
      ...options,
      buffers: [...options.buffers, spec],
    });
  }

  run(binding: Binding): void {
    const { addresses } = binding;
    const [left, right, result] = this.#operands;
    this.#plan.run(
      addresses[left.buffer] + left.bytes,
      addresses[right.buffer] + right.bytes,
      addresses[result.buffer] + result.bytes,
    );
    this.#epilogue?.run(binding);
  }

  dispose(): void {
    this.#plan.dispose();
  }
}

function scratchAccess(kernel: LoopKernel, buffer: number): Access {
  return { buffer, offset: 0, strides: contiguousStrides(kernel.extents), guards: [] };
}

/** The kernel's epilogue, with the product loaded from scratch space. */
function afterDot(kernel: LoopKernel, scratch: Access): LoopKernel {
  const epilogue = kernel.epilogue.map(
    (instruction): Instruction =>
      instruction.op === 'result' ? { op: 'load', dtype: instruction.dtype, access: scratch } : instruction,
  );
  return { ...kernel, producer: null, epilogue };
}

function prepare(device: Device, kernel: LoopKernel, dot: Dot, type: GemmType, result: Access): GemmPlan {
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
  return device.gemm.prepare({
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
  });
}

export function dotCommand(device: Device, kernel: LoopKernel, dot: Dot, options: PlanOptions): Command {
  const type = gemmTypes[dot.dtype];
  return type === undefined
    ? new LoopCommand(device, { ...kernel, producer: null }, dotAsReduction(dot), options)
    : new DotCommand(device, kernel, dot, type, options);
}
