// Modules to other devices and dtypes. Parameters stay the same objects, so that optimizers keep them.
import { isDType, isFloat, runtimeOf, type Tensor } from '@nn/tensor';
import type { ModuleBase } from './module-base.ts';

/** Casts to a dtype concern float tensors only. */
function isConcerned(x: Tensor, target: string): boolean {
  return isDType(target) ? isFloat(x.dtype) && x.dtype !== target : x.device !== target;
}

export function moveModule(module: ModuleBase, target: string): void {
  const moved: Tensor[] = [];
  for (const parameter of module.parameters()) {
    if (!isConcerned(parameter, target)) continue;
    const { grad } = parameter;
    parameter.storage.replace(parameter.detach().to(target).node);
    if (grad !== null) parameter.grad = grad.to(target);
    moved.push(parameter);
  }
  for (const each of module.modules()) {
    for (const { name, value } of each.ownBuffers()) {
      if (value !== null && isConcerned(value, target)) Reflect.set(each, name, value.to(target));
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
