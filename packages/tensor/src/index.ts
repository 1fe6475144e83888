// @nn/tensor: the tensor, its creation and its operations.
// What users of tensors need of the core, so that they and the packages above import one package.
export {
  AnomalyError,
  ArgumentError,
  AutogradError,
  type Backend,
  backendOf,
  ContractError,
  checkOptions,
  DataError,
  DeviceError,
  type DType,
  DTypeError,
  defaultDevice,
  devices,
  formatShape,
  type HostArray,
  IndexError,
  interpreter,
  isDeviceAvailable,
  isDType,
  isFloat,
  NnError,
  nearestName,
  normalizeDim,
  type OpName,
  OutOfMemoryError,
  removeBackend,
  type Shape,
  ShapeError,
  StaleValueError,
  sameShape,
  setDefaultDevice,
  sizeOf,
  UnsupportedError,
  use,
} from '@nn/core';
export * from './arithmetic.ts';
export * from './autocast.ts';
export * from './blending.ts';
export * from './calculus.ts';
export {
  addNote,
  type CallSite,
  callSite,
  callSiteOf,
  formatCallSite,
  rememberCallSites,
} from './call-site.ts';
export * from './combinatorics.ts';
export * from './comparison.ts';
export { compile, isReplaying } from './compile.ts';
export * from './complex.ts';
export { convolutionAdjoint } from './convolution-adjoint.ts';
export { clone } from './copying.ts';
export * from './creation.ts';
export * from './defaults.ts';
export { requireDType } from './device-dtype.ts';
export * from './dispatch.ts';
export * from './distances.ts';
export * from './einsum.ts';
export * from './explain.ts';
export * from './extrema.ts';
export { checkForwardValues } from './finite.ts';
export * as foreach from './foreach.ts';
export { isFused, setFusion } from './fusion.ts';
export * from './gathering.ts';
export * from './gradient.ts';
export * from './histograms.ts';
export type { Keeping } from './holdings.ts';
export * from './indexing.ts';
export * from './joining.ts';
export * from './linear.ts';
export * from './masking.ts';
export * from './memory.ts';
export { type MemoryPolicy, memoryPolicy } from './memory-policy.ts';
export * from './movement.ts';
export { type Observer, observe } from './observer.ts';
export {
  belowTransform,
  isTransforming,
  type OpCall,
  type OpTransform,
  type ViewGeometry,
  withTransform,
} from './op-transform.ts';
export {
  type Binary,
  type BinaryOperands,
  type BinaryTensors,
  inPlace,
  type Operand,
  type Unary,
} from './operands.ts';
export type { OutOptions, OutsOptions } from './out.ts';
export * from './override.ts';
export * from './profile.ts';
export type { Replay } from './programs.ts';
export * from './random.ts';
export type { Element, NestedArray } from './reading.ts';
export * from './reduction.ts';
export { resize, resizeAs } from './resizing.ts';
export { Runtime } from './runtime.ts';
export { runtimeOf, settleRuntimes } from './runtimes.ts';
export * from './sampling.ts';
export * from './scalar-function.ts';
export * from './scans.ts';
export * from './scattering.ts';
export { scoped } from './scope.ts';
export * from './shaping.ts';
export * from './sorting.ts';
export { frexp, nextafter } from './special/bits.ts';
export { digamma, lgamma, mvlgamma, polygamma } from './special/gamma.ts';
export { igamma, igammac } from './special/incomplete-gamma.ts';
export * as special from './special/index.ts';
export { i0 } from './special/modified-bessel.ts';
export * from './spectral.ts';
export * from './statistics.ts';
export { isInference, Storage, setInference } from './storage.ts';
export { isTensor, Tensor, type View } from './tensor.ts';
export * from './tiling.ts';
export * from './triangles.ts';
export * from './unary.ts';
export {
  type Unique,
  type UniqueConsecutiveOptions,
  type UniqueOptions,
  unique,
  uniqueConsecutive,
  uniqueConsecutiveSync,
  uniqueSync,
} from './unique.ts';
