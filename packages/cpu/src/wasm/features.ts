// What the engine can do, found by validating a tiny module for each feature: no list of browsers to keep.

import type { Expression } from './expression.ts';
import { ModuleBuilder } from './module.ts';
import { f32x4 } from './vector.ts';

export interface Features {
  readonly simd: boolean;
  /** Relaxed instructions, among them a multiply-add that rounds once: where it does not, they are not worth it. */
  readonly relaxedSimd: boolean;
  /** Shared memory and atomics. */
  readonly threads: boolean;
}

function validates(value: Expression): boolean {
  const module = new ModuleBuilder();
  module.function([], [value.type], (body) => body.return(value));
  return WebAssembly.validate(module.build());
}

/** Whether the relaxed multiply-add rounds once: (1 + 2^-12)² - (1 + 2^-11) is 2^-24 then, and 0 otherwise. */
function roundsOnce(): boolean {
  const module = new ModuleBuilder();
  module.function(
    ['f32', 'f32'],
    ['f32'],
    (body, a, c) => {
      const factor = f32x4.splat(a);
      body.return(f32x4.extractLane(f32x4.relaxedMadd(factor, factor, f32x4.splat(c)), 0));
    },
    'square',
  );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()));
  const square = exports.square as (a: number, c: number) => number;
  return square(1 + 2 ** -12, -1 - 2 ** -11) !== 0;
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
    relaxedSimd: validates(fused) && roundsOnce(),
    threads: typeof SharedArrayBuffer === 'function' && WebAssembly.validate(shared.build()),
  };
  return detected;
}
