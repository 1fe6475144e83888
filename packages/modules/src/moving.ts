// Modules to other devices and dtypes. Parameters stay the same objects, so that optimizers keep them.
import { checkOptions, type DType, isDType, isFloat, runtimeOf, type Tensor } from '@nn/tensor';
import type { ModuleBase } from './module-base.ts';
import { isUninitialized } from './uninitialized.ts';

/** A dtype, a device, or both. */
export type MoveTarget =
  | DType
  | (string & {})
  | { readonly device?: string | undefined; readonly dtype?: DType | undefined };

interface Place {
  readonly device?: string;
  readonly dtype?: DType;
}

function placeOf(target: MoveTarget): Place {
  if (typeof target === 'string') return isDType(target) ? { dtype: target } : { device: target };
  checkOptions('to', target, ['device', 'dtype']);
  const { device, dtype } = target;
  return { ...(device !== undefined && { device }), ...(dtype !== undefined && { dtype }) };
}

/** Casts to a dtype concern float tensors only. */
function concerning(x: Tensor, { device, dtype }: Place): Place {
  return {
    ...(device !== undefined && device !== x.device && { device }),
    ...(dtype !== undefined && dtype !== x.dtype && isFloat(x.dtype) && { dtype }),
  };
}

/** Casts where it is first if the device it goes to has fewer dtypes. */
function movedTo(x: Tensor, { device, dtype }: Place): Tensor {
  const cast = dtype === undefined ? x : x.to(dtype);
  return device === undefined ? cast : cast.to(device);
}

export function moveModule(module: ModuleBase, target: MoveTarget): void {
  const place = placeOf(target);
  const moved: Tensor[] = [];
  for (const parameter of module.parameters()) {
    const change = concerning(parameter, place);
    if (Object.keys(change).length === 0) continue;
    if (isUninitialized(parameter)) {
      parameter.moveTo(change);
      continue;
    }
    const { grad } = parameter;
    parameter.storage.replace(movedTo(parameter.detach(), change).node);
    if (grad !== null) parameter.grad = movedTo(grad, change);
    moved.push(parameter);
  }
  for (const each of module.modules()) {
    for (const { name, value } of each.ownBuffers()) {
      if (value === null) continue;
      const change = concerning(value, place);
      if (Object.keys(change).length === 0) continue;
      if (isUninitialized(value)) value.moveTo(change);
      else each.setMember(name, movedTo(value, change));
    }
  }
  // Casts run now, so that the former values are not held for them.
  settle(moved);
}

/** Computes and holds values that are still recorded operations, with one program for each device. */
export function settle(tensors: readonly Tensor[]): void {
  const nodesOf = new Map<string, Tensor['node'][]>();
  for (const { device, node } of tensors) {
    if (device === '') continue;
    const nodes = nodesOf.get(device);
    if (nodes === undefined) nodesOf.set(device, [node]);
    else nodes.push(node);
  }
  for (const [device, nodes] of nodesOf) runtimeOf(device).evaluate(nodes, 'value');
}
