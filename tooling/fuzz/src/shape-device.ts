// A device that computes nothing: on it a program's shapes, dtypes and aliases are known at once, and free of cost.
import { type Backend, bytesPerElement, contractVersion, type DType, dtypes, hostArray } from '@nn/core';

export function shapeDevice(name: string, lacks: readonly DType[] = []): Backend {
  return {
    contractVersion,
    name,
    capabilities: {
      dtypes: new Set(dtypes.filter((dtype) => !lacks.includes(dtype))),
      synchronousRead: true,
    },
    bytesPerElement,
    allocate: (dtype, length) => ({ dtype, length, bytes: length * bytesPerElement(dtype) }),
    free() {},
    write() {},
    read: async ({ dtype, length }) => hostArray(dtype, length),
    readSync: ({ dtype, length }) => hostArray(dtype, length),
    copy() {},
    compile: (program) => ({ program }),
    run() {},
    release() {},
    synchronize: async () => {},
    memory: () => ({ liveBytes: 0, peakBytes: 0 }),
    dispose() {},
  };
}
