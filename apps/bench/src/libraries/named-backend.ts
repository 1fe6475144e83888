// A backend under another name, so that two of a kind can be in use at once.
import type { Backend } from '@nn/core';

export function namedBackend(backend: Backend, name: string): Backend {
  return {
    contractVersion: backend.contractVersion,
    name,
    capabilities: backend.capabilities,
    bytesPerElement: (dtype) => backend.bytesPerElement(dtype),
    allocate: (dtype, length) => backend.allocate(dtype, length),
    free: (buffer) => backend.free(buffer),
    write: (buffer, data) => backend.write(buffer, data),
    read: (buffer) => backend.read(buffer),
    readSync: (buffer) => backend.readSync(buffer),
    copy: (source, target) => backend.copy(source, target),
    compile: (program) => backend.compile(program),
    run: (executable, inputs, outputs, params) => backend.run(executable, inputs, outputs, params),
    synchronize: () => backend.synchronize(),
    memory: () => backend.memory(),
    release: (executable) => backend.release(executable),
    dispose: () => backend.dispose(),
  };
}
