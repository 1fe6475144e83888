// What a model is made of, layer by layer.
import { noGrad } from '@nn/autograd';
import { ArgumentError, checkOptions, isTensor, observe, sizeOf, type Tensor } from '@nn/tensor';
import { globalForwardHooks, globalForwardPreHooks } from './global-hooks.ts';
import type { AnyModule, Module } from './module.ts';
import { isModule, type ModuleBase } from './module-base.ts';
import type { InputsOf } from './sequential.ts';
import { formatSummary } from './summary-table.ts';

export interface SummaryOptions {
  /** Layers deeper than this have no row of their own; the model itself is at 0. Default: all have one. */
  readonly depth?: number;
}

/** One call of a module. */
export interface LayerSummary {
  /** 'encoder.layers.0'; '' for the model. */
  readonly path: string;
  /** The class. */
  readonly type: string;
  readonly depth: number;
  /** Shapes of the tensors that `forward` took and gave. */
  readonly inputShapes: readonly (readonly number[])[];
  readonly outputShapes: readonly (readonly number[])[];
  /** Elements of its parameters, those of modules in it included; 0 for a module that was called before. */
  readonly parameters: number;
  readonly trainableParameters: number;
  /** In its matrix products and convolutions, those of modules in it included. */
  readonly multiplyAdds: number;
  /** Whether it called no other module. */
  readonly isLeaf: boolean;
  /** Whether the module was called before, so that its parameters were counted. */
  readonly isRepeated: boolean;
}

/** What `summary` found; as text a table. */
export interface ModelSummary {
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly multiplyAdds: number;
  /** Bytes of the tensors that the model was called with. */
  readonly inputBytes: number;
  /** Bytes of what layers without further layers gave, and once more for their gradients. */
  readonly activationBytes: number;
  /** Bytes of parameters and buffers. */
  readonly parameterBytes: number;
  toString(): string;
}

type Row = { -readonly [K in keyof LayerSummary]: LayerSummary[K] };

function tensorsIn(value: unknown): Tensor[] {
  if (isTensor(value)) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  const isRecord =
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isRecord ? Object.values(value).flatMap(tensorsIn) : [];
}

const shapesIn = (value: unknown): (readonly number[])[] => tensorsIn(value).map(({ shape }) => shape);

function bytesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, tensor) => sum + tensor.numel() * tensor.elementSize(), 0);
}

function elementsOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, tensor) => sum + tensor.numel(), 0);
}

/** Multiplications of an op whose result is a sum of products. */
function multiplyAddsOf({ op, inputs, attributes, shape }: Tensor['node']): number {
  if (op === 'dot') {
    const { innerRank } = attributes as { readonly innerRank: number };
    const left = inputs[0].shape;
    return sizeOf(shape) * sizeOf(left.slice(left.length - innerRank));
  }
  // A weight is [groups, outputs, channels, kernel...].
  return op === 'convolution' ? sizeOf(shape) * sizeOf(inputs[1].shape.slice(2)) : 0;
}

/** Watches the calls of all modules. */
class Recording {
  readonly rows: Row[] = [];
  activationBytes = 0;
  readonly #open: Row[] = [];
  readonly #paths: ReadonlyMap<ModuleBase, string>;
  readonly #called = new Set<ModuleBase>();

  constructor(model: ModuleBase) {
    this.#paths = new Map(model.namedModules().map(([path, module]) => [module, path]));
  }

  add(multiplyAdds: number): void {
    for (const row of this.#open) row.multiplyAdds += multiplyAdds;
  }

  enter(module: ModuleBase, inputs: readonly unknown[]): void {
    const parent = this.#open.at(-1);
    if (parent !== undefined) parent.isLeaf = false;
    const row: Row = {
      path: this.#paths.get(module) ?? '?',
      type: module.typeName,
      depth: this.#open.length,
      inputShapes: shapesIn(inputs),
      outputShapes: [],
      parameters: 0,
      trainableParameters: 0,
      multiplyAdds: 0,
      isLeaf: true,
      isRepeated: this.#called.has(module),
    };
    this.#called.add(module);
    this.rows.push(row);
    this.#open.push(row);
  }

  leave(module: ModuleBase, output: unknown): void {
    const row = this.#open.pop();
    if (row === undefined) return;
    row.outputShapes = shapesIn(output);
    // After the call: a lazy module has its parameters now.
    row.type = module.typeName;
    if (!row.isRepeated) {
      const parameters = module.parameters();
      row.parameters = elementsOf(parameters);
      row.trainableParameters = elementsOf(parameters.filter(({ requiresGrad }) => requiresGrad));
    }
    if (row.isLeaf) this.activationBytes += 2 * bytesOf(tensorsIn(output));
  }
}

/**
 * Calls a model and tells, layer by layer, shapes, parameters and multiply-adds, and how much memory a step takes:
 * what `torchinfo` does. The model is called in evaluation mode and without derivatives; nothing is computed, for
 * shapes are known at once. Lazy modules get their parameters.
 *
 * Multiply-adds are those of the matrix products and convolutions that really are in the program, attention's too.
 *
 * @param inputs The arguments of the call: a list.
 * @returns Data, whose `toString` is a table.
 * @example
 * ```ts
 * import { Conv2d, Flatten, Linear, ReLU, Sequential, summary } from '@nn/modules';
 * import { interpreter, use, zeros } from '@nn/tensor';
 * use(interpreter());
 * const model = new Sequential(new Conv2d(1, 4, 3), new ReLU(), new Flatten(), new Linear(144, 10));
 * const report = summary(model, [zeros([1, 1, 8, 8])]);
 * console.log(report.parameters, report.multiplyAdds); // => 1490 2736
 * console.log(String(report)); // prints the table
 * ```
 */
export function summary<M extends AnyModule>(
  model: M,
  inputs: InputsOf<M>,
  options: SummaryOptions = {},
): ModelSummary {
  checkOptions('summary', options, ['depth']);
  if (!isModule(model)) throw new ArgumentError('summary: expected a module');
  if (!Array.isArray(inputs))
    throw new ArgumentError("summary: the model's arguments must be a list, such as [x]");
  const { depth = Infinity } = options;
  const modes = model.modules().map((module) => [module, module.training] as const);
  const recording = new Recording(model);
  const before = globalForwardPreHooks.add('summary', (module, given) => {
    recording.enter(module, given);
    return undefined;
  });
  const after = globalForwardHooks.add('summary', (module, _, output) => recording.leave(module, output));
  const watch = observe({ recorded: (node) => recording.add(multiplyAddsOf(node)) });
  try {
    model.eval();
    noGrad(() => (model as unknown as Module<unknown[], unknown>)(...inputs));
  } finally {
    watch[Symbol.dispose]();
    before.remove();
    after.remove();
    for (const [module, training] of modes) module.training = training;
  }
  const [whole] = recording.rows;
  const layers = recording.rows.filter((row) => row.depth <= depth);
  const data = {
    layers,
    parameters: whole.parameters,
    trainableParameters: whole.trainableParameters,
    multiplyAdds: whole.multiplyAdds,
    inputBytes: bytesOf(tensorsIn(inputs)),
    activationBytes: recording.activationBytes,
    parameterBytes: bytesOf([...model.parameters(), ...model.buffers()]),
  };
  return { ...data, toString: () => formatSummary(data) };
}
