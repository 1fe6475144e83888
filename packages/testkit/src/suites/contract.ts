// What a backend says of itself, and what it does with what it cannot do.
import { type Backend, contractVersion, dtypes, hostArray } from '@nn/core';
import { load, ProgramBuilder, rowMajor } from '../build.ts';
import type { Context } from '../context.ts';
import { check, errorOf, fail } from '../runner.ts';

const methods = [
  'bytesPerElement',
  'allocate',
  'free',
  'write',
  'read',
  'readSync',
  'copy',
  'compile',
  'run',
  'release',
  'synchronize',
  'memory',
  'dispose',
] as const;

export function contractSuite({ test, dtypes: expected }: Context): void {
  test('version', async (backend) => {
    check(
      backend.contractVersion === contractVersion,
      `states version ${backend.contractVersion}, core speaks ${contractVersion}`,
    );
  });

  test('name', async (backend) => {
    check(typeof backend.name === 'string' && backend.name !== '', `has the name '${String(backend.name)}'`);
  });

  test('methods', async (backend) => {
    for (const method of methods)
      check(typeof backend[method] === 'function', `lacks the method '${method}'`);
  });

  test('dtypes', async (backend) => {
    const stated = [...backend.capabilities.dtypes].sort().join(', ');
    const wanted = [...expected].sort().join(', ');
    check(stated === wanted, `states the dtypes ${stated}, but is tested for ${wanted}`);
    for (const dtype of expected) {
      const bytes = backend.bytesPerElement(dtype);
      check(Number.isInteger(bytes) && bytes >= 1, `takes ${bytes} bytes for an element of ${dtype}`);
    }
  });

  for (const dtype of dtypes.filter((dtype) => !expected.includes(dtype))) {
    test(`refuses/${dtype}`, async (backend) => {
      const error = await errorOf(() => backend.compile(identityProgram(backend, dtype)));
      check((error as { code?: string }).code === 'NN_UNSUPPORTED', `threw ${error.name}: ${error.message}`);
      for (const part of [dtype, backend.name])
        check(error.message.includes(part), `does not name '${part}': ${error.message}`);
    });
  }

  test('synchronous reads are as stated', async (backend) => {
    const [dtype] = expected;
    const buffer = backend.allocate(dtype, 3);
    backend.write(buffer, hostArray(dtype, 3));
    try {
      if (backend.capabilities.synchronousRead) {
        check(backend.readSync(buffer).length === 3, 'readSync gave another length');
      } else {
        const error = await errorOf(() => backend.readSync(buffer));
        check((error as { code?: string }).code === 'NN_DEVICE', `threw ${error.name}, not a DeviceError`);
      }
    } finally {
      backend.free(buffer);
    }
  });

  test('executables know their program', async (backend) => {
    const program = identityProgram(backend, expected[0]);
    if (backend.compile(program).program !== program) fail('executable.program is another program');
  });
}

function identityProgram(backend: Backend, dtype: (typeof dtypes)[number]) {
  const builder = new ProgramBuilder((other) => backend.bytesPerElement(other));
  const [from, to] = [builder.input(dtype, 4), builder.output(dtype, 4)];
  builder.map([4], [load(dtype, rowMajor(from, [4]))], 0, to);
  return builder.build();
}
