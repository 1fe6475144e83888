/** Has every program verified that a test compiles: loaded by vitest before each file. */
import { setProgramVerifier, verifyProgram } from '../../../packages/compiler/src/index.ts';

setProgramVerifier(verifyProgram);
