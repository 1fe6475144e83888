// The body of one function: locals that are reused once released, structured control flow, statements in order.

import { type Code, flatten, unsigned } from './encoding.ts';
import {
  type Expression,
  expression,
  type Operand,
  operandCode,
  type Statement,
  type ValueType,
  valueTypeCodes,
} from './expression.ts';
import { i32 } from './scalar.ts';

/** A local variable; used as an expression it reads its value of the moment. */
export interface Local<T extends ValueType = ValueType> extends Expression<T> {
  readonly index: number;
}

/** What a branch names: the block or loop it leaves or repeats. */
export interface Label {
  readonly depth: number;
}

/** A function that can be called: its place in the module's index space, and its signature. */
export interface Callable {
  readonly index: number;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export type LocalsOf<Types extends readonly ValueType[]> = {
  readonly [Index in keyof Types]: Local<Types[Index]>;
};

function makeLocal<T extends ValueType>(type: T, index: number): Local<T> {
  return { type, index, code: [0x20, unsigned(index)] };
}

export class FunctionBuilder {
  readonly parameters: readonly Local[];
  readonly #parameterCount: number;
  readonly #localTypes: ValueType[] = [];
  readonly #freeLocals = new Map<ValueType, number[]>();
  readonly #body: Code[] = [];
  #scope: Local[] | undefined;
  #depth = 0;

  constructor(parameterTypes: readonly ValueType[]) {
    this.parameters = parameterTypes.map(makeLocal);
    this.#parameterCount = parameterTypes.length;
  }

  /** A fresh or reused local; without an initial value it may hold anything of an earlier use. */
  local<T extends ValueType>(type: T, initial?: Operand<T>): Local<T> {
    const reused = this.#freeLocals.get(type)?.pop();
    const index = reused ?? this.#parameterCount + this.#localTypes.push(type) - 1;
    const local = makeLocal(type, index);
    this.#scope?.push(local);
    if (initial !== undefined) this.set(local, initial);
    return local;
  }

  locals<T extends ValueType>(type: T, count: number): Local<T>[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  /** Runs `body`; the locals that it asks for are free for others afterwards. */
  scope<Result>(body: () => Result): Result {
    const outer = this.#scope;
    const mine: Local[] = [];
    this.#scope = mine;
    const result = body();
    this.#scope = outer;
    for (const local of mine) {
      const free = this.#freeLocals.get(local.type);
      if (free === undefined) this.#freeLocals.set(local.type, [local.index]);
      else free.push(local.index);
    }
    return result;
  }

  set<T extends ValueType>(local: Local<T>, value: Operand<T>): void {
    this.#body.push(operandCode(local.type, value), 0x21, unsigned(local.index));
  }

  /** Sets the local and gives the value. */
  tee<T extends ValueType>(local: Local<T>, value: Operand<T>): Expression<T> {
    return expression(local.type, [operandCode(local.type, value), 0x22, unsigned(local.index)]);
  }

  increment(local: Local<'i32'>, by: Operand<'i32'>): void {
    if (by !== 0) this.set(local, i32.add(local, by));
  }

  emit(statement: Statement): void {
    this.#body.push(statement.code);
  }

  drop(value: Expression): void {
    this.#body.push(value.code, 0x1a);
  }

  /** Calls a function without a result. */
  call(callee: Callable, operands: readonly Operand<ValueType>[]): void {
    this.#body.push(callCode(callee, operands));
  }

  /** The result of calling a function with one result. */
  callFor<T extends ValueType>(
    type: T,
    callee: Callable,
    operands: readonly Operand<ValueType>[],
  ): Expression<T> {
    if (callee.results[0] !== type) {
      throw new TypeError(
        `callFor: asked for ${type} of a function that gives [${callee.results.join(', ')}].`,
      );
    }
    return expression(type, callCode(callee, operands));
  }

  return(value?: Expression): void {
    if (value !== undefined) this.#body.push(value.code);
    this.#body.push(0x0f);
  }

  /** Branching to the label leaves the block. */
  block(body: (label: Label) => void): void {
    this.#nest(0x02, body);
  }

  /** Branching to the label repeats the loop. */
  loop(body: (label: Label) => void): void {
    this.#nest(0x03, body);
  }

  branch(label: Label): void {
    this.#body.push(0x0c, unsigned(this.#depth - label.depth));
  }

  branchIf(label: Label, condition: Operand<'i32'>): void {
    this.#body.push(operandCode('i32', condition), 0x0d, unsigned(this.#depth - label.depth));
  }

  if(condition: Operand<'i32'>, then: () => void, otherwise?: () => void): void {
    this.#body.push(operandCode('i32', condition), 0x04, 0x40);
    this.#depth++;
    then();
    if (otherwise !== undefined) {
      this.#body.push(0x05);
      otherwise();
    }
    this.#depth--;
    this.#body.push(0x0b);
  }

  /** The body of `choices[index]`, or of the last one when the index is past the end. */
  switch(index: Operand<'i32'>, choices: readonly (() => void)[]): void {
    const last = choices.length - 1;
    this.block((done) => {
      const nestChoice = (choice: number, inside: () => void): void => {
        this.block(() => inside());
        choices[choice]?.();
        if (choice !== last) this.branch(done);
      };
      const nestAll = (choice: number): void => {
        nestChoice(choice, () => {
          if (choice > 0) {
            nestAll(choice - 1);
            return;
          }
          const targets = choices.map((_, position) => unsigned(position));
          this.#body.push(operandCode('i32', index), 0x0e, unsigned(last), targets);
        });
      };
      nestAll(last);
    });
  }

  /** Repeats the body while the condition, tested before each round, is not zero. */
  while(condition: () => Operand<'i32'>, body: () => void): void {
    this.if(condition(), () => {
      this.loop((again) => {
        body();
        this.branchIf(again, condition());
      });
    });
  }

  /** Counts from the counter's value of the moment up to `end` (excluded, signed) by `step`. */
  countUp(counter: Local<'i32'>, end: Operand<'i32'>, step: Operand<'i32'>, body: () => void): void {
    this.while(
      () => i32.ltS(counter, end),
      () => {
        body();
        this.increment(counter, step);
      },
    );
  }

  /** Moves an address up to `end` (excluded, unsigned: addresses go beyond 2 GiB) by so many bytes a round. */
  walk(address: Local<'i32'>, end: Operand<'i32'>, bytes: number, body: () => void): void {
    this.while(
      () => i32.ltU(address, end),
      () => {
        body();
        this.increment(address, bytes);
      },
    );
  }

  /** Runs the body for each integer of [start, end), signed. */
  for(start: Operand<'i32'>, end: Operand<'i32'>, body: (index: Local<'i32'>) => void): void {
    this.scope(() => {
      const counter = this.local('i32', start);
      this.countUp(counter, end, 1, () => body(counter));
    });
  }

  /** The function's entry in the code section, without its length. */
  encode(): Uint8Array<ArrayBuffer> {
    const groups: Code[] = [];
    for (let start = 0; start < this.#localTypes.length; ) {
      const type = this.#localTypes[start] as ValueType;
      let end = start + 1;
      while (this.#localTypes[end] === type) end++;
      groups.push([unsigned(end - start), valueTypeCodes[type]]);
      start = end;
    }
    return flatten([unsigned(groups.length), groups, this.#body, 0x0b]);
  }

  #nest(opcode: number, body: (label: Label) => void): void {
    this.#body.push(opcode, 0x40);
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    this.#body.push(0x0b);
  }
}

function callCode(callee: Callable, operands: readonly Operand<ValueType>[]): Code {
  if (operands.length !== callee.parameters.length) {
    throw new TypeError(
      `call: the function takes ${callee.parameters.length} operands, and ${operands.length} were given.`,
    );
  }
  const pushed = callee.parameters.map((type, index) =>
    operandCode(type, operands[index] as Operand<ValueType>),
  );
  return [pushed, 0x10, unsigned(callee.index)];
}

/** `whenTrue` if the condition is not zero, else `whenFalse`; only one of the two is evaluated. */
export function choose<T extends ValueType>(
  condition: Operand<'i32'>,
  whenTrue: Expression<T>,
  whenFalse: Expression<T>,
): Expression<T> {
  const type = whenTrue.type;
  return expression(type, [
    operandCode('i32', condition),
    [0x04, valueTypeCodes[type]],
    whenTrue.code,
    0x05,
    whenFalse.code,
    0x0b,
  ]);
}
