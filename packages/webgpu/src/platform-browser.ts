/** Where WebGPU comes from in a browser. */

export async function platformGpu(): Promise<GPU | undefined> {
  return (globalThis.navigator as Navigator | undefined)?.gpu;
}
