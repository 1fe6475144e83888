// Hooks around the calls of all modules, for debugging and profiling.
import type { RemovableHandle } from '@nn/tensor';
import type { BackwardHook, BackwardPreHook } from './backward-hooks.ts';
import { Hooks } from './hooks.ts';
import type { ModuleBase } from './module-base.ts';

/** Called with a module and its inputs; a returned list replaces them. */
export type AnyForwardPreHook = (
  module: ModuleBase,
  inputs: readonly unknown[],
) => readonly unknown[] | undefined;

/** Called with a module, its inputs and its output; what is returned replaces the output. */
export type AnyForwardHook = (module: ModuleBase, inputs: readonly unknown[], output: unknown) => unknown;

export const globalForwardPreHooks: Hooks<AnyForwardPreHook> = new Hooks();
export const globalForwardHooks: Hooks<AnyForwardHook> = new Hooks();
export const globalBackwardPreHooks: Hooks<BackwardPreHook> = new Hooks();
export const globalBackwardHooks: Hooks<BackwardHook> = new Hooks();

/** Calls the hook before each module's own forward pre-hooks: `register_module_forward_pre_hook`. */
export function registerModuleForwardPreHook(hook: AnyForwardPreHook): RemovableHandle {
  return globalForwardPreHooks.add('registerModuleForwardPreHook', hook);
}

/**
 * Calls the hook after each module's `forward`, before the module's own hooks: `register_module_forward_hook`.
 *
 * @example
 * ```ts
 * import { Linear, ReLU, registerModuleForwardHook, Sequential } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const called: string[] = [];
 * const handle = registerModuleForwardHook((module) => void called.push(module.constructor.name));
 * new Sequential(new Linear(2, 2), new ReLU())(ones([1, 2]));
 * handle.remove();
 * console.log(called); // => ['Linear', 'ReLU', 'Sequential']
 * ```
 */
export function registerModuleForwardHook(hook: AnyForwardHook): RemovableHandle {
  return globalForwardHooks.add('registerModuleForwardHook', hook);
}

/** Calls the hook before each module's backward, with the gradients of its outputs. */
export function registerModuleFullBackwardPreHook(hook: BackwardPreHook): RemovableHandle {
  return globalBackwardPreHooks.add('registerModuleFullBackwardPreHook', hook);
}

/** Calls the hook with the gradients of each module's inputs and outputs: `register_module_full_backward_hook`. */
export function registerModuleFullBackwardHook(hook: BackwardHook): RemovableHandle {
  return globalBackwardHooks.add('registerModuleFullBackwardHook', hook);
}
