// Evaluates graphs node by node over plain number arrays: slow, and shares nothing with the compiler.
import {
  type AttributesOf,
  contiguousStrides,
  definitionOf,
  ExpressionBuilder,
  type Instruction,
  isHeld,
  type Node,
  type OpName,
  type Shape,
  sizeOf,
} from '@nn/core';

type Values = number[];

export function reference(root: Node, known: Map<Node, Values> = new Map()): Values {
  const stack = [root];
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    const missing = isHeld(node) ? [] : node.inputs.filter((input) => !known.has(input));
    if (missing.length > 0) {
      stack.push(...missing);
      continue;
    }
    stack.pop();
    if (!known.has(node)) known.set(node, evaluate(node, known));
  }
  return known.get(root) as Values;
}

function attributes<N extends OpName>(node: Node, _op: N): AttributesOf<N> {
  return node.attributes as unknown as AttributesOf<N>;
}

function evaluate(node: Node, known: Map<Node, Values>): Values {
  const { state, shape, op } = node;
  if (state?.host !== undefined) return Array.from(state.host, Number);
  if (state?.value !== undefined) return [Number(state.value)];
  const inputs = node.inputs.map((input) => known.get(input) as Values);
  const shapes = node.inputs.map((input) => input.shape);
  const definition = definitionOf(node.op);
  if (definition.kind === 'composite')
    return reference(definition.decompose(node.inputs, node.attributes as never), known);
  if (definition.kind === 'reduction') return reduce(node, inputs[0]);
  const each = (f: (at: number[], i: number) => number): Values => coordinates(shape).map(f);
  const read = (input: number, at: readonly number[]): number => {
    const own = shapes[input];
    const strides = contiguousStrides(own);
    const lead = at.length - own.length;
    return inputs[input][
      own.reduce((sum, extent, d) => sum + (extent === 1 ? 0 : at[lead + d]) * strides[d], 0)
    ];
  };
  if (definition.kind === 'scalar') {
    const builder = new ExpressionBuilder();
    const args = node.inputs.map(({ dtype }, index) => builder.add({ op: 'param', dtype, index }));
    const result = definition.expression(builder, args, node.attributes as never);
    return each(
      (at) =>
        run(
          builder.instructions,
          node.inputs.map((_, i) => read(i, at)),
        )[result],
    );
  }
  switch (op as OpName) {
    case 'reshape':
      return inputs[0];
    case 'permute': {
      const { order } = attributes(node, 'permute');
      return each((at) => {
        const from = new Array<number>(at.length);
        order.forEach((dim, i) => {
          from[dim] = at[i];
        });
        return read(0, from);
      });
    }
    case 'expand':
      return each((at) => read(0, at));
    case 'slice': {
      const { starts, steps } = attributes(node, 'slice');
      const strides = contiguousStrides(shapes[0]);
      return each(
        (at) => inputs[0][at.reduce((sum, c, d) => sum + (starts[d] + c * steps[d]) * strides[d], 0)],
      );
    }
    case 'pad': {
      const { before, value } = attributes(node, 'pad');
      return each((at) => {
        const from = at.map((c, d) => c - before[d]);
        return from.every((c, d) => c >= 0 && c < shapes[0][d]) ? read(0, from) : value;
      });
    }
    case 'window': {
      const { kernel, stride, dilation } = attributes(node, 'window');
      const lead = shapes[0].length - kernel.length;
      const k = kernel.length;
      return each((at) =>
        read(0, [
          ...at.slice(0, lead),
          ...kernel.map((_, j) => at[lead + j] * stride[j] + at[lead + k + j] * dilation[j]),
        ]),
      );
    }
    case 'asStrided': {
      const { strides, offset } = attributes(node, 'asStrided');
      return each((at) => inputs[0][at.reduce((sum, c, d) => sum + c * strides[d], offset)]);
    }
    case 'iota':
      return each((at) => at[attributes(node, 'iota').dim]);
    case 'take':
      return inputs[1].map((i) => inputs[0][Math.min(Math.max(i, 0), inputs[0].length - 1)]);
    case 'scatter': {
      const result = [...inputs[0]];
      const { mode } = attributes(node, 'scatter');
      inputs[1].forEach((i, n) => {
        if (i < 0 || i >= result.length) return;
        result[i] = mode === 'set' ? inputs[2][n] : combine(mode, result[i], inputs[2][n]);
      });
      return result;
    }
    case 'assign': {
      const { strides, offset } = attributes(node, 'assign');
      const result = [...inputs[0]];
      coordinates(shapes[1]).forEach((at, n) => {
        result[at.reduce((sum, c, d) => sum + c * strides[d], offset)] = inputs[1][n];
      });
      return result;
    }
    case 'scan': {
      const { dim, op: scan } = attributes(node, 'scan');
      const result = [...inputs[0]];
      const stride = contiguousStrides(shape)[dim];
      coordinates(shape).forEach((at, n) => {
        if (at[dim] > 0) result[n] = combine(scan, result[n - stride], result[n]);
      });
      return result;
    }
    case 'argsort': {
      const { dim, descending } = attributes(node, 'argsort');
      return each((at) => {
        const line = Array.from({ length: shapes[0][dim] }, (_, i) => read(0, at.with(dim, i)));
        const order = line
          .map((_, i) => i)
          .sort((a, b) => (descending ? line[b] - line[a] : line[a] - line[b]));
        return order[at[dim]];
      });
    }
    case 'dot': {
      const { batchRank, innerRank } = attributes(node, 'dot');
      const rowsEnd = shapes[0].length - innerRank;
      const inner = coordinates(shapes[0].slice(rowsEnd));
      return each((at) => {
        const batch = at.slice(0, batchRank);
        const rows = at.slice(batchRank, rowsEnd);
        const columns = at.slice(rowsEnd);
        let sum = 0;
        for (const k of inner)
          sum += read(0, [...batch, ...rows, ...k]) * read(1, [...batch, ...k, ...columns]);
        return sum;
      });
    }
    default:
      throw new Error(`reference: no rule for ${op}`);
  }
}

function reduce(node: Node, input: Values): Values {
  const { shape } = node.inputs[0];
  const { dims } = attributes(node, 'sum');
  const outer = shape.map((_, d) => d).filter((d) => !dims.includes(d));
  const inner = [...dims].sort((a, b) => a - b);
  const strides = contiguousStrides(shape);
  const at = (list: readonly number[], point: readonly number[]): number =>
    list.reduce((sum, d, i) => sum + point[i] * strides[d], 0);
  const op = node.op as string;
  return coordinates(outer.map((d) => shape[d])).map((point) => {
    const base = at(outer, point);
    const line = coordinates(inner.map((d) => shape[d])).map((k) => input[base + at(inner, k)]);
    if (op === 'argmax') return line.indexOf(Math.max(...line));
    if (op === 'argmin') return line.indexOf(Math.min(...line));
    if (line.length === 0) return op === 'prod' || op === 'min' ? 1 : 0;
    return line.reduce((a, b) => combine(op, a, b));
  });
}

function combine(op: string, a: number, b: number): number {
  if (op === 'sum') return a + b;
  if (op === 'prod') return a * b;
  return op === 'max' ? Math.max(a, b) : Math.min(a, b);
}

/** All coordinates of a shape in row-major order. */
function coordinates(shape: Shape): number[][] {
  const size = sizeOf(shape);
  const strides = contiguousStrides(shape);
  return Array.from({ length: size }, (_, i) =>
    shape.map((extent, d) => Math.floor(i / strides[d]) % extent),
  );
}

const unary: { readonly [op: string]: (a: number) => number } = {
  neg: (a) => -a,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sqrt: Math.sqrt,
  sin: Math.sin,
  floor: Math.floor,
  not: (a) => (a === 0 ? 1 : 0),
};
const binary: { readonly [op: string]: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
};

function run(instructions: readonly Instruction[], params: readonly number[]): number[] {
  const values: number[] = [];
  for (const instruction of instructions) values.push(step(instruction, values, params));
  return values;
}

function step(instruction: Instruction, values: readonly number[], params: readonly number[]): number {
  if (instruction.op === 'const') return Number(instruction.value);
  if (instruction.op === 'param') return params[instruction.index];
  if (!('args' in instruction)) throw new Error(`reference: no rule for ${instruction.op}`);
  const [a, b, c] = instruction.args.map((value) => values[value]);
  if (instruction.op === 'where') return a !== 0 ? b : c;
  if (instruction.op === 'fma') return a * b + c;
  if (instruction.op === 'cast') {
    if (instruction.dtype === 'bool') return Number(a !== 0);
    return instruction.dtype.startsWith('float') ? a : Math.trunc(a);
  }
  if (instruction.op in unary) return unary[instruction.op](a);
  if (instruction.op in binary) return binary[instruction.op](a, b);
  throw new Error(`reference: no rule for ${instruction.op}`);
}
