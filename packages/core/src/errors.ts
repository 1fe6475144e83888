// Every error a user can meet. Each class has a stable `code`; messages say what was asked, what was seen,
// why it cannot be, and what would work.

/** Base class of all errors thrown by this library. `code` is stable across versions; messages are not. */
export class NnError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** Shapes that do not fit each other or the operation. */
export class ShapeError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_SHAPE', message, options);
  }
}

/** A dtype that an operation does not take, or a value that a dtype cannot hold. */
export class DTypeError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_DTYPE', message, options);
  }
}

/** An index or dimension outside its range. */
export class IndexError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_INDEX', message, options);
  }
}

/** An argument or option whose value or name is wrong. */
export class ArgumentError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_ARGUMENT', message, options);
  }
}

/** No such device, mixed devices, or a device that cannot do what was asked (synchronous reads, say). */
export class DeviceError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_DEVICE', message, options);
  }
}

/** An operation or dtype that the backend in use does not support. */
export class UnsupportedError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_UNSUPPORTED', message, options);
  }
}

/** A backend whose contract version or shape does not match this core. */
export class ContractError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_CONTRACT', message, options);
  }
}

/** A device that ran out of memory. */
export class OutOfMemoryError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_OUT_OF_MEMORY', message, options);
  }
}

/** Reading a value whose kept inputs were overwritten and dropped, or a tensor that was disposed. */
export class StaleValueError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_STALE_VALUE', message, options);
  }
}

/** Misuse of differentiation: no graph, freed graph, an in-place write to a leaf, and so on. */
export class AutogradError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_AUTOGRAD', message, options);
  }
}

/** A value that is not a finite number, found while anomaly mode looked for it. */
export class AnomalyError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_ANOMALY', message, options);
  }
}

/** A file or state whose content is not what its reader expects. */
export class DataError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_DATA', message, options);
  }
}

/** A broken promise inside the library itself. */
export class InternalError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_INTERNAL', message, options);
  }
}

/** The name in `known` closest to `given` by edit distance, or undefined when none is near. */
export function nearestName(given: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(given.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(given.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      bestDistance = distance;
      best = candidate;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(previous[j] + 1, current[j - 1] + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length];
}

/**
 * Refuses option names that a function does not know, naming the nearest known one.
 *
 * @throws {ArgumentError} naming the unknown option.
 */
export function checkOptions(
  functionName: string,
  options: object | undefined,
  known: readonly string[],
): void {
  if (options === undefined) return;
  if (options === null || typeof options !== 'object') {
    throw new ArgumentError(`${functionName}: options must be an object, got ${String(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    const hint =
      near === undefined ? `It takes: ${known.join(', ') || 'no options'}` : `Did you mean '${near}'?`;
    throw new ArgumentError(`${functionName}: unknown option '${name}'. ${hint}`);
  }
}
