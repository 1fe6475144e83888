/** Where WebGPU comes from in Node, Deno or Bun: what the platform has, else Dawn. */
import { createDawn } from './node.ts';

export async function platformGpu(): Promise<GPU | undefined> {
  return (globalThis.navigator as Navigator | undefined)?.gpu ?? (await createDawn());
}
