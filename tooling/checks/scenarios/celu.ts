/** One function of @nn/functional, and no backend. */
export { celu } from '@nn/functional';
