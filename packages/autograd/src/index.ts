// @nn/autograd: differentiation. Importing it installs the engine that `backward` needs.
export { type AnomalyOptions, detectAnomaly, setDetectAnomaly } from './anomaly.ts';
export { checkpoint, checkpointSequential } from './checkpoint.ts';
export { type GradOptions, grad, registerMultiGradHook } from './engine.ts';
export * as func from './func.ts';
export {
  type CustomFunction,
  customFunction,
  type FunctionContext,
  type FunctionResult,
} from './function.ts';
export {
  type FunctionalOptions,
  type HessianOptions,
  hessian,
  hvp,
  type JacobianLike,
  type JacobianOptions,
  jacobian,
  jvp,
  type Tensors,
  type TensorsLike,
  vhp,
  vjp,
} from './functional.ts';
export { type GradcheckOptions, gradcheck, gradgradcheck } from './gradcheck.ts';
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  noGrad,
  setGradEnabled,
} from './modes.ts';
export { type BatchDims, type VmapOptions, vmap } from './vmap.ts';
