// Values between threads. Numbers travel as memory: what a worker packed is handed over, what all workers need is
// shared where the platform shares memory. The rest is cloned; what a clone would lose is refused, by its path.
import { ArgumentError, type DType, type HostArray } from '@nn/core';
import { isTensor, type Tensor } from '@nn/tensor';
import { HostTensor, isRecord, nameOf } from '../collate.ts';

export type Wire =
  | readonly ['tensor', DType, readonly number[], HostArray]
  | readonly ['array', readonly Wire[]]
  | readonly ['object', readonly (readonly [string, Wire])[]]
  | readonly ['map', readonly (readonly [Wire, Wire])[]]
  | readonly ['value', unknown];

export interface EncodeOptions {
  /** What is sent, for errors: "sample 3". */
  readonly subject: string;
  /** Whether several threads are to see the same memory. Otherwise it is handed over. */
  readonly shared: boolean;
}

export interface Encoded {
  readonly wire: Wire;
  /** What to hand over with the message. */
  readonly transfer: ArrayBuffer[];
}

/** Browsers share memory only between threads of a page that is isolated from other origins. */
export function canShareMemory(): boolean {
  const { crossOriginIsolated } = globalThis as { readonly crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer === 'function' && crossOriginIsolated !== false;
}

/**
 * Readies a value for another thread. Tensors are read.
 *
 * @throws {ArgumentError} for functions, instances of classes, cycles: it names where they are.
 */
export async function encode(value: unknown, options: EncodeOptions): Promise<Encoded> {
  const transfer: ArrayBuffer[] = [];
  const own = options.shared && canShareMemory();

  const memory = <A extends ArrayBufferView & { slice(): A }>(array: A, isOurs: boolean): A => {
    if (!(array.buffer instanceof ArrayBuffer)) return array;
    if (own) {
      const shared = new SharedArrayBuffer(array.byteLength);
      new Uint8Array(shared).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return new (array.constructor as new (buffer: ArrayBufferLike) => A)(shared);
    }
    if (options.shared) return array.slice();
    const whole = isOurs && array.byteLength === array.buffer.byteLength ? array : array.slice();
    transfer.push(whole.buffer as ArrayBuffer);
    return whole;
  };

  const walk = async (at: unknown, path: string, above: readonly object[]): Promise<Wire> => {
    const refuse = (what: string): ArgumentError =>
      new ArgumentError(
        `DataLoader: ${options.subject} cannot be sent between threads: ${what}${path === '' ? '' : ` at ${path}`}. Numbers, strings, arrays, plain objects, maps, typed arrays and tensors can`,
      );
    if (isTensor(at)) return tensorWire(at, memory((await at.data()) as never, false));
    if (at instanceof HostTensor) return ['tensor', at.dtype, at.shape, memory(at.data as never, true)];
    if (typeof at === 'function') throw refuse(`a function${at.name === '' ? '' : ` (${at.name})`}`);
    if (typeof at === 'symbol') throw refuse('a symbol');
    if (typeof at !== 'object' || at === null) return ['value', at];
    if (above.includes(at)) throw refuse('a value that contains itself');
    if (ArrayBuffer.isView(at) && !(at instanceof DataView)) return ['value', memory(at as never, false)];
    const inside = [...above, at];
    if (Array.isArray(at)) {
      if (at.every(isPrimitive)) return ['value', at];
      return ['array', await Promise.all(at.map((each, i) => walk(each, `${path}[${i}]`, inside)))];
    }
    if (at instanceof Map) {
      const pairs = [...at].map(async ([key, each]) => {
        const inner = `${path}.get(${String(key)})`;
        return [await walk(key, inner, inside), await walk(each, inner, inside)] as const;
      });
      return ['map', await Promise.all(pairs)];
    }
    if (isRecord(at)) {
      const entries = Object.entries(at).map(
        async ([key, each]) => [key, await walk(each, `${path}.${key}`, inside)] as const,
      );
      return ['object', await Promise.all(entries)];
    }
    if (clonedWhole.has(nameOf(at))) return ['value', at];
    throw refuse(`an instance of ${nameOf(at)}, which would arrive without its class`);
  };
  return { wire: await walk(value, '', []), transfer };
}

const isPrimitive = (value: unknown): boolean =>
  value === null || !['object', 'function', 'symbol'].includes(typeof value);

const clonedWhole: ReadonlySet<string> = new Set([
  'Date',
  'RegExp',
  'Set',
  'ArrayBuffer',
  'SharedArrayBuffer',
  'DataView',
  'Blob',
  'File',
  'ImageBitmap',
  'ImageData',
]);

function tensorWire(x: Tensor, data: HostArray): Wire {
  return ['tensor', x.dtype, x.shape, data];
}

/** The value again; `leaf` says what becomes of tensors. */
export function decode(wire: Wire, leaf: (host: HostTensor) => unknown): unknown {
  switch (wire[0]) {
    case 'tensor':
      return leaf(new HostTensor(wire[1], wire[2], wire[3]));
    case 'array':
      return wire[1].map((each) => decode(each, leaf));
    case 'object':
      return Object.fromEntries(wire[1].map(([key, each]) => [key, decode(each, leaf)]));
    case 'map':
      return new Map(wire[1].map(([key, each]) => [decode(key, leaf), decode(each, leaf)]));
    case 'value':
      return wire[1];
  }
}
