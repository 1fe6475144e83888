// @nn/autograd: differentiation. Importing it installs the engine that `backward` needs.
export { type GradOptions, grad } from './engine.ts';
export { enableGrad, isGradEnabled, noGrad, setGradEnabled } from './modes.ts';
