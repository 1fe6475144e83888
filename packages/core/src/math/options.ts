// What an expansion may count on. See expand.ts.
export interface MathOptions {
  /**
   * Whether the device computes as written and in float64 too (true by default: CPUs). With false, for shading
   * languages, an expansion stays in float32 and keeps clear of sums that a compiler which reorders them would
   * break, at the price of some ulps in a few functions and of large arguments of the trigonometric ones.
   */
  readonly wide?: boolean;
  /**
   * Whether the argument is at most 0, or at any rate 88 (or NaN), as where a maximum was subtracted: exp is shorter
   * then, and is 0 where it would be below 2^-126.5: nearly all subnormal numbers. Default false.
   */
  readonly atMostZero?: boolean;
  /**
   * Whether `fma` rounds once. exp of what is at most 0 is shorter by two products then: it is within 2 units in the
   * last place of that of an argument changed by 2^-28.4 of itself, a tenth of what rounding may change it. Default false.
   */
  readonly fused?: boolean;
}
