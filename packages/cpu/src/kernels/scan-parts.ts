// A scan of one long line in parts, each of which goes on from the totals of those before it.
import type { DType, ScanOp } from '@nn/core';
import { loadScalar, loadVector, storeVector } from '../emit/access.ts';
import type { Tier } from '../emit/context.ts';
import { vectorLocals } from '../emit/lanes.ts';
import { lanes, numberType, storageBytes, type VectorLocal } from '../emit/registers.ts';
import { setRegisters } from '../emit/vector-operations.ts';
import type { Heap } from '../heap.ts';
import { type Expression, i32, type Local } from '../wasm/index.ts';
import { writeExpression, writeVectorExpression } from './combine.ts';
import { kernelModule } from './module.ts';
import { scanLine, scanOf } from './scan.ts';

/** Elements that are added up side by side: a part is a multiple of them. */
const sideBySide = 4;

/** Words: source, totals, length of a part. Items are parts: of each, four totals, each of every fourth element. */
export function partTotalsModule(heap: Heap, op: ScanOp, dtype: DType, tier: Tier): Uint8Array<ArrayBuffer> {
  const { held, accumulated, widened, combined } = scanOf(op, dtype);
  const step = lanes * storageBytes[dtype];
  return kernelModule(heap, (builder, { record, begin, end }) => {
    const partBytes = builder.local('i32', i32.mul(i32.load(record, 8), storageBytes[dtype]));
    const source = builder.local('i32', i32.add(i32.load(record, 0), i32.mul(begin, partBytes)));
    const totalBytes = lanes * storageBytes[accumulated];
    const total = builder.local('i32', i32.add(i32.load(record, 4), i32.mul(begin, totalBytes)));
    const last = builder.local('i32');
    const part = builder.local('i32', begin);
    const sums = Array.from({ length: sideBySide }, () => vectorLocals(builder, accumulated));
    const valueAt = (at: number): readonly VectorLocal[] => {
      const stored = vectorLocals(builder, held);
      setRegisters(builder, stored, loadVector(dtype, source, at * step));
      return writeVectorExpression(builder, tier, [{ dtype: held, registers: stored }], widened);
    };
    const both = (a: readonly VectorLocal[], b: readonly VectorLocal[]): readonly VectorLocal[] => {
      const operands = [a, b].map((registers) => ({ dtype: accumulated, registers }));
      return writeVectorExpression(builder, tier, operands, combined);
    };
    builder.countUp(part, end, 1, () => {
      builder.set(last, i32.add(source, partBytes));
      builder.scope(() => {
        for (const [at, sum] of sums.entries()) setRegisters(builder, sum, valueAt(at));
      });
      builder.increment(source, sideBySide * step);
      builder.while(
        () => i32.ltU(source, last),
        () => {
          builder.scope(() => {
            for (const [at, sum] of sums.entries()) setRegisters(builder, sum, both(sum, valueAt(at)));
          });
          builder.increment(source, sideBySide * step);
        },
      );
      builder.scope(() => {
        for (const statement of storeVector(
          accumulated,
          total,
          sums.slice(1).reduce<readonly VectorLocal[]>(both, sums[0]),
        ))
          builder.emit(statement);
      });
      builder.increment(total, totalBytes);
    });
  });
}

/** Words: source, target, totals of parts but the last, length, length of a part. Items are parts. */
export function scanPartsModule(heap: Heap, op: ScanOp, dtype: DType, tier: Tier): Uint8Array<ArrayBuffer> {
  const scan = scanOf(op, dtype);
  const { accumulated, combined } = scan;
  const bytes = storageBytes[dtype];
  return kernelModule(heap, (builder, { record, begin, end }) => {
    const length = builder.local('i32', i32.load(record, 12));
    const partLength = builder.local('i32', i32.load(record, 16));
    const part = builder.local('i32', begin);
    const [source, target, left] = builder.locals('i32', 3);
    const stride = builder.local('i32', i32.constant(bytes));
    const one = builder.local('i32', i32.constant(1));
    const before = builder.local(numberType(accumulated));
    /** What comes before this part, one total after the other. */
    const sumTotals = (): void => {
      const total = builder.local('i32', i32.load(record, 8));
      const load = (): Local => {
        const loaded = loadScalar(accumulated, total) as Expression<'i32'>;
        return builder.local(numberType(accumulated), loaded);
      };
      builder.set(before as Local<'i32'>, load() as Local<'i32'>);
      builder.for(1, i32.mul(part, lanes), () => {
        builder.increment(total, storageBytes[accumulated]);
        const operands = [before, load()].map((local) => ({ dtype: accumulated, local }));
        builder.set(before as Local<'i32'>, writeExpression(builder, operands, combined) as Local<'i32'>);
      });
    };
    const walk = { source, target, left, stride };
    builder.countUp(part, end, 1, () => {
      builder.scope(() => {
        const first = builder.local('i32', i32.mul(part, partLength));
        builder.set(source, i32.add(i32.load(record, 0), i32.mul(first, bytes)));
        builder.set(target, i32.add(i32.load(record, 4), i32.mul(first, bytes)));
        builder.set(left, i32.sub(length, first));
        builder.if(i32.gtS(left, partLength), () => builder.set(left, partLength));
      });
      builder.if(
        part,
        () => {
          builder.scope(() => sumTotals());
          builder.scope(() => scanLine(builder, tier, scan, walk, op, one, before));
        },
        () => builder.scope(() => scanLine(builder, tier, scan, walk, op, one, null)),
      );
    });
  });
}
