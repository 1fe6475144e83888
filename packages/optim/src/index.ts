// @nn/optim: optimizers, learning-rate schedulers and gradient clipping.
export * from './adam.ts';
export * from './adam-variants.ts';
export * from './adaptive.ts';
export * from './asgd.ts';
export * from './chainable-schedulers.ts';
export * from './clipping.ts';
export * from './cosine-schedulers.ts';
export * from './cycle-schedulers.ts';
export * from './optimizer.ts';
export * from './plateau-scheduler.ts';
export * from './rprop.ts';
export {
  LRScheduler,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.ts';
export * from './sgd.ts';
export type { OptimizerStateDict } from './state-dict.ts';
