/** All that there is, with both backends. */
export * as autograd from '@nn/autograd';
export * as core from '@nn/core';
export * as cpu from '@nn/cpu';
export * as data from '@nn/data';
export * as functional from '@nn/functional';
export * as modules from '@nn/modules';
export * as optim from '@nn/optim';
export * as tensor from '@nn/tensor';
export * as webgpu from '@nn/webgpu';
