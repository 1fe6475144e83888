// The kernels that are not loops: copy, scatter, scan and argsort.
import type { DType, HostArray } from '../dtype.ts';
import type { ArgsortKernel, CopyKernel, ScanKernel, ScatterKernel } from '../kernel.ts';
import { accumulating, combining } from './combine.ts';
import { type Element, fitNumber, loadElement, storeElement } from './element.ts';
import type { BufferInfo, LoweredKernel } from './loop.ts';

export function lowerCopy(kernel: CopyKernel): LoweredKernel {
  return ({ arrays }) => (arrays[kernel.target] as Float32Array).set(arrays[kernel.source] as Float32Array);
}

export function lowerScatter(kernel: ScatterKernel, buffers: readonly BufferInfo[]): LoweredKernel {
  const { dtype } = buffers[kernel.target];
  const { mode, count, targetSize, width = 1 } = kernel;
  const combine = mode === 'set' ? null : combining(mode, dtype);
  return ({ arrays }) => {
    const index = arrays[kernel.index] as Int32Array;
    const source = arrays[kernel.source];
    const target = arrays[kernel.target];
    for (let i = 0; i < count; i++) {
      const at = index[i];
      if (at < 0 || at >= targetSize) continue;
      for (let column = 0; column < width; column++) {
        const to = at * width + column;
        const value = loadElement(dtype, source, i * width + column);
        const combined = combine === null ? value : combine(loadElement(dtype, target, to), value);
        storeElement(dtype, target, to, combined);
      }
    }
  };
}

export function lowerScan(kernel: ScanKernel, buffers: readonly BufferInfo[]): LoweredKernel {
  const { dtype } = buffers[kernel.source];
  const { outer, length, inner } = kernel;
  const combine = accumulating(kernel.op, dtype);
  return ({ arrays }) => {
    const source = arrays[kernel.source];
    const target = arrays[kernel.target];
    for (let line = 0; line < outer * inner; line++) {
      const first = firstOfLine(line, length, inner);
      let running: Element | undefined;
      for (let i = 0; i < length; i++) {
        const at = first + i * inner;
        const value = loadElement(dtype, source, at);
        running = running === undefined ? value : combine(running, value);
        // Floats run on in float64; each result is rounded once.
        storeElement(dtype, target, at, typeof running === 'bigint' ? running : fitNumber(dtype, running));
      }
    }
  };
}

export function lowerArgsort(kernel: ArgsortKernel, buffers: readonly BufferInfo[]): LoweredKernel {
  const { dtype } = buffers[kernel.source];
  const { outer, length, inner, start = 0, count, descending } = kernel;
  return ({ arrays }) => {
    const target = arrays[kernel.target];
    for (let line = 0; line < outer * inner; line++) {
      const first = firstOfLine(line, length, inner);
      const values = readLine(dtype, arrays[kernel.source], first, length, inner);
      const order = Int32Array.from({ length }, (_, i) => i);
      // Equal values keep their order in both directions, so positions break ties.
      if (descending) order.sort((i, j) => compareElements(values[j], values[i]) || i - j);
      else order.sort((i, j) => compareElements(values[i], values[j]) || i - j);
      const result = firstOfLine(line, count, inner);
      for (let i = 0; i < count; i++) target[result + i * inner] = order[start + i];
    }
  };
}

function firstOfLine(line: number, length: number, inner: number): number {
  return Math.floor(line / inner) * length * inner + (line % inner);
}

function readLine(dtype: DType, array: HostArray, first: number, length: number, step: number): Element[] {
  return Array.from({ length }, (_, i) => loadElement(dtype, array, first + i * step));
}

/** NaN is greater than every number. */
function compareElements(x: Element, y: Element): number {
  const xIsNaN = Number.isNaN(x);
  const yIsNaN = Number.isNaN(y);
  if (xIsNaN || yIsNaN) return Number(xIsNaN) - Number(yIsNaN);
  return x < y ? -1 : x > y ? 1 : 0;
}
