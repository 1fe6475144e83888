// Objects that are functions: `model(x)` runs the model.

/**
 * A class whose instances are functions. The constructor returns a function with the class as its prototype; fields
 * and #private members of subclasses are then created on it.
 */
export abstract class Callable {
  constructor() {
    const call = (...inputs: unknown[]): unknown => (call as unknown as Callable).invoke(inputs);
    // A function's own name and length would hide fields and getters of subclasses.
    Reflect.deleteProperty(call, 'name');
    Reflect.deleteProperty(call, 'length');
    return Object.setPrototypeOf(call, new.target.prototype) as this;
  }

  /** What a call runs. */
  protected abstract invoke(inputs: readonly unknown[]): unknown;
}
