// @nn/optim: optimizers, learning-rate schedulers and gradient clipping.

export { Adafactor, type AdafactorOptions } from './adafactor.ts';
export * from './adam.ts';
export * from './adam-variants.ts';
export * from './adaptive.ts';
export * from './asgd.ts';
export * from './chainable-schedulers.ts';
export * from './clipping.ts';
export * from './cosine-schedulers.ts';
export * from './cycle-schedulers.ts';
export {
  GradScaler,
  type GradScalerOptions,
  type GradScalerState,
  type ScaledOptimizer,
} from './grad-scaler.ts';
export {
  type LoadStateDictPreHook,
  type OptimizerHook,
  registerOptimizerStepPostHook,
  registerOptimizerStepPreHook,
  type StateDictHook,
  type StateDictHookOptions,
} from './hooks.ts';
export { LBFGS, type LBFGSOptions } from './lbfgs.ts';
export { Lion, type LionOptions } from './lion.ts';
export { Muon, type MuonOptions } from './muon.ts';
export {
  type GroupInput,
  type LearningRate,
  Optimizer,
  type ParamState,
  type ParamsInput,
  type ZeroGradOptions,
} from './optimizer.ts';
export type { NamedParameter, ParamGroup } from './param-groups.ts';
export type { PerGroup } from './per-group.ts';
export * from './plateau-scheduler.ts';
export * from './rprop.ts';
export {
  AdamWScheduleFree,
  type AdamWScheduleFreeOptions,
  SGDScheduleFree,
  type SGDScheduleFreeOptions,
} from './schedule-free.ts';
export {
  LRScheduler,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.ts';
export * from './scheduler-lists.ts';
export * from './sgd.ts';
export { SparseAdam, type SparseAdamOptions } from './sparse-adam.ts';
export type { OptimizerStateDict, StateValue } from './state-dict.ts';
export { SWALR, type SWALROptions } from './swa-scheduler.ts';
