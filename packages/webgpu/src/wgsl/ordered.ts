/** Scatters, scans and sorts. */
import type { ArgsortKernel, CopyKernel, ScanKernel, ScatterKernel } from '@nn/core';
import { type EmitContext, KernelCode, type Launch } from './kernel-code.ts';
import { emitLoop } from './loop.ts';
import { fitted } from './operations.ts';
import { combineValues, identityOf } from './reduce-state.ts';

const workgroupSize = 256;

export function emitCopy(kernel: CopyKernel, context: EmitContext): readonly Launch[] {
  const { dtype, length } = context.buffers[kernel.source];
  const whole = { offset: 0, strides: [1], guards: [] };
  return emitLoop(
    {
      kind: 'loop',
      name: kernel.name,
      extents: [length],
      producer: null,
      epilogue: [{ op: 'load', dtype, access: { ...whole, buffer: kernel.source } }],
      stores: [{ access: { ...whole, buffer: kernel.target }, value: 0 }],
    },
    context,
  );
}

/** Each value as an atomic update; where the last must win, the last is found first. */
export function emitScatter(kernel: ScatterKernel, context: EmitContext): readonly Launch[] {
  if (kernel.count === 0 || kernel.targetSize === 0) return [];
  return kernel.mode === 'set' ? emitScatterSet(kernel, context) : [emitScatterCombine(kernel, context)];
}

/** A statement for each row that is written, which knows its number `row` and its place `target_row`. */
function scatterRows(kernel: ScatterKernel, code: KernelCode, statement: string): string {
  return `  let row = group * ${workgroupSize} + lane;
  if (row < ${code.sizes.integer(kernel.count)}) {
    let target_row = ${code.memory.load(kernel.index, 'row')};
    if (u32(target_row) < u32(${code.sizes.integer(kernel.targetSize)})) { ${statement} }
  }`;
}

/** A statement for each element of the rows that are written: it knows its number `at` and its place `target_at` too. */
function scatterElements(kernel: ScatterKernel, code: KernelCode, statement: string): string {
  if (kernel.width === undefined)
    return scatterRows(kernel, code, `let at = row; let target_at = target_row; ${statement}`);
  const width = code.sizes.integer(kernel.width);
  return `  let at = group * ${workgroupSize} + lane;
  let row = at / ${width};
  if (row < ${code.sizes.integer(kernel.count)}) {
    let target_row = ${code.memory.load(kernel.index, 'row')};
    let target_at = target_row * ${width} + at % ${width};
    if (u32(target_row) < u32(${code.sizes.integer(kernel.targetSize)})) { ${statement} }
  }`;
}

const groupsFor = (invocations: number): number => Math.ceil(invocations / workgroupSize);

function emitScatterSet(kernel: ScatterKernel, context: EmitContext): readonly Launch[] {
  const bytes = kernel.targetSize * 4;
  const clear = new KernelCode(context);
  const cleared = clear.scratch('i32', 0, bytes);
  const size = clear.sizes.integer(kernel.targetSize);
  const clearBody = `  let at = group * ${workgroupSize} + lane;\n  if (at < ${size}) { ${cleared}[at] = -1; }`;
  const find = new KernelCode(context);
  const last = find.scratch('atomic<i32>', 0, bytes);
  const findBody = scatterRows(kernel, find, `atomicMax(&${last}[target_row], row);`);
  const set = new KernelCode(context);
  const winner = set.scratch('i32', 0, bytes);
  const store = set.memory.store(kernel.target, 'target_at', set.memory.load(kernel.source, 'at'));
  const setBody = scatterElements(kernel, set, `if (${winner}[target_row] == row) { ${store} }`);
  return [
    clear.launch(`${kernel.name}, clearing`, workgroupSize, groupsFor(kernel.targetSize), [clearBody]),
    find.launch(`${kernel.name}, finding the last`, workgroupSize, groupsFor(kernel.count), [findBody]),
    set.launch(kernel.name, workgroupSize, groupsFor(kernel.count * (kernel.width ?? 1)), [setBody]),
  ];
}

function emitScatterCombine(kernel: ScatterKernel, context: EmitContext): Launch {
  const code = new KernelCode(context);
  const dtype = code.memory.dtypeOf(kernel.target);
  const storage = code.memory.storage(kernel.target);
  const mode = kernel.mode as Exclude<ScatterKernel['mode'], 'set'>;
  const target = code.memory.atomic(kernel.target);
  const source = code.memory.load(kernel.source, 'at');
  const value = dtype === 'bool' ? `select(0, 1, ${source})` : source;
  const combine = (held: string): string => fitted(dtype, combineValues(mode, dtype, held, 'value'));
  // A half of a word is a float16; the other half stays as it is.
  const word = storage === 'f16' ? 'target_at / 2' : 'target_at';
  const half = 'unpack2x16float(held)[target_at & 1]';
  const updated =
    storage === 'f16'
      ? `insertBits(held, half_bits(${combine(half)}), u32(target_at & 1) * 16u, 16u)`
      : `bitcast<u32>(${combine(`bitcast<${storage}>(held)`)})`;
  const statement =
    dtype === 'int32' && mode === 'sum'
      ? `atomicAdd(&${target}[target_at], bitcast<u32>(${value}));`
      : `let value = ${value};
      let word = ${word};
      var held = atomicLoad(&${target}[word]);
      loop {
        let exchange = atomicCompareExchangeWeak(&${target}[word], held, ${updated});
        if (exchange.exchanged) { break; }
        held = exchange.old_value;
      }`;
  const groups = groupsFor(kernel.count * (kernel.width ?? 1));
  return code.launch(kernel.name, workgroupSize, groups, [scatterElements(kernel, code, statement)]);
}

/** Consecutive values that one invocation scans by itself. */
const scanEach = 8;

/**
 * A workgroup takes a line in stretches of 2048: invocations scan 8 values each, their totals are scanned in
 * workgroup memory (Hillis and Steele, 1986), and the sum of what went before is carried on.
 */
export function emitScan(kernel: ScanKernel, context: EmitContext): readonly Launch[] {
  const lines = kernel.outer * kernel.inner;
  if (lines === 0 || kernel.length === 0) return [];
  const code = new KernelCode(context);
  const { dtype } = context.buffers[kernel.source];
  const type = code.memory.storage(kernel.source) === 'i32' ? 'i32' : 'f32';
  const load = code.memory.load(kernel.source, 'first + at * inner');
  const value = dtype === 'bool' ? `select(0, 1, ${load})` : load;
  const result = fitted(dtype, 'running');
  const store = code.memory.store(
    kernel.target,
    'first + at * inner',
    dtype === 'bool' ? '(running != 0)' : result,
  );
  const identity = identityOf(kernel.op, dtype);
  code.declarations.push(
    `var<workgroup> totals: array<${type}, ${workgroupSize}>;`,
    `fn combine(x: ${type}, y: ${type}) -> ${type} { return ${combineValues(kernel.op, dtype, 'x', 'y')}; }`,
  );
  const body = `  let inner = ${code.sizes.integer(kernel.inner)};
  let length = ${code.sizes.integer(kernel.length)};
  let first = (group / inner) * length * inner + group % inner;
  var carried: ${type} = ${identity};
  for (var stretch = 0; stretch < length; stretch += ${workgroupSize * scanEach}) {
    let own = stretch + lane * ${scanEach};
    var total: ${type} = ${identity};
    for (var at = own; at < min(own + ${scanEach}, length); at++) { total = combine(total, ${value}); }
    totals[lane] = total;
    workgroupBarrier();
    for (var distance = 1; distance < ${workgroupSize}; distance *= 2) {
      var before: ${type} = ${identity};
      if (lane >= distance) { before = totals[lane - distance]; }
      workgroupBarrier();
      if (lane >= distance) { totals[lane] = combine(before, totals[lane]); }
      workgroupBarrier();
    }
    var running = carried;
    if (lane > 0) { running = combine(carried, totals[lane - 1]); }
    for (var at = own; at < min(own + ${scanEach}, length); at++) {
      running = combine(running, ${value});
      ${store}
    }
    carried = combine(carried, totals[${workgroupSize - 1}]);
    workgroupBarrier();
  }`;
  return [code.launch(kernel.name, workgroupSize, lines, [body])];
}

/** Up to so many elements, comparing each with each is the fastest way to sort them. */
const shortLine = 512;

/**
 * Bitonic sort (Batcher, 1968) of positions, padded to a power of two with positions past the end, which come
 * last. Comparing positions where values are equal makes it stable.
 */
export function emitArgsort(kernel: ArgsortKernel, context: EmitContext): readonly Launch[] {
  const lines = kernel.outer * kernel.inner;
  if (lines === 0 || kernel.count === 0) return [];
  const padded = Math.max(2, 2 ** Math.ceil(Math.log2(kernel.length)));
  if (kernel.length <= shortLine) return [emitShortSort(kernel, context)];
  const bytes = lines * padded * 4;
  const step = (
    label: string,
    count: number,
    write: (code: KernelCode, positions: string) => string,
  ): Launch => {
    const code = new KernelCode(context);
    const positions = code.scratch('i32', 0, bytes);
    const statements = write(code, positions);
    const body = `  let at = group * ${workgroupSize} + lane;
  if (at < ${code.sizes.integer(count)}) {
    ${statements}
  }`;
    return code.launch(`${kernel.name}, ${label}`, workgroupSize, Math.ceil(count / workgroupSize), [body]);
  };
  const launches = [
    step('beginning', lines * padded, (code, positions) => {
      return `${positions}[at] = at % ${code.sizes.integer(padded)};`;
    }),
  ];
  for (let size = 2; size <= padded; size *= 2) {
    for (let distance = size / 2; distance >= 1; distance /= 2) {
      launches.push(
        step('merging', (lines * padded) / 2, (code, positions) => {
          code.declarations.push(emitPrecedes(kernel, code));
          const pairs = code.sizes.integer(padded / 2);
          return `let line = at / ${pairs};
    ${emitExchange(code.sizes.integer(size), code.sizes.integer(distance), `at % ${pairs}`)}
    let low_at = line * (2 * ${pairs}) + low;
    let high_at = line * (2 * ${pairs}) + high;
    let x = ${positions}[low_at];
    let y = ${positions}[high_at];
    if (precedes(line, y, x) == ascending) { ${positions}[low_at] = y; ${positions}[high_at] = x; }`;
        }),
      );
    }
  }
  launches.push(
    step('ending', lines * kernel.count, (code, positions) => {
      const [inner, count] = [code.sizes.integer(kernel.inner), code.sizes.integer(kernel.count)];
      const start = code.sizes.integer(kernel.start ?? 0);
      const target = `((line / ${inner}) * ${count} + place) * ${inner} + line % ${inner}`;
      return `let line = at / ${count};
    let place = at % ${count};
    ${code.memory.store(kernel.target, target, `${positions}[line * ${code.sizes.integer(padded)} + ${start} + place]`)}`;
    }),
  );
  return launches;
}

/** Which two places the pair number `pair` exchanges, and in which direction. */
function emitExchange(size: string, distance: string, pair: string): string {
  return `let pair = ${pair};
    let low = (pair / ${distance}) * (2 * ${distance}) + pair % ${distance};
    let high = low + ${distance};
    let ascending = (low & ${size}) == 0;`;
}

/** `fn precedes(line, x, y)`: whether position x comes before position y in the sorted order. */
function emitPrecedes(kernel: ArgsortKernel, code: KernelCode): string {
  const { dtype } = code.context.buffers[kernel.source];
  const type = code.memory.storage(kernel.source) === 'i32' ? 'i32' : 'f32';
  const [inner, length] = [code.sizes.integer(kernel.inner), code.sizes.integer(kernel.length)];
  const load = code.memory.load(kernel.source, '((line / inner) * length + position) * inner + line % inner');
  const value = dtype === 'bool' ? `select(0, 1, ${load})` : load;
  const [lesser, greater] = kernel.descending ? ['b', 'a'] : ['a', 'b'];
  const nan =
    type === 'f32'
      ? `let nan_a = is_nan(a);
  let nan_b = is_nan(b);
  if (nan_a != nan_b) { return ${kernel.descending ? 'nan_a' : 'nan_b'}; }
  if (nan_a) { return x < y; }`
      : '';
  return `fn value_at(line: i32, position: i32) -> ${type} {
  let inner = ${inner};
  let length = ${length};
  return ${value};
}
fn precedes(line: i32, x: i32, y: i32) -> bool {
  // Positions past the end come last.
  if (max(x, y) >= ${length}) { return x < y; }
  let a = value_at(line, x);
  let b = value_at(line, y);
  ${nan}
  if (a == b) { return x < y; }
  return ${lesser} < ${greater};
}`;
}

/** Each element of a short line counts those before it, which is its place: one dispatch, in any order. */
function emitShortSort(kernel: ArgsortKernel, context: EmitContext): Launch {
  const code = new KernelCode(context);
  const size = kernel.outer * kernel.length * kernel.inner;
  const [inner, length] = [code.sizes.integer(kernel.inner), code.sizes.integer(kernel.length)];
  code.declarations.push(emitPrecedes(kernel, code));
  const count = code.sizes.integer(kernel.count);
  const target = `((line / ${inner}) * ${count} + place) * ${inner} + line % ${inner}`;
  const store = code.memory.store(kernel.target, target, 'own');
  const body = `  let at = group * ${workgroupSize} + lane;
  if (at < ${code.sizes.integer(size)}) {
    let line = at / ${length};
    let own = at % ${length};
    var place = -${code.sizes.integer(kernel.start ?? 0)};
    for (var other = 0; other < ${length}; other++) { place += select(0, 1, precedes(line, other, own)); }
    ${kernel.count < kernel.length ? `if (place >= 0 && place < ${count}) { ${store} }` : store}
  }`;
  return code.launch(kernel.name, workgroupSize, Math.ceil(size / workgroupSize), [body]);
}
