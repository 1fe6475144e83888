// @nn/testkit: the conformance suite that any backend runs, and comparisons of host arrays.
export { access, load, ProgramBuilder, rowMajor } from './build.ts';
export { type CloseOptions, closeTo, expectArraysClose, expectClose, type Tolerance } from './compare.ts';
export { type AgreementOptions, expectAgreement, interpret, runOn } from './device.ts';
export type { TestRunner } from './runner.ts';
export { type SuiteName, type TestBackendOptions, testBackend } from './test-backend.ts';
export { hostOf, moderate } from './values.ts';
