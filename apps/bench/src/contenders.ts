// Who takes part: this project on all threads and on one, and the peers.
import { cpu } from '@nn/cpu';
import type { Benchmark, Group, Prepared } from './benchmark.ts';
import type { Awaitable, Library } from './libraries/library.ts';
import { namedBackend } from './libraries/named-backend.ts';
import { Nn } from './libraries/nn.ts';

export const peerNames = ['jax-js', 'tfjs-wasm', 'tfjs-cpu'] as const;
export type PeerName = (typeof peerNames)[number];

/** A library of any kind of tensor. */
export interface Contender {
  readonly name: string;
  readonly version: string;
  readonly device: string;
  readonly threads: number;
  activate(): Awaitable;
  suits(benchmark: Benchmark): boolean;
  prepare(benchmark: Benchmark): Prepared;
  dispose(): void;
}

function contender<T>(library: Library<T>): Contender {
  const { name, version, device, threads } = library;
  return {
    name,
    version,
    device,
    threads,
    activate: () => library.activate(),
    suits: (benchmark) => benchmark.suits?.(library) ?? true,
    prepare: (benchmark) => benchmark.prepare(library),
    dispose: () => library.dispose(),
  };
}

/** Peers are loaded only when asked for: one that cannot start must not stop the others. */
async function openPeer(name: PeerName): Promise<Contender> {
  if (name === 'jax-js') {
    const { openJaxJs } = await import('./libraries/jax-js.ts');
    return contender(await openJaxJs());
  }
  const { openTensorFlow } = await import('./libraries/tfjs.ts');
  return contender(await openTensorFlow(name === 'tfjs-wasm' ? 'wasm' : 'cpu'));
}

function openCpu(threads: number, compiled: boolean = false): Contender {
  const backend = namedBackend(cpu({ threads }), `cpu:${threads}${compiled ? ':compiled' : ''}`);
  return contender(new Nn({ backend, device: 'cpu', threads, compiled }));
}

/** Dawn; on SwiftShader, a driver that computes on the CPU, where there is no GPU. */
export async function openGpu(): Promise<Contender> {
  const [{ webgpu }, { createDawn }] = await Promise.all([import('@nn/webgpu'), import('@nn/webgpu/node')]);
  const backend = await webgpu({ gpu: await createDawn({ software: 'fallback' }) });
  const { vendor, architecture, description } = backend.info;
  const device = `webgpu (${description || [vendor, architecture].filter(Boolean).join(' ')})`;
  return contender(new Nn({ backend, device, threads: 1 }));
}

/** This project first: the others are compared with it. */
export async function openContenders(
  group: Group,
  threads: number,
  peers: readonly PeerName[],
): Promise<Contender[]> {
  if (group === 'webgpu') return [await openGpu()];
  const own = [openCpu(threads)];
  if (group !== 'cpu') own.push(openCpu(threads, true));
  if (threads > 1) own.push(openCpu(1));
  const opened: Contender[] = [];
  for (const name of peers) opened.push(await openPeer(name));
  return [...own, ...opened];
}
