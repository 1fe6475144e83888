// The stack of transforms that ops go to before they are recorded: the seam for overrides and vmap. While it is empty,
// each op pays one comparison with null.
import type { AttributesOf, OpName, Shape } from '@nn/core';
import type { Tensor, View } from './tensor.ts';

/** An op that is about to be recorded: its name in the table of ops tells the type of its attributes. */
export type OpCall = {
  readonly [N in OpName]: {
    readonly op: N;
    readonly inputs: readonly Tensor[];
    readonly attributes: AttributesOf<N>;
    /** Where the result is, if that does not follow from the inputs. */
    readonly device: string | undefined;
  };
}[OpName];

/** Where the elements of a view lie in its storage. */
export type ViewGeometry = Pick<View, 'strides' | 'offset'> & { readonly shape: Shape };

/** Does the ops that are called while it is installed, in its own way: batched, say, or counted. */
export interface OpTransform {
  /**
   * What the op gives. `apply` and `applyView` within reach the transforms that were installed before, and the recording
   * last. `view` is null unless the result shows the input's memory.
   */
  apply(
    op: OpName,
    inputs: readonly Tensor[],
    attributes: object,
    device: string | undefined,
    view: ViewGeometry | null,
  ): Tensor;
  /** Whether writes of one tensor into the whole of another are ops `assign`, too, instead of no op. */
  seesWrites?(inputs: readonly Tensor[]): boolean;
}

interface TransformFrame {
  readonly transform: OpTransform;
  readonly below: TransformFrame | null;
}

/** The one that comes first; null while ops are just recorded. */
export let transforms: TransformFrame | null = null;
/** Below all others, from when it was installed on. */
let bottom: TransformFrame | null = null;

/** Whether ops go to a transform now. */
export function isTransforming(): boolean {
  return transforms !== null;
}

function below(frame: TransformFrame): TransformFrame | null {
  return frame.below ?? (frame.transform === bottom?.transform ? null : bottom);
}

function withFrame<T>(frame: TransformFrame | null, body: () => T): T {
  const former = transforms;
  transforms = frame;
  try {
    return body();
  } finally {
    transforms = former ?? bottom;
  }
}

/** Runs the body, which must not be asynchronous, with the transform before all others. */
export function withTransform<T>(transform: OpTransform, body: () => T): T {
  return withFrame({ transform, below: transforms }, body);
}

/** Runs the body with the transforms alone that were installed before the given one. */
export function belowTransform<T>(transform: OpTransform, body: () => T): T {
  let frame = transforms;
  while (frame !== null && frame.transform !== transform) frame = below(frame);
  return withFrame(frame === null ? transforms : below(frame), body);
}

/** Puts a transform before all others, until what is returned is called. */
export function pushTransform(transform: OpTransform): () => void {
  const former = transforms;
  transforms = { transform, below: former };
  return () => {
    transforms = former ?? bottom;
  };
}

/** Puts a transform below all others, for good. */
export function installBottomTransform(transform: OpTransform): void {
  if (bottom !== null) return;
  bottom = { transform, below: null };
  transforms ??= bottom;
}

/** What the transforms make of an op; to be called when there are any. */
export function transformed(
  op: OpName,
  inputs: readonly Tensor[],
  attributes: object,
  device: string | undefined,
  view: ViewGeometry | null,
): Tensor {
  const frame = transforms!;
  return withFrame(below(frame), () => frame.transform.apply(op, inputs, attributes, device, view));
}

/** Whether a transform wants to be asked about this write. */
export function transformsSeeWrites(inputs: readonly Tensor[]): boolean {
  for (let frame = transforms; frame !== null; frame = below(frame)) {
    if (frame.transform.seesWrites?.(inputs)) return true;
  }
  return false;
}
