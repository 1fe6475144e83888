// Every op's derivative: a total map.
import { compositeRules } from './composite.ts';
import { elementwiseRules } from './elementwise.ts';
import { givenRules, heavyRules } from './heavy.ts';
import { movementRules } from './movement.ts';
import { reductionRules } from './reduction.ts';
import type { Rules } from './rule.ts';
import { scalarFunctionRules } from './scalar-function.ts';

export const rules: Rules = {
  ...elementwiseRules,
  ...scalarFunctionRules,
  ...movementRules,
  ...reductionRules,
  ...heavyRules,
  ...compositeRules,
  ...givenRules,
};
