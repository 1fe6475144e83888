/** One function of tensors, and no backend. */
export { add } from '@nn/tensor';
