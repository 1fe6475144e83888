// `special`: the functions of torch.special, under its names.
export { xlog1py, xlogy } from '../arithmetic.ts';
export { logsumexp } from '../reduction.ts';
export {
  erf,
  erfc,
  erfinv,
  exp2,
  expm1,
  log1p,
  logit,
  logSoftmax,
  round,
  sigmoid as expit,
  sinc,
  softmax,
} from '../unary.ts';
export * from './bessel.ts';
export {
  digamma,
  digamma as psi,
  lgamma as gammaln,
  mvlgamma as multigammaln,
  polygamma,
  zeta,
} from './gamma.ts';
export { igamma as gammainc, igammac as gammaincc } from './incomplete-gamma.ts';
export {
  i0,
  i0 as modifiedBesselI0,
  i0e,
  i1,
  i1 as modifiedBesselI1,
  i1e,
  modifiedBesselK0,
  modifiedBesselK1,
  scaledModifiedBesselK0,
  scaledModifiedBesselK1,
} from './modified-bessel.ts';
export * from './normal.ts';
export * from './polynomials.ts';
