// Models whose parameters are averages over training: stochastic weight averaging (Izmailov et al. 2018) and exponential
// moving averages.
import { noGrad } from '@nn/autograd';
import {
  ArgumentError,
  backendOf,
  checkOptions,
  defaultDevice,
  describe,
  isFloat,
  isTensor,
  runtimeOf,
  type Tensor,
  where,
  zeros,
} from '@nn/tensor';
import { BatchNorm } from './batch-normalization.ts';
import { deepcopy } from './deepcopy.ts';
import { Module } from './module.ts';
import { isModule, type ModuleBase } from './module-base.ts';

/** The new average of a parameter, from the former one, the parameter and how many are in the former (zero-dimensional). */
export type AverageFunction = (averaged: Tensor, current: Tensor, numAveraged: Tensor) => Tensor;
/** The same for all parameters at once, in their order. */
export type MultiAverageFunction = (
  averaged: readonly Tensor[],
  current: readonly Tensor[],
  numAveraged: Tensor,
) => readonly Tensor[];

export interface AveragedModelOptions {
  /** Default: the mean of all, `getSwaAvgFn()`. */
  readonly avgFn?: AverageFunction;
  /** In the place of `avgFn`. */
  readonly multiAvgFn?: MultiAverageFunction;
  /** Whether buffers are averaged too, instead of copied. Default false. */
  readonly useBuffers?: boolean;
}

/** The mean of all that were averaged: `torch.optim.swa_utils.get_swa_avg_fn`. */
export function getSwaAvgFn(): AverageFunction {
  return (averaged, current, numAveraged) =>
    averaged.add(current.sub(averaged).div(numAveraged.to(averaged.dtype).add(1)));
}

/** `getSwaAvgFn` for lists. Either way all parameters are updated by one program. */
export function getSwaMultiAvgFn(): MultiAverageFunction {
  return eachBy(getSwaAvgFn());
}

/**
 * The exponential moving average: decay times the former, the rest of the new one.
 * `torch.optim.swa_utils.get_ema_avg_fn`.
 *
 * @throws {ArgumentError} unless the decay lies between 0 and 1.
 */
export function getEmaAvgFn(decay: number = 0.999): AverageFunction {
  if (!(typeof decay === 'number' && decay >= 0 && decay <= 1)) {
    throw new ArgumentError(`getEmaAvgFn: decay must lie between 0 and 1, got ${describe(decay)}`);
  }
  return (averaged, current) => averaged.mul(decay).add(current.mul(1 - decay));
}

/** `getEmaAvgFn` for lists. */
export function getEmaMultiAvgFn(decay: number = 0.999): MultiAverageFunction {
  return eachBy(getEmaAvgFn(decay));
}

function eachBy(average: AverageFunction): MultiAverageFunction {
  return (averaged, current, numAveraged) =>
    averaged.map((each, i) => average(each, current[i], numAveraged));
}

/**
 * A copy of a model that holds averages of its parameters, as `torch.optim.swa_utils.AveragedModel`. Call
 * `updateParameters(model)` after optimizer steps (each one for a moving average, each epoch for stochastic weight
 * averaging), and `updateBN` at the end where the model has batch norms. The average computes what the model does.
 *
 * @throws {ArgumentError} for both `avgFn` and `multiAvgFn`.
 * @example
 * ```ts
 * import { AveragedModel, getEmaAvgFn, init, Linear } from '@nn/modules';
 * import { interpreter, ones, use } from '@nn/tensor';
 * use(interpreter());
 * const model = new Linear(1, 1, { bias: false });
 * const average = new AveragedModel(model, { avgFn: getEmaAvgFn(0.75) });
 * for (const value of [0, 4, 4]) {
 *   init.constant_(model.weight, value);
 *   average.updateParameters(model);
 * }
 * console.log(await average(ones([1, 1])).item()); // => 1.75
 * ```
 */
export class AveragedModel<Inputs extends unknown[], Output> extends Module<Inputs, Output> {
  readonly module: Module<Inputs, Output>;
  declare nAveraged: Tensor;
  readonly multiAvgFn: MultiAverageFunction;
  readonly useBuffers: boolean;

  constructor(model: Module<Inputs, Output>, options: AveragedModelOptions = {}) {
    super();
    checkOptions('AveragedModel', options, ['avgFn', 'multiAvgFn', 'useBuffers']);
    if (!isModule(model)) throw new ArgumentError(`AveragedModel: expected a module, got ${describe(model)}`);
    const { avgFn, multiAvgFn, useBuffers = false } = options;
    if (avgFn !== undefined && multiAvgFn !== undefined) {
      throw new ArgumentError('AveragedModel: give avgFn or multiAvgFn, not both');
    }
    this.module = deepcopy(model);
    this.multiAvgFn = multiAvgFn ?? eachBy(avgFn ?? getSwaAvgFn());
    this.useBuffers = useBuffers;
    const device = model.parameters().at(0)?.device || defaultDevice();
    const dtype = backendOf(device).capabilities.dtypes.has('int64') ? 'int64' : 'int32';
    this.registerBuffer('nAveraged', zeros([], { dtype, device }));
  }

  override forward(...inputs: Inputs): Output {
    return this.module(...inputs);
  }

  /**
   * Takes the model's parameters into the average; the first time they are copied.
   *
   * @throws {ArgumentError} for a model of other parameters.
   */
  updateParameters(model: Module<Inputs, Output>): void {
    if (!isModule(model))
      throw new ArgumentError(`updateParameters: expected a module, got ${describe(model)}`);
    const parts = (of: ModuleBase): readonly (readonly [string, Tensor])[] => [
      ...of.namedParameters(),
      ...(this.useBuffers ? of.namedBuffers() : []),
    ];
    noGrad(() => {
      const [own, given] = [parts(this.module), parts(model)];
      requireSame(own, given);
      mix(
        own.map(([, tensor]) => tensor),
        given.map(([, tensor], i) => tensor.detach().to(own[i][1].device)),
        this,
      );
      if (!this.useBuffers) copyInto(this.module.buffers(), model.buffers());
      this.nAveraged.add_(1);
      settleLater([...this.module.parameters(), ...this.module.buffers(), this.nAveraged]);
    });
  }
}

/** The average of each pair in the place of the first; the first time, the second. */
function mix(
  own: readonly Tensor[],
  given: readonly Tensor[],
  { nAveraged, multiAvgFn }: { readonly nAveraged: Tensor; readonly multiAvgFn: MultiAverageFunction },
): void {
  const isFirst = nAveraged.eq(0);
  // What counts (batches, say) has no mean.
  const floats = own.map((_, i) => i).filter((i) => isFloat(own[i].dtype));
  const averaged = multiAvgFn(
    floats.map((i) => own[i].detach()),
    floats.map((i) => given[i]),
    nAveraged,
  );
  if (!Array.isArray(averaged) || averaged.length !== floats.length) {
    throw new ArgumentError(`AveragedModel: multiAvgFn must give ${floats.length} tensors, one for each`);
  }
  floats.forEach((i, position) => {
    own[i].copy_(where(isFirst.to(own[i].device), given[i], averaged[position]).to(own[i].dtype));
  });
  own.forEach((tensor, i) => {
    if (!isFloat(tensor.dtype)) tensor.copy_(given[i]);
  });
}

function requireSame(
  own: readonly (readonly [string, Tensor])[],
  given: readonly (readonly [string, Tensor])[],
): void {
  const text = (parts: readonly (readonly [string, Tensor])[]): string[] =>
    parts.map(([name, { shape }]) => `${name} [${shape.join(', ')}]`);
  const [mine, others] = [text(own), text(given)];
  const at = mine.findIndex((each, i) => each !== others[i]);
  if (at < 0 && mine.length === others.length) return;
  throw new ArgumentError(
    `updateParameters: the average has ${mine.at(at) ?? 'nothing'} where the model has ${others.at(at) ?? 'nothing'}. ` +
      'Give the model that the average was made from',
  );
}

function copyInto(targets: readonly Tensor[], sources: readonly Tensor[]): void {
  targets.forEach((target, i) => {
    target.copy_(sources[i].detach().to(target.device));
  });
}

/** Computed with the next step, so that the record of many updates does not pile up. */
function settleLater(tensors: readonly Tensor[]): void {
  for (const { device, root } of tensors) if (device !== '') runtimeOf(device).keepLater(root.node, 'value');
}

/** What `updateBN` goes through: batches of inputs, or lists that begin with them. */
export type Batches = Iterable<unknown> | AsyncIterable<unknown>;

/**
 * Computes the running statistics of a model's batch norms anew, as means over all batches:
 * `torch.optim.swa_utils.update_bn`. An averaged model needs it before it is evaluated. Batches are inputs, or lists
 * (`[input, target]`) of which the first is the input.
 *
 * @throws {ArgumentError} for batches of another kind.
 * @example
 * ```ts
 * import { BatchNorm1d, updateBN } from '@nn/modules';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * const norm = new BatchNorm1d(1);
 * await updateBN([tensor([[0.5], [3.5]]), tensor([[4.5], [7.5]])], norm);
 * console.log(await norm.runningMean?.toArray()); // => [4]
 * ```
 */
export async function updateBN(
  loader: Batches,
  model: ModuleBase & ((input: Tensor) => unknown),
): Promise<void> {
  if (!isModule(model)) throw new ArgumentError(`updateBN: expected a module, got ${describe(model)}`);
  const norms = model.modules().filter((module): module is BatchNorm => module instanceof BatchNorm);
  if (norms.length === 0) return;
  const { training } = model;
  const momenta = norms.map(({ momentum }) => momentum);
  for (const norm of norms) {
    norm.resetRunningStats();
    // The mean of all batches.
    Reflect.set(norm, 'momentum', null);
  }
  model.train();
  try {
    for await (const batch of loader) {
      const input: unknown = Array.isArray(batch) ? batch[0] : batch;
      if (!isTensor(input)) {
        throw new ArgumentError(
          `updateBN: a batch must be a tensor, or a list that begins with one, got ${describe(input)}`,
        );
      }
      noGrad(() => model(input));
      // One batch after the other: nobody else asks for anything meanwhile.
      for (const norm of norms) settle(norm);
    }
  } finally {
    norms.forEach((norm, i) => {
      Reflect.set(norm, 'momentum', momenta[i]);
    });
    model.train(training);
  }
}

function settle(norm: BatchNorm): void {
  for (const buffer of norm.buffers()) buffer.realize();
}
