// Rewriting the affine functions of a finished kernel.
import type { Access, Affine, Bound, Instruction, LoopKernel } from '@nn/core';

export type Rewrite = (affine: Affine) => Affine;

function rewriteBound(bound: Bound, rewrite: Rewrite): Bound {
  return { ...rewrite(bound), size: bound.size };
}

function rewriteAccess(access: Access, rewrite: Rewrite): Access {
  const guards = access.guards.map((guard) => rewriteBound(guard, rewrite));
  return { ...rewrite(access), buffer: access.buffer, guards };
}

function rewriteInstruction(instruction: Instruction, rewrite: Rewrite): Instruction {
  switch (instruction.op) {
    case 'index':
      return { ...instruction, affine: rewrite(instruction.affine) };
    case 'load':
    case 'gather':
      return { ...instruction, access: rewriteAccess(instruction.access, rewrite) };
    case 'inside':
      return { ...instruction, guards: instruction.guards.map((guard) => rewriteBound(guard, rewrite)) };
    default:
      return instruction;
  }
}

/** What a kernel's producer walks inside. */
export function innerExtents({ producer }: LoopKernel): readonly number[] {
  if (producer === null) return [];
  return producer.kind === 'reduce' ? producer.extents : producer.inner;
}

/** Rewrites all affine functions; extents are the caller's. */
export function rewriteKernel(
  kernel: LoopKernel,
  extents: readonly number[],
  innerExtents: readonly number[],
  rewriteOuter: Rewrite,
  rewriteAll: Rewrite,
): LoopKernel {
  const epilogue = kernel.epilogue.map((instruction) => rewriteInstruction(instruction, rewriteOuter));
  const stores = kernel.stores.map(({ access, value }) => ({
    access: rewriteAccess(access, rewriteOuter),
    value,
  }));
  const { producer } = kernel;
  if (producer === null) return { ...kernel, extents, epilogue, stores };
  if (producer.kind === 'reduce') {
    const body = producer.body.map((instruction) => rewriteInstruction(instruction, rewriteAll));
    return { ...kernel, extents, epilogue, stores, producer: { ...producer, extents: innerExtents, body } };
  }
  const left = { ...rewriteAll(producer.left), buffer: producer.left.buffer };
  const right = { ...rewriteAll(producer.right), buffer: producer.right.buffer };
  return {
    ...kernel,
    extents,
    epilogue,
    stores,
    producer: { ...producer, inner: innerExtents, left, right },
  };
}

/** All affine functions of the kernel's own coordinates, and those that see inner coordinates too. */
export function affinesOf({ producer, epilogue, stores }: LoopKernel): {
  readonly outer: Affine[];
  readonly all: Affine[];
} {
  const outer: Affine[] = [];
  const all: Affine[] = [];
  collectAffines(epilogue, outer);
  for (const { access } of stores) outer.push(access, ...access.guards);
  if (producer?.kind === 'reduce') collectAffines(producer.body, all);
  else if (producer !== null) all.push(producer.left, producer.right);
  return { outer, all };
}

function collectAffines(instructions: readonly Instruction[], affines: Affine[]): void {
  for (const instruction of instructions) {
    switch (instruction.op) {
      case 'index':
        affines.push(instruction.affine);
        break;
      case 'load':
      case 'gather':
        affines.push(instruction.access, ...instruction.access.guards);
        break;
      case 'inside':
        affines.push(...instruction.guards);
        break;
      default:
    }
  }
}
