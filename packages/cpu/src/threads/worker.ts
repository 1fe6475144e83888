// Starting a worker, in Node (and what speaks its API) or in a browser.

import { nodeWorkerSource, webWorkerSource } from './worker-source.ts';

export interface WorkerHandle {
  terminate(): void;
}

interface NodeWorker {
  unref(): void;
  terminate(): Promise<number>;
}

interface NodeWorkerThreads {
  readonly Worker: new (
    source: string,
    options: { eval: boolean; execArgv: string[]; workerData: unknown },
  ) => NodeWorker;
}

interface NodeProcess {
  readonly versions?: { readonly node?: string };
  readonly getBuiltinModule?: (name: string) => unknown;
}

const nodeProcess = (globalThis as { readonly process?: NodeProcess }).process;

function nodeModule<Module>(name: string): Module | undefined {
  // An import would make bundlers for browsers look for the module.
  if (nodeProcess?.versions?.node === undefined) return undefined;
  return nodeProcess.getBuiltinModule?.(name) as Module | undefined;
}

/** Starts a worker that takes jobs from the control block. It says itself, there, when it is up. */
export function startWorker(
  memory: WebAssembly.Memory,
  controlAddress: number,
  thread: number,
): WorkerHandle {
  const threads = nodeModule<NodeWorkerThreads>('node:worker_threads');
  if (threads !== undefined) {
    const worker = new threads.Worker(nodeWorkerSource, {
      eval: true,
      // Flags of the main program, such as loaders, would only slow the start.
      execArgv: [],
      workerData: { memory, controlAddress, thread },
    });
    worker.unref();
    return { terminate: (): void => void worker.terminate() };
  }
  const url = URL.createObjectURL(new Blob([webWorkerSource], { type: 'text/javascript' }));
  const worker = new Worker(url);
  worker.postMessage({ memory, controlAddress, thread });
  return {
    terminate: (): void => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

/** Threads that this machine can run at once; 16 at most, since more gain little and each takes memory. */
export function availableThreads(): number {
  const os = nodeModule<{ availableParallelism(): number }>('node:os');
  const navigator = (globalThis as { readonly navigator?: { readonly hardwareConcurrency?: number } })
    .navigator;
  return Math.min(16, os?.availableParallelism() ?? navigator?.hardwareConcurrency ?? 1);
}

/** Why there is only one thread, and what would change it. */
export function sharedMemoryAdvice(): string {
  return (
    'cpu: running on one thread, because this page has no shared memory. To use all cores, serve the page with the ' +
    "headers 'Cross-Origin-Opener-Policy: same-origin' and 'Cross-Origin-Embedder-Policy: require-corp'."
  );
}
