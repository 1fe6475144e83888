// Functions that bring their own derivative.
import { AutogradError, type ScalarFunctionOps } from '@nn/core';
import { scalarDerivativeOf } from '@nn/tensor';
import type { Rules } from './rule.ts';

export const scalarFunctionRules: Rules<keyof ScalarFunctionOps> = {
  scalarFunction: ({ gradient, inputs, output, needs, attributes: { name, constants } }) => {
    const derivative = scalarDerivativeOf(name);
    if (derivative === undefined) {
      throw new AutogradError(
        `backward: ${name} has no derivative. Call detach() on its inputs, or give it one by a custom Function`,
      );
    }
    return derivative({ gradient, inputs, output, needs, constants });
  },
};
