// What computing one element of an op costs, in units of about one simple instruction.
import { type DType, definitionOf, ExpressionBuilder, type Instruction, mathOps, type Value } from '@nn/core';
import type { GraphNode } from './graph.ts';

const transcendental: ReadonlySet<string> = new Set<string>([...mathOps, 'pow', 'atan2']);

/** The cost of an instruction. */
export function instructionWeight({ op }: Instruction): number {
  if (op === 'const' || op === 'param') return 0;
  if (op === 'philox') return 40;
  if (op === 'div' || op === 'rem' || op === 'sqrt') return 2;
  return transcendental.has(op) ? 16 : 1;
}

/** By signature: they count from 1. */
const weights: (number | undefined)[] = [];

/** The cost of one element of the op itself, its inputs given. */
export function weightOf(node: GraphNode): number {
  switch (node.kind) {
    case 'leaf':
      return 0;
    case 'movement':
      return node.op === 'pad' ? 1 : 0;
    case 'scalar':
    case 'generator':
      break;
    default:
      return 2;
  }
  let weight = weights[node.signature];
  if (weight === undefined) {
    weight = measure(node);
    weights[node.signature] = weight;
  }
  return weight;
}

/** Builds the expression over stand-in inputs and adds up its instructions. */
function measure(node: GraphNode): number {
  const builder = new ExpressionBuilder();
  const inputs: Value[] = node.inputs.map((input, index) =>
    builder.add({ op: 'param', dtype: input.dtype, index }),
  );
  const definition = definitionOf(node.op);
  if (definition.kind === 'scalar') definition.expression(builder, inputs, node.attributes as never);
  if (definition.kind === 'generator') {
    const standIn = (dtype: DType): Value =>
      builder.add({ op: 'index', dtype, affine: { offset: 0, strides: [] } });
    const coordinates = { along: (_: number, dtype: DType) => standIn(dtype), position: standIn };
    definition.expression(builder, coordinates, inputs, node.attributes as never);
  }
  let weight = 0;
  for (const instruction of builder.instructions) weight += instructionWeight(instruction);
  return weight;
}
