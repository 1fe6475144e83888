// What constructors of layers share.
import { checkOptions, type DType, zeros } from '@nn/tensor';
import { Parameter } from './parameter.ts';

export interface FactoryOptions {
  /** Default: see setDefaultDType. */
  readonly dtype?: DType;
  /** Default: the backend used last. */
  readonly device?: string;
}

const factoryOptions = ['dtype', 'device'] as const;

/** Dtype and device out of a layer's options. */
export function factory({ dtype, device }: FactoryOptions): FactoryOptions {
  return { ...(dtype === undefined ? {} : { dtype }), ...(device === undefined ? {} : { device }) };
}

/** A parameter that is to be initialised. */
export function emptyParameter(shape: readonly number[], options: FactoryOptions): Parameter {
  return new Parameter(zeros(shape, factory(options)));
}

/** @throws {ArgumentError} for options that are neither known nor dtype or device. */
export function checkLayerOptions(name: string, options: object, known: readonly string[]): void {
  checkOptions(name, options, [...known, ...factoryOptions]);
}
