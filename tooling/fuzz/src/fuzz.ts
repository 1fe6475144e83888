// Many seeds, one after the other.
import { check, type Failure } from './check.ts';
import {
  configurations,
  narrowShapes,
  shapes,
  trainingConfigurations,
  useDevices,
} from './configurations.ts';
import { generate, type Sizes } from './generate.ts';
import type { Configuration } from './run.ts';
import { trainingLoop } from './training.ts';

export interface FuzzOptions {
  readonly programs: number;
  /** The first program's seed; the others follow. */
  readonly seed: number;
  /** Of interpreter, cpu and webgpu. */
  readonly devices: readonly string[];
  /** Instructions of a program. */
  readonly length: number;
  /** Values of thousands of elements, which several threads share. */
  readonly large: boolean;
  /** Training loops with late reads instead of programs of all kinds. */
  readonly training?: boolean;
  /** How many configurations run each program, taken in turn; all, if not given. */
  readonly each?: number;
  /** Gets each failure; whether to go on. */
  onFailure(failure: Failure): Promise<boolean>;
}

export function sizesFor({
  devices,
  length,
  large,
}: Pick<FuzzOptions, 'devices' | 'length' | 'large'>): Sizes {
  const wide = !devices.includes('webgpu');
  return {
    length,
    extents: large ? [1, 3, 16, 33, 64, 130] : [1, 2, 3, 3, 4, 5],
    elements: large ? 40_000 : 240,
    wide,
    device: wide ? shapes : narrowShapes,
  };
}

/** How many programs ran. */
export async function fuzz(options: FuzzOptions): Promise<number> {
  const { programs, seed: first, devices } = options;
  await useDevices(devices);
  const ways = options.training ? trainingConfigurations : configurations;
  const all = devices.flatMap((device) => ways[device]);
  const each = options.each ?? all.length;
  const sizes = sizesFor(options);
  let count = 0;
  for (; count < programs; count++) {
    const seed = first + count;
    const some: Configuration[] = Array.from(
      { length: each },
      (_, i) => all[(count * each + i) % all.length],
    );
    const program = options.training ? trainingLoop(seed) : generate(seed, sizes);
    const failure = await check(program, sizes.device, some);
    if (failure !== null && !(await options.onFailure(failure))) break;
  }
  return count;
}
