// Who takes part: this project on all threads and on one, and the peers.
import { ArgumentError } from '@nn/core';
import { cpu } from '@nn/cpu';
import type { Awaitable, Benchmark, Group, Prepared } from './benchmark.ts';
import { type Library, Preparer } from './libraries/library.ts';
import { namedBackend } from './libraries/named-backend.ts';
import { Nn } from './libraries/nn.ts';
import { type PeerName, peerNames } from './options.ts';

/** A library of any kind of tensor. */
export interface Contender {
  readonly name: string;
  readonly version: string;
  readonly device: string;
  readonly threads: number;
  activate(): Awaitable;
  suits(benchmark: Benchmark): boolean;
  prepare(benchmark: Benchmark): Prepared | Promise<Prepared>;
  dispose(): Awaitable;
}

export function contender<T>(library: Library<T>): Contender {
  const { name, version, device, threads } = library;
  const preparer = new Preparer(library);
  return {
    name,
    version,
    device,
    threads,
    activate: () => library.activate(),
    suits: (benchmark) => (benchmark.suits?.(name) ?? true) && (name !== 'tfjs-cpu' || isLight(benchmark)),
    prepare: (benchmark) => preparer.prepare(benchmark),
    async dispose() {
      await library.activate();
      preparer.dispose();
      library.dispose();
    },
  };
}

/** Whether plain JavaScript does it in a few tenths of a second. */
function isLight({ cost: { flops = 0, bytes = 0 } }: Benchmark): boolean {
  return flops <= 5e7 && bytes <= 1e8;
}

export interface PeerOptions {
  readonly threads: number;
  /** The Python interpreter to ask for PyTorch. */
  readonly python: string;
}

/** Peers are loaded only when asked for: one that cannot start must not stop the others. */
async function openPeer(name: PeerName, { threads, python }: PeerOptions): Promise<Contender[]> {
  switch (name) {
    case 'jax-js': {
      const { openJaxJs } = await import('./libraries/jax-js.ts');
      return [contender(await openJaxJs())];
    }
    case 'torch': {
      const { openTorch } = await import('./libraries/torch.ts');
      const counts = threads === 1 ? [1] : [1, threads];
      return Promise.all(counts.map((count) => openTorch(python, count)));
    }
    default: {
      const { openTensorFlow } = await import('./libraries/tfjs.ts');
      return [contender(await openTensorFlow(name === 'tfjs-wasm' ? 'wasm' : 'cpu'))];
    }
  }
}

export interface Peers {
  readonly contenders: readonly Contender[];
  /** Why others do not take part. */
  readonly absent: readonly string[];
}

/** Opens peers; of those that were not asked for by name, the ones that cannot start are left out. */
export async function openPeers(
  names: readonly PeerName[] | undefined,
  options: PeerOptions,
): Promise<Peers> {
  const contenders: Contender[] = [];
  const absent: string[] = [];
  for (const name of names ?? peerNames) {
    try {
      contenders.push(...(await openPeer(name, options)));
    } catch (error) {
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      if (names !== undefined) {
        for (const opened of contenders) await opened.dispose();
        throw new ArgumentError(`bench: the peer '${name}' does not start: ${reason}`);
      }
      absent.push(`${name} is left out: ${reason}`);
    }
  }
  return { contenders, absent };
}

function openCpu(threads: number, compiled: boolean = false): Contender {
  const backend = namedBackend(cpu({ threads }), `cpu:${threads}${compiled ? ':compiled' : ''}`);
  return contender(new Nn({ backend, device: 'cpu', threads, compiled }));
}

/** Dawn; on SwiftShader, a driver that computes on the CPU, where there is no GPU. */
async function openGpu(): Promise<Contender> {
  const [{ webgpu }, { createDawn }] = await Promise.all([import('@nn/webgpu'), import('@nn/webgpu/node')]);
  const backend = await webgpu({ gpu: await createDawn({ software: 'fallback' }) });
  const { vendor, architecture, description } = backend.info;
  const device = `webgpu (${description || [vendor, architecture].filter(Boolean).join(' ')})`;
  return contender(new Nn({ backend, device, threads: 1 }));
}

/** This project, which the others are compared with. */
export async function openOwn(group: Group, threads: number): Promise<Contender[]> {
  if (group === 'webgpu') return [await openGpu()];
  const own = [openCpu(threads)];
  if (group !== 'cpu') own.push(openCpu(threads, true));
  if (threads > 1) own.push(openCpu(1));
  return own;
}
