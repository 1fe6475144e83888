// Inclusive scans along the middle of [outer, length, inner].
//
// Neighbouring lines are scanned side by side, in vectors. Where each line is contiguous, sums run along it in vectors:
// four elements are added up among themselves, and then to what was before them.
import type { DType, ExpressionBuilder, ScanOp, Value } from '@nn/core';
import { loadScalar, loadVector, storageDType, storeScalar, storeVector } from '../emit/access.ts';
import type { Tier } from '../emit/context.ts';
import { vectorLocals } from '../emit/lanes.ts';
import { lanes, numberType, type RegisterDType, storageBytes, type VectorLocal } from '../emit/registers.ts';
import { setRegisters } from '../emit/vector-operations.ts';
import type { Heap } from '../heap.ts';
import { type Expression, type FunctionBuilder, f64x2, i32, i64x2, type Local } from '../wasm/index.ts';
import { combine, narrow, widen, writeExpression, writeVectorExpression } from './combine.ts';
import { kernelModule } from './module.ts';

/** Lines side by side, at most: the next row is likely in another page, so that long runs pay. */
const mostLines = 1024;

/** Scratch bytes that each thread needs. */
export const scanScratchBytes: number = mostLines * 8;

/** Sums and products of floats run in float64, so that long ones do not lose what is added late. */
export function accumulatorDType(op: ScanOp, dtype: DType): RegisterDType {
  if (dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float32')
    return op === 'sum' || op === 'prod' ? 'float64' : 'float32';
  return dtype;
}

/** What happens to an element, whether in a scalar or in vectors. */
export interface Scan {
  readonly dtype: DType;
  /** As what an element is loaded. */
  readonly held: RegisterDType;
  readonly accumulated: RegisterDType;
  readonly widened: (b: ExpressionBuilder, inputs: readonly Value[]) => Value;
  readonly combined: (b: ExpressionBuilder, inputs: readonly Value[]) => Value;
  readonly narrowed: (b: ExpressionBuilder, inputs: readonly Value[]) => Value;
}

export function scanOf(op: ScanOp, dtype: DType): Scan {
  const accumulated = accumulatorDType(op, dtype);
  return {
    dtype,
    held: storageDType(dtype),
    accumulated,
    widened: (b, [stored]) => b.cast(widen(b, dtype, stored), accumulated),
    combined: (b, [before, value]) => combine(b, op, before, value),
    narrowed: (b, [value]) =>
      narrow(b, dtype, accumulated === 'float64' && dtype !== 'float64' ? b.cast(value, 'float32') : value),
  };
}

/** Where a walk along lines is. */
export interface Walk {
  readonly source: Local<'i32'>;
  readonly target: Local<'i32'>;
  /** Elements to come. */
  readonly left: Local<'i32'>;
  /** Bytes to the next element. */
  readonly stride: Local<'i32'>;
}

/** Words: source, target, length, inner, scratch, scratch bytes a thread. Items are lines: outer * inner + position. */
export function scanModule(heap: Heap, op: ScanOp, dtype: DType, tier: Tier): Uint8Array<ArrayBuffer> {
  const bytes = storageBytes[dtype];
  const scan = scanOf(op, dtype);
  return kernelModule(heap, (builder, { record, begin, end, thread }) => {
    const scratch = builder.local('i32', i32.mul(thread, i32.load(record, 20)));
    builder.increment(scratch, i32.load(record, 16));
    const length = builder.local('i32', i32.load(record, 8));
    const inner = builder.local('i32', i32.load(record, 12));
    const stride = builder.local('i32', i32.mul(inner, bytes));
    const [source, target, left, column, lines] = builder.locals('i32', 5);
    const walk = { source, target, left, stride };
    const line = builder.local('i32', begin);
    builder.while(
      () => i32.ltS(line, end),
      () => {
        const outer = i32.mul(i32.mul(i32.divU(line, inner), length), stride);
        builder.set(column, i32.remU(line, inner));
        builder.scope(() => {
          const offset = builder.local('i32', i32.add(outer, i32.mul(column, bytes)));
          builder.set(source, i32.add(i32.load(record, 0), offset));
          builder.set(target, i32.add(i32.load(record, 4), offset));
        });
        builder.set(left, length);
        // Lines side by side from here.
        builder.set(lines, i32.sub(inner, column));
        builder.if(i32.gtS(lines, i32.sub(end, line)), () => builder.set(lines, i32.sub(end, line)));
        builder.block((done) => {
          if (tier.simd)
            builder.if(i32.geS(lines, lanes), () => {
              builder.set(lines, i32.and(lines, -lanes));
              builder.if(i32.gtS(lines, mostLines), () => builder.set(lines, mostLines));
              builder.scope(() => scanLines(builder, tier, scan, walk, lines, scratch));
              builder.increment(line, lines);
              builder.branch(done);
            });
          builder.scope(() => scanLine(builder, tier, scan, walk, op, inner, null));
          builder.increment(line, 1);
        });
      },
    );
  });
}

function advance(builder: FunctionBuilder, { source, target, left, stride }: Walk): void {
  builder.increment(source, stride);
  builder.increment(target, stride);
  builder.increment(left, -1);
}

/** Lines next to each other, row after row, whose sums lie in scratch space. */
function scanLines(
  builder: FunctionBuilder,
  tier: Tier,
  { dtype, held, accumulated, widened, combined, narrowed }: Scan,
  walk: Walk,
  lines: Local<'i32'>,
  scratch: Local<'i32'>,
): void {
  const [source, target, sums, end] = builder.locals('i32', 4);
  const row = (isFirst: boolean): void => {
    builder.set(source, walk.source);
    builder.set(target, walk.target);
    builder.set(sums, scratch);
    builder.set(end, i32.add(scratch, i32.mul(lines, storageBytes[accumulated])));
    builder.while(
      () => i32.ltU(sums, end),
      () => {
        builder.scope(() => {
          const stored = vectorLocals(builder, held);
          setRegisters(builder, stored, loadVector(dtype, source));
          const value = writeVectorExpression(builder, tier, [{ dtype: held, registers: stored }], widened);
          const sum = vectorLocals(builder, accumulated);
          if (isFirst) setRegisters(builder, sum, value);
          else {
            setRegisters(builder, sum, loadVector(accumulated, sums));
            const operands = [sum, value].map((registers) => ({ dtype: accumulated, registers }));
            setRegisters(builder, sum, writeVectorExpression(builder, tier, operands, combined));
          }
          for (const statement of storeVector(accumulated, sums, sum)) builder.emit(statement);
          const operand = { dtype: accumulated, registers: sum };
          const result = writeVectorExpression(builder, tier, [operand], narrowed);
          for (const statement of storeVector(dtype, target, result)) builder.emit(statement);
        });
        builder.increment(source, lanes * storageBytes[dtype]);
        builder.increment(target, lanes * storageBytes[dtype]);
        builder.increment(sums, lanes * storageBytes[accumulated]);
      },
    );
    advance(builder, walk);
  };
  row(true);
  builder.while(
    () => i32.gtS(walk.left, 0),
    () => row(false),
  );
}

/** @param before what the line goes on from; null where it begins */
export function scanLine(
  builder: FunctionBuilder,
  tier: Tier,
  scan: Scan,
  walk: Walk,
  op: ScanOp,
  inner: Local<'i32'>,
  before: Local | null,
): void {
  const { dtype, held, accumulated, widened, combined, narrowed } = scan;
  const sum = before ?? builder.local(numberType(accumulated));
  const begin = (): void => {
    if (before === null) step(true);
  };
  const step = (isFirst: boolean): void =>
    builder.scope(() => {
      const loaded = loadScalar(dtype, walk.source) as Expression<'i32'>;
      const stored = builder.local(numberType(held), loaded);
      const value = writeExpression(builder, [{ dtype: held, local: stored }], widened);
      const operands = [sum, value].map((local) => ({ dtype: accumulated, local }));
      const next = isFirst ? value : writeExpression(builder, operands, combined);
      builder.set(sum, next as Local<'i32'>);
      const result = writeExpression(builder, operands.slice(0, 1), narrowed);
      builder.emit(storeScalar(dtype, walk.target, result));
      advance(builder, walk);
    });
  // In float64 another order of additions shows only where float32 has lost what is left: where sums beyond 2^53 cancel out.
  const alongLine = tier.simd && op === 'sum' && accumulated === 'float64' && dtype !== 'float64';
  if (!alongLine) begin();
  else
    builder.if(
      i32.eq(inner, 1),
      () => {
        if (before === null) builder.set(sum as unknown as Local<'f64'>, -0);
        sumAlongLine(builder, tier, scan, walk, sum as unknown as Local<'f64'>);
      },
      begin,
    );
  builder.while(
    () => i32.gtS(walk.left, 0),
    () => step(false),
  );
}

/** Sums of a contiguous line, four elements at a time, on from a sum; leaves what does not fill a vector, and its sum. */
function sumAlongLine(
  builder: FunctionBuilder,
  tier: Tier,
  { dtype, held, widened, narrowed }: Scan,
  walk: Walk,
  sum: Local<'f64'>,
): void {
  // What changes nothing when it is added, not even the sign of a zero.
  const nothing = builder.local('v128', f64x2.splat(-0));
  const before = builder.local('v128', f64x2.splat(sum));
  builder.while(
    () => i32.geS(walk.left, lanes),
    () => {
      builder.scope(() => {
        const stored = vectorLocals(builder, held);
        setRegisters(builder, stored, loadVector(dtype, walk.source));
        const values = writeVectorExpression(builder, tier, [{ dtype: held, registers: stored }], widened);
        const [low, high] = values.map((pair) =>
          builder.local('v128', f64x2.add(pair, i64x2.shuffle(nothing, pair, [0, 2]))),
        );
        builder.set(high, f64x2.add(high, i64x2.shuffle(low, low, [1, 1])));
        builder.set(low, f64x2.add(low, before));
        builder.set(high, f64x2.add(high, before));
        builder.set(before, i64x2.shuffle(high, high, [1, 1]));
        const sums: readonly VectorLocal[] = [low, high];
        const operand = { dtype: 'float64', registers: sums } as const;
        const result = writeVectorExpression(builder, tier, [operand], narrowed);
        for (const statement of storeVector(dtype, walk.target, result)) builder.emit(statement);
        builder.increment(walk.source, lanes * storageBytes[dtype]);
        builder.increment(walk.target, lanes * storageBytes[dtype]);
        builder.increment(walk.left, -lanes);
      });
    },
  );
  builder.set(sum, f64x2.extractLane(before, 0));
}
