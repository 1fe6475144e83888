// Anomaly mode: errors and NaN in backward name the place where the op was called in forward.
import { AnomalyError } from '@nn/core';
import {
  addNote,
  type CallSite,
  callSite,
  checkForwardValues,
  checkOptions,
  formatCallSite,
  observe,
  rememberCallSites,
  runtimeOf,
  scoped,
  stack,
  type Tensor,
} from '@nn/tensor';
import { type Gradient, Part } from './gradient-sum.ts';
import type { RecordedFunction } from './graph.ts';
import { noGrad } from './modes.ts';

export interface AnomalyOptions {
  /** Whether backward throws when a gradient is NaN. Default true. */
  readonly checkNan?: boolean;
  /**
   * Whether what forward computes is looked through for NaN and infinities whenever it is run, too. It computes
   * everything twice. Default false.
   */
  readonly checkForward?: boolean;
}

interface Origin {
  readonly site: CallSite;
  /** The function whose derivative recorded this one. */
  readonly parent: RecordedFunction | null;
}

/** A gradient that a function gave, to be looked at. */
interface Given {
  readonly recorded: RecordedFunction;
  readonly input: number;
  readonly isNan: Tensor;
}

class Anomaly {
  readonly #checkNan: boolean;
  readonly #origins = new WeakMap<RecordedFunction, Origin>();
  readonly #guards: readonly Disposable[];
  /** Checks whose values are on their way. */
  readonly #pending: Promise<void>[] = [];
  /** The function whose derivative is being computed. */
  #current: RecordedFunction | null = null;
  #given: Given[] = [];

  constructor({ checkNan = true, checkForward = false }: AnomalyOptions) {
    this.#checkNan = checkNan;
    const settled = async (): Promise<void> => void (await Promise.all(this.#pending.splice(0)));
    this.#guards = [
      rememberCallSites(),
      observe({ settled }),
      ...(checkForward ? [checkForwardValues()] : []),
    ];
  }

  end(): void {
    for (const guard of this.#guards) guard[Symbol.dispose]();
  }

  /** Notes where a function is recorded. */
  recorded(recorded: RecordedFunction): void {
    this.#origins.set(recorded, { site: callSite(), parent: this.#current });
  }

  /** The function's derivative, watched. */
  backward(recorded: RecordedFunction, given: readonly (Tensor | null)[]): readonly (Gradient | null)[] {
    const outer = this.#current;
    this.#current = recorded;
    try {
      const gradients = recorded.backwardAll(given);
      if (this.#checkNan) {
        gradients.forEach((each, input) => {
          const value = each instanceof Part ? each.value : each;
          if (value === null || value.device === '') return;
          this.#given.push({ recorded, input, isNan: noGrad(() => value.isnan().any()) });
        });
      }
      return gradients;
    } catch (error) {
      addNote(error, `It came up in the derivative '${recorded.name}'. ${this.#place(recorded)}`);
      throw error;
    } finally {
      this.#current = outer;
    }
  }

  /** @throws {AnomalyError} if a gradient is NaN: now, or where values come later, with the next one that is read. */
  check(): void {
    const devices = new Map<string, Given[]>();
    for (const each of this.#given.splice(0)) {
      const list = devices.get(each.isNan.device);
      if (list === undefined) devices.set(each.isNan.device, [each]);
      else list.push(each);
    }
    for (const [device, given] of devices) {
      const flags = noGrad(() => stack(given.map(({ isNan }) => isNan)));
      if (runtimeOf(device).backend.capabilities.synchronousRead) this.#judge(given, flags.dataSync());
      else {
        // Not by the tensor: reading one waits for the checks that are on their way.
        const { node } = flags.realize();
        const values = runtimeOf(device).backend.read(node.state!.buffer!);
        const judged = values.then((each) => this.#judge(given, each));
        // Thrown by `settled`; until then it must not count as nobody's.
        judged.catch(() => {});
        this.#pending.push(judged);
      }
    }
  }

  #judge(given: readonly Given[], flags: ArrayLike<number | bigint>): void {
    const first = given.find((_, i) => Number(flags[i]) !== 0);
    if (first === undefined) return;
    throw new AnomalyError(
      `backward: '${first.recorded.name}' gave NaN as the gradient of its input ${first.input}. ` +
        `${this.#place(first.recorded)}\n` +
        'Was a value NaN or infinite in forward already? setDetectAnomaly(true, { checkForward: true }) tells where',
    );
  }

  #place(recorded: RecordedFunction): string {
    const origin = this.#origins.get(recorded);
    const place = `Its op was called at\n${formatCallSite(origin?.site)}`;
    const parent = origin?.parent ?? null;
    if (parent === null) return place;
    return `${place}\nin the derivative '${parent.name}'. ${this.#place(parent)}`;
  }
}

/** Null unless the mode is on. */
export let anomaly: Anomaly | null = null;

let options: AnomalyOptions | null = null;

function change(to: AnomalyOptions | null): void {
  anomaly?.end();
  options = to;
  anomaly = to === null ? null : new Anomaly(to);
}

/**
 * Turns anomaly mode on or off until the next call or the guard's end, as `torch.autograd.set_detect_anomaly`. While it
 * is on, backward throws when a gradient is NaN; that error, those of derivatives, and those that come up when values
 * are computed later name the place where the op was called. With `checkForward` so do NaN and infinities in forward.
 *
 * It is for looking for a mistake: every op takes some tens of microseconds more, and compiled functions record each time.
 *
 * @example
 * ```ts
 * import { setDetectAnomaly } from '@nn/autograd';
 * import { interpreter, tensor, use } from '@nn/tensor';
 * use(interpreter());
 * {
 *   using _ = setDetectAnomaly(true);
 *   const x = tensor([0, 1], { dtype: 'float32', requiresGrad: true });
 *   const loss = x.sqrt().mul(0).sum(); // the derivative of sqrt at 0 is infinite, and 0 times that is NaN
 *   try {
 *     loss.backward();
 *   } catch (error) {
 *     console.log((error as Error).message.split('.')[0]);
 *     // => backward: 'SqrtBackward' gave NaN as the gradient of its input 0
 *   }
 * }
 * ```
 */
export function setDetectAnomaly(mode: boolean, given: AnomalyOptions = {}): Disposable {
  checkOptions('setDetectAnomaly', given, ['checkNan', 'checkForward']);
  const former = options;
  change(mode ? given : null);
  return { [Symbol.dispose]: () => change(former) };
}

/**
 * Runs a function in anomaly mode, as `torch.autograd.detect_anomaly`; with an asynchronous one the mode holds until its
 * promise settles. See `setDetectAnomaly`.
 */
export function detectAnomaly<T>(run: () => T, given: AnomalyOptions = {}): T {
  checkOptions('detectAnomaly', given, ['checkNan', 'checkForward']);
  const guard = setDetectAnomaly(true, given);
  return scoped(run, () => guard[Symbol.dispose]());
}
