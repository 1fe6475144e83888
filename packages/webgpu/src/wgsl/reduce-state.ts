/** What a lane remembers of the values it has seen: one field an accumulator, two for positions. */
import type { Accumulator, DType, Reduction } from '@nn/core';
import type { KernelCode } from './kernel-code.ts';
import { fitted } from './operations.ts';
import { registerType } from './storage.ts';

export interface StateCode {
  /** WGSL's name for the type. */
  readonly type: string;
  /** WGSL's names for the functions that give the state of an empty range and combine two. */
  readonly identity: string;
  readonly combine: string;
  /** The results as WGSL parameters. */
  readonly results: readonly string[];
  /** The state of a range of one value. */
  single(values: readonly string[], position: string): string;
  /** The final results of a state, in the results' types. */
  finals(state: string): string[];
  /** The WGSL for `state` of another lane of the subgroup. */
  readonly shuffled: string;
  readonly bytes: number;
}

interface Field {
  readonly name: string;
  readonly type: 'f32' | 'i32';
  readonly identity: string;
}

/** Declares the state's type, shared by equal ones, and its functions, whose names end with `suffix`. */
export function emitState(reduction: Reduction, code: KernelCode, suffix = ''): StateCode {
  const accumulators = reduction.accumulators.map((accumulator, at) =>
    describe(accumulator, reduction.body[accumulator.value].dtype, at),
  );
  const fields = accumulators.flatMap((accumulator) => accumulator.fields);
  const type = `State_${fields.map((field) => `${field.name[0]}${field.type}`).join('_')}`;
  const [identity, combine] = [`identity${suffix}`, `combine${suffix}`];
  const combined = accumulators.map((accumulator) => accumulator.combine).filter((text) => text !== '');
  code.declare(
    `struct ${type} { ${fields.map((field) => `${field.name}: ${field.type}`).join(', ')} }`,
    `fn ${identity}() -> ${type} { return ${type}(${fields.map((field) => field.identity).join(', ')}); }`,
    `fn ${combine}(x: ${type}, y: ${type}) -> ${type} {\n  var z = x;\n  ${combined.join('\n  ')}\n  return z;\n}`,
  );
  const shuffled = fields.map(({ name }) => `subgroupShuffleXor(state.${name}, distance)`).join(', ');
  return {
    type,
    identity,
    combine,
    results: reduction.accumulators.map(({ dtype }, at) => `result${at}: ${registerType(dtype)}`),
    single: (values, position) =>
      `${type}(${accumulators.flatMap((accumulator, at) => accumulator.single(values[at], position)).join(', ')})`,
    finals: (state) => accumulators.map((accumulator) => accumulator.final(state)),
    shuffled: `${type}(${shuffled})`,
    bytes: fields.length * 4,
  };
}

interface AccumulatorCode {
  readonly fields: readonly Field[];
  single(value: string, position: string): string[];
  readonly combine: string;
  final(state: string): string;
}

function describe({ op, dtype }: Accumulator, valueDType: DType, at: number): AccumulatorCode {
  const value = `value${at}`;
  const register = registerType(valueDType);
  // Bools would not fit in storage buffers.
  const type = register === 'bool' ? 'i32' : register;
  const stored = (text: string): string => (register === 'bool' ? `select(0, 1, ${text})` : text);
  if (op === 'argmax' || op === 'argmin') {
    const position = `position${at}`;
    return {
      fields: [
        { name: value, type, identity: type === 'f32' ? '0.0f' : '0' },
        // -1 until a value was seen, so that infinities are found too.
        { name: position, type: 'i32', identity: '-1' },
      ],
      single: (text, where) => [stored(text), where],
      combine: locate(op === 'argmax', value, position, type),
      final: (state) => `max(${state}.${position}, 0)`,
    };
  }
  const combined = combineValues(op, valueDType, `x.${value}`, `y.${value}`);
  return {
    fields: [{ name: value, type, identity: identityOf(op, valueDType) }],
    single: (text) => [stored(text)],
    combine: `z.${value} = ${combined};`,
    final: (state) => (register === 'bool' ? `(${state}.${value} != 0)` : fitted(dtype, `${state}.${value}`)),
  };
}

/** The better of two values, of equals the first; the first NaN beats them all. */
function locate(greatest: boolean, value: string, position: string, type: 'f32' | 'i32'): string {
  const [x, y] = [`x.${value}`, `y.${value}`];
  const [px, py] = [`x.${position}`, `y.${position}`];
  const better = `${y} ${greatest ? '>' : '<'} ${x}`;
  const same = type === 'f32' ? `(${y} == ${x} || (is_nan(${x}) && is_nan(${y})))` : `${y} == ${x}`;
  const nan = type === 'f32' ? ` || (is_nan(${y}) && !is_nan(${x}))` : '';
  const notNaN = type === 'f32' ? `!is_nan(${x}) && ` : '';
  const wins = `${py} >= 0 && (${px} < 0 || (${notNaN}${better})${nan} || (${same} && ${py} < ${px}))`;
  return `if (${wins}) { z.${value} = ${y}; z.${position} = ${py}; }`;
}

export type CombineOp = 'sum' | 'prod' | 'max' | 'min';

/** Combines two stored values (bools as 0 and 1), without rounding to the narrow dtypes. */
export function combineValues(op: CombineOp, dtype: DType, x: string, y: string): string {
  const isFloat = registerType(dtype) === 'f32';
  if (op === 'sum') return registerType(dtype) === 'bool' ? `(${x} | ${y})` : `(${x} + ${y})`;
  if (op === 'prod') return `(${x} * ${y})`;
  return isFloat ? `float_${op}(${x}, ${y})` : `${op}(${x}, ${y})`;
}

const integerRanges: { readonly [D in DType]?: readonly [string, string] } = {
  bool: ['0', '1'],
  uint8: ['0', '255'],
  int8: ['-128', '127'],
  int16: ['-32768', '32767'],
  int32: ['i32(-2147483648)', '2147483647'],
};

export function identityOf(op: CombineOp, dtype: DType): string {
  const range = integerRanges[dtype];
  if (op === 'sum') return range === undefined ? '0.0f' : '0';
  if (op === 'prod') return range === undefined ? '1.0f' : '1';
  if (range === undefined) return op === 'max' ? '-infinity()' : 'infinity()';
  return op === 'max' ? range[0] : range[1];
}
