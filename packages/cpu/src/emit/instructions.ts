// Lists of instructions: what they take and touch, and copies in which some are something else.
import type { Access, ExpressionBuilder, Instruction, Value } from '@nn/core';

/** The values that an instruction takes. */
export const argumentsOf = (instruction: Instruction): readonly Value[] =>
  'args' in instruction ? instruction.args : [];

const withArguments = (instruction: Instruction, args: readonly Value[]): Instruction =>
  'args' in instruction ? ({ ...instruction, args } as Instruction) : instruction;

/** The places in buffers that a list touches. */
export const accessesOf = (list: readonly Instruction[]): Access[] =>
  list.flatMap((each) => ('access' in each ? [each.access] : []));

/**
 * Copies a list to another, and gives the place of each. An expression that is there already is not added again, so
 * that lists which are copied to one builder have equal numbers for equal expressions.
 *
 * @param replace gives, for instructions that are to be something else, what.
 */
export function copyInto(
  b: ExpressionBuilder,
  list: readonly Instruction[],
  replace?: (instruction: Instruction, args: readonly Value[], at: Value) => Value | undefined,
): Value[] {
  const places: Value[] = [];
  for (const [at, instruction] of list.entries()) {
    const args = argumentsOf(instruction).map((arg) => places[arg]);
    places.push(replace?.(instruction, args, at) ?? b.add(withArguments(instruction, args)));
  }
  return places;
}
