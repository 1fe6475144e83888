// What the engine can do, found by validating a tiny module for each feature: no list of browsers to keep.

import type { Expression } from './expression.ts';
import { ModuleBuilder } from './module.ts';
import { f32x4 } from './vector.ts';

export interface Features {
  readonly simd: boolean;
  /** Fused multiply-add and its relatives, whose last bit may differ between machines. */
  readonly relaxedSimd: boolean;
  /** Shared memory and atomics. */
  readonly threads: boolean;
}

function validates(value: Expression): boolean {
  const module = new ModuleBuilder();
  module.function([], [value.type], (body) => body.return(value));
  return WebAssembly.validate(module.build());
}

interface NodeProcess {
  readonly getBuiltinModule?: (name: string) => unknown;
}

/** Node 20 has relaxed SIMD behind a flag that works when set before the first module that uses it. */
function enableRelaxedSimdInNode(): void {
  const node = (globalThis as { readonly process?: NodeProcess }).process;
  const v8 = node?.getBuiltinModule?.('node:v8') as { setFlagsFromString(flag: string): void } | undefined;
  v8?.setFlagsFromString('--experimental-wasm-relaxed-simd');
}

let detected: Features | undefined;

/** The features of this engine; looked for once. */
export function features(): Features {
  if (detected !== undefined) return detected;
  const zero = f32x4.constant(0);
  const fused = f32x4.relaxedMadd(zero, zero, zero);
  if (!validates(fused)) enableRelaxedSimdInNode();
  const shared = new ModuleBuilder();
  shared.importMemory({ module: 'env', name: 'memory', minimum: 1, maximum: 1, shared: true });
  shared.function([], [], () => {});
  detected = {
    simd: validates(f32x4.add(zero, zero)),
    relaxedSimd: validates(fused),
    threads: typeof SharedArrayBuffer === 'function' && WebAssembly.validate(shared.build()),
  };
  return detected;
}
