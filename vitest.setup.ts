/** Has every program verified that a test compiles. */
import { setProgramVerifier, verifyProgram } from './packages/compiler/src/index.ts';

setProgramVerifier(verifyProgram);
