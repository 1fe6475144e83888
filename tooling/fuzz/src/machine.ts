// Runs instructions against the public API.
import { noGrad } from '@nn/autograd';
import { isTensor, runtimeOf, slice, type Tensor } from '@nn/tensor';
import { type Argument, functions, type Instruction, isConstructor, mapArgument } from './program.ts';

/** A variable that the instruction takes does not exist: what made it threw, or gave nothing. */
export class MissingVariable extends Error {}

export class Machine {
  readonly variables: Map<number, Tensor> = new Map();
  /** What is no tensor: optimizers. */
  readonly #objects = new Map<number, object>();

  tensor(variable: number): Tensor {
    const tensor = this.variables.get(variable);
    if (tensor === undefined) throw new MissingVariable(`v${variable} was not made`);
    return tensor;
  }

  /** Runs an instruction that is no read; gives what it made. */
  run(instruction: Exclude<Instruction, { kind: 'read' }>): Tensor | undefined {
    const made = this.#made(instruction);
    if (instruction.result !== undefined) {
      this.variables.delete(instruction.result);
      if (isTensor(made)) this.variables.set(instruction.result, made);
      else if (typeof made === 'object' && made !== null) this.#objects.set(instruction.result, made);
    }
    return isTensor(made) ? made : undefined;
  }

  #made(instruction: Exclude<Instruction, { kind: 'read' }>): unknown {
    switch (instruction.kind) {
      case 'call': {
        const args = instruction.args.map((each) => this.#value(each));
        const { on, name } = instruction;
        const receiver = on === null ? functions : (this.#objects.get(on) ?? this.tensor(on));
        const method = (receiver as Record<string, (...given: unknown[]) => unknown>)[name];
        const call = isConstructor(instruction)
          ? (): unknown => Reflect.construct(method, args)
          : (): unknown => method.call(receiver, ...args);
        const given = instruction.noGrad ? noGrad(call) : call();
        return instruction.pick === undefined
          ? given
          : (given as Record<string | number, unknown>)[instruction.pick];
      }
      case 'gradient':
        return this.tensor(instruction.on).grad;
      case 'clear':
        this.tensor(instruction.on).grad = null;
        return null;
      case 'keep': {
        const x = this.tensor(instruction.on);
        runtimeOf(x.device).keepLater(x.node, 'output');
        return null;
      }
      case 'step': {
        const tensors = instruction.variables.map((each) => this.tensor(each));
        runtimeOf(tensors[0].device).step(tensors.map((x) => x.node));
        return null;
      }
    }
  }

  #value(argument: Argument): unknown {
    return mapArgument<unknown>(
      argument,
      (variable) => this.tensor(variable),
      ({ slice: [start, stop, step] }) => slice(start, stop, step),
    );
  }
}
