// What is known of a model's step on a device in a mode.

export const modes = ['fused', 'unfused', 'compiled'] as const;
export type Mode = (typeof modes)[number];

export interface Task {
  readonly model: string;
  readonly device: 'cpu' | 'webgpu';
  readonly threads: number;
  readonly mode: Mode;
}

/** Of one step, where not said otherwise. */
export interface Findings {
  /** Ops recorded: a compiled function records in its first calls only. */
  readonly ops: number;
  /** Ops that the first step recorded. */
  readonly firstOps: number;
  readonly kernels: number;
  /** Programs that were run; on WebGPU each is a submit. */
  readonly programs: number;
  /** Milliseconds. */
  readonly firstMs: number;
  readonly tenthMs: number;
  readonly stepMs: number;
  /** Microseconds of the step that are not spent in kernels. */
  readonly hostUs: number;
  /** Microseconds before the first program's plan is looked up. */
  readonly recordUs: number;
  /** Microseconds to find the plans in the cache; compiled functions have theirs at hand. */
  readonly planUs: number;
  /** Bytes of JavaScript objects that a step makes. */
  readonly garbageBytes: number;
  /** The most bytes live at once. */
  readonly peakBytes: number;
  /** Of these, old versions and outputs that are kept for late readers, within their budget. */
  readonly keptBytes: number;
  /** Parameters, optimizer state and batch, and what temporaries must be there at once. */
  readonly requiredBytes: number;
  readonly arenaBytes: number;
  readonly arenaLeastBytes: number;
  /** Of the first steps. */
  readonly losses: readonly number[];
}

export type Outcome = { readonly findings: Findings } | { readonly error: string };

export interface EngineRow extends Task {
  readonly group: 'overhead';
  readonly findings: Findings | null;
  /** Whether the losses are those without fusion, within rounding. */
  readonly checked: boolean | null;
  readonly error?: string;
}
