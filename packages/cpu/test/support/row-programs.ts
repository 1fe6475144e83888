// Softmax in any layout as steps over rows, and what a command makes of such a program.
import { type BufferSpec, type Instruction, type LoopKernel, type Program, sizeOf } from '@nn/core';
import { Binding } from '../../src/commands/binding.ts';
import type { Command, CommandContext } from '../../src/commands/command.ts';
import { SharedOperands } from '../../src/commands/shared-operands.ts';
import type { Device } from '../../src/device.ts';
import { at, input, load, loop, output, program } from './programs.ts';

const dtype = 'float32';

/** Strides of a dense buffer whose dimensions lie in memory in the order given, outermost first. */
function stridesIn(order: readonly number[], extents: readonly number[]): number[] {
  const strides = new Array<number>(extents.length).fill(0);
  let length = 1;
  for (const d of [...order].reverse()) {
    strides[d] = length;
    length *= extents[d];
  }
  return strides;
}

const temporaryAt = (length: number, offset: number): BufferSpec => ({
  dtype,
  length,
  role: 'temporary',
  offset,
});

/**
 * Softmax over `inside`, in five steps: the maximum, exponentials (stored in the layout `to`), their sum, the quotient
 * in place, and one number for each row of its own.
 */
export function softmax(
  rows: readonly number[],
  inside: readonly number[],
  from: readonly number[],
  to: readonly number[],
): ReturnType<typeof program> {
  const extents = [...rows, ...inside];
  const [x, y] = [stridesIn(from, extents), stridesIn(to, extents)];
  const perRow = stridesIn(
    rows.map((_, d) => d),
    rows,
  );
  const inRow = [...perRow, ...inside.map(() => 0)];
  const [size, count] = [sizeOf(extents), sizeOf(rows)];
  const reduce = (op: 'max' | 'sum', body: readonly Instruction[], to: number): LoopKernel =>
    loop({
      extents: rows,
      producer: {
        kind: 'reduce',
        extents: inside,
        body,
        accumulators: [{ op, value: body.length - 1, dtype }],
      },
      epilogue: [{ op: 'result', dtype, index: 0 }],
      stores: [{ access: at(to, perRow), value: 0 }],
    });
  const alignedBytes = Math.ceil((count * 4) / 256) * 256;
  const buffers = [
    input(dtype, size),
    temporaryAt(count, 0),
    temporaryAt(count, alignedBytes),
    output(dtype, size),
    output(dtype, count),
  ];
  const steps = [
    reduce('max', [load(0, dtype, x)], 1),
    loop({
      extents,
      epilogue: [
        load(0, dtype, x),
        load(1, dtype, inRow),
        { op: 'sub', dtype, args: [0, 1] },
        { op: 'exp', dtype, args: [2] },
      ],
      stores: [{ access: at(3, y), value: 3 }],
    }),
    reduce('sum', [load(3, dtype, y)], 2),
    loop({
      extents,
      epilogue: [load(3, dtype, y), load(2, dtype, inRow), { op: 'div', dtype, args: [0, 1] }],
      stores: [{ access: at(3, y), value: 2 }],
    }),
    loop({
      extents: rows,
      epilogue: [
        load(1, dtype, perRow),
        load(2, dtype, perRow),
        { op: 'log', dtype, args: [1] },
        { op: 'add', dtype, args: [0, 2] },
      ],
      stores: [{ access: at(4, perRow), value: 3 }],
    }),
  ];
  return program(buffers, [{ kind: 'rows', name: 'softmax', extents: rows, steps }], [], 2 * alignedBytes);
}

/** What all buffers hold after a command of the program's only kernel has run. */
export function runCommand(
  device: Device,
  tested: Program,
  x: Float32Array,
  make: (context: CommandContext) => Command | undefined,
): Float32Array[] {
  const { buffers } = tested;
  const binding = new Binding(device.heap, buffers.length, 0);
  const { tier } = device;
  const sharedOperands = new SharedOperands(tested);
  const context = { device, binding, tier, buffers, borders: new Map(), sharedOperands, programParams: 0 };
  const command = make(context);
  if (command === undefined) throw new Error('There is no such command.');
  const addresses = buffers.map(({ length }) => device.heap.allocate(length * 4));
  const scratch = device.heap.allocate(command.scratchBytes);
  for (const [buffer, address] of [...addresses, scratch].entries()) binding.bindAddress(buffer, address);
  const arrays = addresses.map(
    (address, at) => new Float32Array(device.heap.memory.buffer, address, buffers[at].length),
  );
  arrays[0].set(x);
  command.run();
  const copies = arrays.map((array) => array.slice());
  command.dispose();
  for (const address of [...addresses, scratch]) device.heap.free(address);
  return copies;
}

/** The same numbers but for the rounding of sums and exponentials. */
export function expectNear(found: Float32Array, expected: Float32Array, where: string): void {
  for (const [i, value] of expected.entries())
    if (!Object.is(found[i], value) && !(Math.abs(found[i] - value) <= 2e-5 * Math.max(1, Math.abs(value))))
      throw new Error(`${where}: ${found[i]} is not ${value}`);
}
