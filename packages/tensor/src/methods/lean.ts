// The methods that the library itself calls: what a tensor has where the program is resolved with the condition
// `@nn/lean`. All others are functions there, and a bundle holds those that it uses.
export { EssentialIndexingMethods as Methods } from './essential/indexing.ts';
