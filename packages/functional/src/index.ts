// @nn/functional: the functions that layers are made of.
export * from './activation.ts';
export * from './adaptive-pooling.ts';
export type { InplaceOptions, Reduction, ReductionOptions, Sizes } from './arguments.ts';
export * from './average-pooling.ts';
export * from './convolution.ts';
export * from './distance.ts';
export * from './dropout.ts';
export * from './embedding.ts';
export * from './linear.ts';
export * from './loss-classes.ts';
export * from './loss-probability.ts';
export * from './loss-regression.ts';
export { type MaxPoolOptions, maxPool1d, maxPool2d, maxPool3d } from './max-pooling.ts';
export * from './normalization.ts';
export * from './padding.ts';
export * from './piecewise.ts';
export type { PoolOptions } from './pool-windows.ts';
export * from './softmax.ts';
