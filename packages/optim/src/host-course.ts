// Algorithms whose course depends on values (a line search, a loss scale that finds infinities): written once, run with
// synchronous reads where the device has them, and with asynchronous ones everywhere.
import { noGrad } from '@nn/autograd';
import { apply, cat, type HostArray, runtimeOf, type Tensor } from '@nn/tensor';

/** What an algorithm must know to go on. */
export interface Reading {
  /** Tensors of one device, whose elements are wanted. */
  readonly values: readonly Tensor[];
  /** What it computes with afterwards: held from here on. What it held before and is not listed again is freed. */
  readonly held: readonly Tensor[];
  /** What is computed as well, and never freed: the parameters. */
  readonly computed?: readonly Tensor[];
}

/** Asks for elements, one reading after the other; gets them as one list of numbers. */
export type Course<T> = Generator<Reading, T, readonly number[]>;

/** The same value, but one that can be freed alone: a clone shares it until one of both is written. */
export function ownValue(x: Tensor): Tensor {
  return apply('reshape', [x], { shape: x.shape });
}

class Driver<T> {
  readonly #course: Course<T>;
  #held = new Set<Tensor>();

  constructor(course: Course<T>) {
    this.#course = course;
  }

  /** Goes on to the next reading: what to read, or the end. */
  advance(numbers: readonly number[]): IteratorResult<Tensor, T> {
    const next = noGrad(() => this.#course.next(numbers));
    return next.done ? next : { done: false, value: noGrad(() => this.#prepare(next.value)) };
  }

  /** All values as one tensor, computed together with what is held. */
  #prepare({ values, held, computed = [] }: Reading): Tensor {
    const dtype = values.every((value) => value.dtype === 'float64') ? 'float64' : 'float32';
    const wanted = ownValue(cat(values.map((value) => value.detach().to(dtype).reshape(-1))));
    const nodes = [...held, ...computed, wanted].map(({ root }) => root.node);
    // As an optimizer's step does: what parameters and gradients were before may go.
    runtimeOf(wanted.device).step(nodes);
    this.hold(held);
    return wanted;
  }

  /** Frees what was held and is not any more. */
  hold(held: readonly Tensor[]): void {
    const former = this.#held;
    this.#held = new Set(held);
    for (const tensor of former) if (!this.#held.has(tensor)) tensor.dispose();
  }
}

function numbersOf(wanted: Tensor, values: HostArray): number[] {
  wanted.dispose();
  return Array.from(values, Number);
}

/** Computes what still depends on what is held, once the course is over; gives what stays. */
export type Finish = () => readonly Tensor[];

/** @throws {DeviceError} where the device cannot be read synchronously. */
export function runCourseSync<T>(course: Course<T>, finish: Finish): T {
  const driver = new Driver(course);
  let next = driver.advance([]);
  while (!next.done) next = driver.advance(numbersOf(next.value, next.value.dataSync()));
  driver.hold(finish());
  return next.value;
}

export async function runCourse<T>(course: Course<T>, finish: Finish): Promise<T> {
  const driver = new Driver(course);
  let next = driver.advance([]);
  while (!next.done) next = driver.advance(numbersOf(next.value, await next.value.data()));
  driver.hold(finish());
  return next.value;
}
