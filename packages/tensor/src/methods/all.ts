// All methods: what a tensor has unless the program is resolved with the condition `@nn/lean`.
export { CreationMethods as Methods } from './creation.ts';
