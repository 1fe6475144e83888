// Running programs: on the backend under test, and on the interpreter as the reference.
import {
  type Backend,
  type BufferSpec,
  type HostArray,
  hostArray,
  interpretProgram,
  type Program,
} from '@nn/core';
import { expectArraysClose, type Tolerance } from './compare.ts';

type Role = BufferSpec['role'];

const isGiven = (role: Role): boolean => role === 'input' || role === 'updated';
const isResult = (role: Role): boolean => role === 'output' || role === 'updated';

type Params = readonly (number | bigint)[];

/** Outputs of a program on a device. They hold zeros before, so that what no kernel stores is defined. */
export async function runOn(
  backend: Backend,
  program: Program,
  inputs: readonly HostArray[],
  params: Params = [],
): Promise<HostArray[]> {
  const specs = program.buffers.filter((spec) => spec.role !== 'temporary');
  let nextInput = 0;
  const bound = specs.map(({ dtype, length, role }) => {
    const buffer = backend.allocate(dtype, length);
    backend.write(buffer, isGiven(role) ? inputs[nextInput++] : hostArray(dtype, length));
    return buffer;
  });
  const bindings = (wanted: (role: Role) => boolean) => bound.filter((_, i) => wanted(specs[i].role));
  try {
    const executable = backend.compile(program);
    backend.run(
      executable,
      bindings(isGiven),
      bindings((role) => role === 'output'),
      params,
    );
    return await Promise.all(bindings(isResult).map((buffer) => backend.read(buffer)));
  } finally {
    for (const buffer of bound) backend.free(buffer);
  }
}

/** The same on the interpreter. */
export function interpret(program: Program, inputs: readonly HostArray[], params: Params = []): HostArray[] {
  let nextInput = 0;
  const arrays = program.buffers.map(({ dtype, length, role }) =>
    isGiven(role) ? inputs[nextInput++].slice() : hostArray(dtype, length),
  );
  interpretProgram(program, arrays, params);
  return arrays.filter((_, i) => isResult(program.buffers[i].role));
}

/** Throws unless a program's outputs on the backend agree with the interpreter's. */
export async function expectAgreement(
  backend: Backend,
  program: Program,
  inputs: readonly HostArray[],
  { params = [], tolerance, describe }: AgreementOptions = {},
): Promise<void> {
  const expected = interpret(program, inputs, params);
  const actual = await runOn(backend, program, inputs, params);
  const specs = program.buffers.filter((spec) => isResult(spec.role));
  specs.forEach(({ dtype }, i) => {
    expectArraysClose(dtype, actual[i], expected[i], tolerance, describe);
  });
}

export interface AgreementOptions {
  readonly params?: Params;
  /** Exact by default. */
  readonly tolerance?: Tolerance;
  readonly describe?: (at: number) => string;
}
