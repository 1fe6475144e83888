// What memory is taken, by device and by how it is held; and when asked, by which tensors.
import { type Column, formatBytes, formatTable } from '@nn/compiler';
import { backendOf, type DType, devices, type Shape, UnsupportedError } from '@nn/core';
import { type CallSite, callSite } from './call-site.ts';
import type { Keeping } from './holdings.ts';
import { type Observer, observe } from './observer.ts';
import { runtimeOf } from './runtimes.ts';
import type { Storage } from './storage.ts';
import type { Tensor } from './tensor.ts';

/** Bytes on one device. */
export interface DeviceMemory {
  readonly device: string;
  /** All that is not freed. */
  readonly liveBytes: number;
  /** The most that was live since the start, or since `resetPeakMemory`. */
  readonly peakBytes: number;
  /** By how values may go: see `Keeping`. */
  readonly held: Readonly<Record<Keeping, number>>;
  /** The arena that intermediates share, and whatever else the device keeps. */
  readonly arenaBytes: number;
  /** Values on the device. */
  readonly values: number;
}

/** A value that some tensor shows. */
export interface LiveTensor {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: string;
  /** On the device; 0 where it was not computed, or was moved to the host. */
  readonly bytes: number;
  /** In a copy on the host. */
  readonly hostBytes: number;
  /** How it may go; undefined when it is not on the device. */
  readonly keeping: Keeping | undefined;
  /** Handles that share it: views, and what differentiation saved. */
  readonly handles: number;
  /** Where the first of them was made. */
  readonly madeAt: CallSite;
}

/** What `memory` found. As a string: tables for people. */
export class MemoryReport {
  readonly devices: readonly DeviceMemory[];
  /** The largest first; null unless `trackMemory` is on. */
  readonly tensors: readonly LiveTensor[] | null;

  constructor(reports: readonly DeviceMemory[], tensors: readonly LiveTensor[] | null) {
    this.devices = reports;
    this.tensors = tensors;
  }

  /** Of all devices. */
  get liveBytes(): number {
    return this.devices.reduce((sum, { liveBytes }) => sum + liveBytes, 0);
  }

  toString(): string {
    return [
      ...deviceTable(this.devices),
      ...(this.tensors === null ? [] : ['', ...tensorTable(this.tensors)]),
    ].join('\n');
  }
}

// What Node's console shows.
Object.defineProperty(MemoryReport.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: MemoryReport) {
    return this.toString();
  },
});

/**
 * The memory that is taken now, of all devices or of one: live and peak bytes, and how they are held. After
 * `trackMemory(true)` also the tensors, each with the place where it was made. Runs nothing.
 *
 * @throws {DeviceError} when no such device is in use.
 * @example
 * ```ts
 * import { interpreter, memory, ones, trackMemory, use } from '@nn/tensor';
 * use(interpreter());
 * trackMemory(true);
 * const x = ones([256]).realize();
 * const { devices, tensors } = memory();
 * console.log(devices[0].held.value, tensors?.[0].shape); // => 1024 [256]
 * console.log(tensors![0].madeAt.length > 0, x.dtype); // => true float32
 * trackMemory(false);
 * ```
 */
export function memory(device?: string): MemoryReport {
  const names = device === undefined ? devices() : [backendOf(device).name];
  const tensors = tracker?.list().filter((each) => device === undefined || each.device === device) ?? null;
  return new MemoryReport(names.map(deviceMemory), tensors);
}

function deviceMemory(device: string): DeviceMemory {
  const runtime = runtimeOf(device);
  const held = runtime.heldBytes();
  const { liveBytes, peakBytes } = runtime.backend.memory();
  const heldBytes = held.value + held.output + held.transient + held.upload;
  return {
    device,
    liveBytes,
    peakBytes,
    held,
    arenaBytes: liveBytes - heldBytes,
    values: runtime.heldCount(),
  };
}

/**
 * Forgets the highest value so far, as `torch.cuda.reset_peak_memory_stats`: of all devices, or of one.
 *
 * @throws {UnsupportedError} where a device cannot.
 */
export function resetPeakMemory(device?: string): void {
  for (const name of device === undefined ? devices() : [device]) {
    const backend = backendOf(name);
    if (backend.resetPeak === undefined) {
      throw new UnsupportedError(
        `resetPeakMemory: device '${name}' cannot forget its peak. Use profile(): its totals have the peak of what ran`,
      );
    }
    backend.resetPeak();
  }
}

/**
 * Turns the list of live tensors in `memory()` on or off: each made from then on is noted with the place where that
 * happened. It costs some tens of microseconds for each tensor, and keeps none alive.
 */
export function trackMemory(enabled: boolean): void {
  if (enabled === (tracker !== null)) return;
  if (enabled) {
    tracker = new Tracker();
    looking = observe(tracker);
  } else {
    looking?.[Symbol.dispose]();
    looking = null;
    tracker = null;
  }
}

let tracker: Tracker | null = null;
let looking: Disposable | null = null;

interface Tracked {
  readonly tensor: WeakRef<Tensor>;
  readonly madeAt: CallSite;
}

class Tracker implements Observer {
  #tracked: Tracked[] = [];
  /** The length at which those that are gone are looked for. */
  #limit = 1024;

  made(tensor: Tensor): void {
    this.#tracked.push({ tensor: new WeakRef(tensor), madeAt: callSite() });
    if (this.#tracked.length < this.#limit) return;
    this.#tracked = this.#tracked.filter(({ tensor: each }) => each.deref() !== undefined);
    this.#limit = Math.max(1024, 2 * this.#tracked.length);
  }

  list(): LiveTensor[] {
    const groups = new Map<object, { readonly first: Tensor; readonly madeAt: CallSite; handles: number }>();
    for (const { tensor, madeAt } of this.#tracked) {
      const alive = tensor.deref();
      if (alive === undefined || alive.device === '') continue;
      const value = alive.storage.knownNode ?? alive.storage;
      const group = groups.get(value);
      if (group === undefined) groups.set(value, { first: alive, madeAt, handles: 1 });
      else group.handles++;
    }
    const rows = Array.from(groups.values(), ({ first, madeAt, handles }) =>
      row(first.storage, madeAt, handles),
    );
    return rows.sort((a, b) => b.bytes - a.bytes || b.hostBytes - a.hostBytes);
  }
}

function row(storage: Storage, madeAt: CallSite, handles: number): LiveTensor {
  const { dtype, device, knownNode } = storage;
  const state = knownNode?.state ?? null;
  return {
    shape: storage.shape,
    dtype,
    device,
    bytes: state?.buffer?.bytes ?? 0,
    hostBytes: state?.host?.byteLength ?? 0,
    keeping: state === null ? undefined : runtimeOf(device).keepingOf(state),
    handles,
    madeAt,
  };
}

const right = (head: string): Column => ({ head, align: 'right' });

function deviceTable(reports: readonly DeviceMemory[]): string[] {
  const heads = ['live', 'peak', 'values', 'outputs', 'transients', 'uploads', 'arena', 'count'];
  return formatTable(
    [{ head: 'device' }, ...heads.map(right)],
    reports.map(({ device, liveBytes, peakBytes, held, arenaBytes, values }) => [
      device,
      ...[liveBytes, peakBytes, held.value, held.output, held.transient, held.upload, arenaBytes].map(
        formatBytes,
      ),
      String(values),
    ]),
  );
}

/** Without those that take no memory. */
function tensorTable(tensors: readonly LiveTensor[]): string[] {
  const taking = tensors.filter(({ bytes, hostBytes }) => bytes + hostBytes > 0);
  const others = tensors.length - taking.length;
  const lines = formatTable(
    [
      ...['bytes', 'on the host'].map(right),
      ...['dtype', 'shape', 'device', 'held as'].map((head) => ({ head })),
      right('handles'),
      { head: 'made at' },
    ],
    taking.map(({ bytes, hostBytes, dtype, shape, device, keeping, handles, madeAt }) => [
      formatBytes(bytes),
      formatBytes(hostBytes),
      dtype,
      `[${shape.join(', ')}]`,
      device,
      keeping ?? 'on the host',
      String(handles),
      madeAt[0] ?? '',
    ]),
  );
  return others === 0 ? lines : [...lines, `… and ${others} that are not computed and take nothing`];
}
