// Lowers one value to one loop kernel: walks the graph from the value down to buffers, carrying the map from the
// kernel's loop coordinates to each node's coordinates. What cannot be expressed in place gets a buffer.
import {
  type Access,
  type Affine,
  type Bound,
  type DType,
  definitionOf,
  ExpressionBuilder,
  InternalError,
  type LoopKernel,
  type ReduceOp,
  type Value,
} from '@nn/core';
import { affineKey, boundKey, decide, linear, zero } from './affine.ts';
import { finishKernel, type LoweredProducer } from './finish.ts';
import { attributesOf, type GraphNode } from './graph.ts';
import { isMixedRadix, LoopCoordinates } from './loops.ts';
import {
  broadcastDims,
  type IndexMap,
  positionOf,
  type Split,
  throughAffine,
  throughPad,
  throughReshape,
  unflatten,
} from './movement.ts';
import type { Schedule } from './schedule.ts';

/** What lowering asks of the program that it writes for. */
export interface LoweringContext {
  readonly schedule: Schedule;
  /** The index of the node's buffer, which some kernel will write. */
  bufferOf(node: GraphNode): number;
}

/** A kernel to write: the value at every coordinate of its shape, to `offset + Σ strides * coordinate`. */
export interface LoopRequest {
  readonly value: GraphNode;
  /** Whether the value is computed here even if it has a buffer (its own, then). */
  readonly compute: boolean;
  readonly target: number;
  readonly strides: readonly number[];
  readonly offset: number;
}

export function lowerLoop(context: LoweringContext, request: LoopRequest): LoopKernel {
  const loops = new LoopCoordinates(request.value.shape);
  for (;;) {
    const lowering = new Lowering(context, request, loops);
    const kernel = lowering.run();
    if (kernel !== null) return kernel;
  }
}

/** A list of instructions being written. */
interface Section {
  readonly builder: ExpressionBuilder;
  readonly isBody: boolean;
}

interface Mapped extends IndexMap {
  /** What is computed already at these coordinates, by node. */
  readonly known: { readonly body: Map<number, Value>; readonly epilogue: Map<number, Value> };
}

/** Where a walk down through movements ended. */
type Place =
  | { readonly kind: 'node'; readonly node: GraphNode; readonly dims: readonly Affine[] }
  | { readonly kind: 'buffer'; readonly node: GraphNode; readonly position: Affine }
  | { readonly kind: 'split' };

class Lowering {
  readonly #context: LoweringContext;
  readonly #request: LoopRequest;
  readonly #loops: LoopCoordinates;
  readonly #maps = new Map<string, Mapped>();
  readonly #epilogue: Section = { builder: new ExpressionBuilder(), isBody: false };
  readonly #names: string[] = [];
  #body: Section | null = null;
  #producer: LoweredProducer | null = null;
  #split = false;

  constructor(context: LoweringContext, request: LoopRequest, loops: LoopCoordinates) {
    this.#context = context;
    this.#request = request;
    this.#loops = loops;
    loops.dropInner();
  }

  /** Null when a loop coordinate was split and lowering must start again. */
  run(): LoopKernel | null {
    const { value, target, strides, offset } = this.#request;
    const dims = value.shape.map((_, d) => this.#loops.outer(d));
    const result = this.#lower(value, this.#intern(dims, []), this.#epilogue);
    if (this.#split) return null;
    const store = { value: result, access: { buffer: target, ...linear(dims, strides, offset), guards: [] } };
    return finishKernel({
      names: this.#names,
      loops: this.#loops,
      producer: this.#producer,
      body: this.#body?.builder.instructions ?? [],
      epilogue: this.#epilogue.builder.instructions,
      stores: [store],
    });
  }

  #lower(node: GraphNode, map: Mapped, section: Section): Value {
    if (this.#split || node.size === 0) return section.builder.constant(0, node.dtype);
    const known = section.isBody ? map.known.body : map.known.epilogue;
    const found = known.get(node.index);
    if (found !== undefined) return found;
    const place = this.#walk(node, map.dims);
    const value = this.#lowerPlace(place, node, map, section);
    known.set(node.index, value);
    return value;
  }

  #lowerPlace(place: Place, node: GraphNode, map: Mapped, section: Section): Value {
    if (place.kind === 'split') return section.builder.constant(0, node.dtype);
    if (place.kind === 'buffer') return this.#load(place.node, place.position, map.guards, section);
    const inner = this.#intern(place.dims, map.guards, map);
    return place.node === node
      ? this.#compute(node, inner, section)
      : this.#lower(place.node, inner, section);
  }

  /** Computes a node that is neither in a buffer nor only moved. */
  #compute(node: GraphNode, map: Mapped, section: Section): Value {
    const { builder } = section;
    const definition = definitionOf(node.op);
    switch (definition.kind) {
      case 'leaf':
        return this.#leaf(node, builder);
      case 'movement':
        return this.#pad(node, map, section);
      case 'scalar': {
        const inputs = node.inputs.map((input) => this.#lowerInput(node, input, map, section));
        const isNamed = node.op === 'scalarFunction';
        this.#names.push(isNamed ? attributesOf(node, 'scalarFunction').name : node.op);
        return definition.expression(builder, inputs, node.attributes as never);
      }
      case 'generator': {
        const inputs = node.inputs.map((input) => this.#lowerInput(node, input, map, section));
        const index = (dtype: DType, affine: Affine): Value => builder.add({ op: 'index', dtype, affine });
        const coordinates = {
          along: (dim: number, dtype: DType) => index(dtype, map.dims[dim]),
          position: (dtype: DType) => index(dtype, positionOf(map.dims, node.shape)),
        };
        this.#names.push(node.op);
        return definition.expression(builder, coordinates, inputs, node.attributes as never);
      }
      case 'reduction':
        return this.#reduction(node, map, section);
      default:
        if (node.op === 'take') return this.#take(node, map, section);
        if (node.op === 'dot') return this.#dot(node, map, section);
        return this.#fromBuffer(node, map, section);
    }
  }

  #lowerInput(node: GraphNode, input: GraphNode, map: Mapped, section: Section): Value {
    if (input.leaf !== null && input.leaf.kind !== 'buffer') return this.#leaf(input, section.builder);
    const same = input.shape.length === node.shape.length && input.shape.every((e, d) => e === node.shape[d]);
    const inner = same ? map : this.#intern(broadcastDims(map.dims, input.shape), map.guards);
    return this.#lower(input, inner, section);
  }

  #leaf(node: GraphNode, builder: ExpressionBuilder): Value {
    const { dtype, leaf } = node;
    if (leaf?.kind === 'param') return builder.add({ op: 'param', dtype, index: leaf.param });
    if (leaf?.kind === 'constant') return builder.constant(leaf.value, dtype);
    throw new InternalError('compiler: data without a buffer');
  }

  /** Gives the node a buffer and reads it there. */
  #fromBuffer(node: GraphNode, map: Mapped, section: Section): Value {
    this.#context.schedule.materialise(node, 'producerTaken');
    return this.#load(node, positionOf(map.dims, node.shape), map.guards, section);
  }

  #load(node: GraphNode, position: Affine, guards: readonly Bound[], section: Section): Value {
    if (guards.some((guard) => decide(guard, this.#loops.extents) === 'never'))
      return section.builder.constant(0, node.dtype);
    const access: Access = { buffer: this.#context.bufferOf(node), ...position, guards };
    return section.builder.add({ op: 'load', dtype: node.dtype, access });
  }

  #pad(node: GraphNode, map: Mapped, section: Section): Value {
    const { builder } = section;
    const outside = builder.constant(attributesOf(node, 'pad').value, node.dtype);
    const [input] = node.inputs;
    if (input.size === 0) return outside;
    const { dims, guards: added } = throughPad(node, map.dims);
    const guards = added.filter((guard) => decide(guard, this.#loops.extents) !== 'always');
    if (guards.some((guard) => decide(guard, this.#loops.extents) === 'never')) return outside;
    const value = this.#lower(input, this.#intern(dims, [...map.guards, ...guards]), section);
    if (guards.length === 0) return value;
    // A load outside of its guards is 0 already.
    const isZero = Object.is(Number(attributesOf(node, 'pad').value), 0);
    if (isZero && builder.instructions[value].op === 'load') return value;
    const inside = builder.add({ op: 'inside', dtype: 'bool', guards });
    return builder.where(inside, value, outside);
  }

  #take(node: GraphNode, map: Mapped, section: Section): Value {
    const [flat, index] = node.inputs;
    const position = this.#lowerInput(node, index, map, section);
    const source = contiguousSource(this.#context.schedule, flat);
    const access: Access = { buffer: this.#context.bufferOf(source), ...zero, guards: map.guards };
    this.#names.push(node.op);
    return section.builder.add({
      op: 'gather',
      dtype: node.dtype,
      access,
      size: flat.size,
      args: [position],
    });
  }

  #reduction(node: GraphNode, map: Mapped, section: Section): Value {
    const [input] = node.inputs;
    const { dims, keepDims } = attributesOf(node, 'sum');
    const op = node.op as ReduceOp;
    const reduced = [...dims].sort((a, b) => a - b).filter((dim) => input.shape[dim] !== 1);
    const extents = reduced.map((dim) => input.shape[dim]);
    if (extents.includes(0)) return section.builder.constant(identityOf(op), node.dtype);
    const share = this.#producer?.kind === 'reduce' && this.#producer.extents.join() === extents.join();
    const possible = !section.isBody && (this.#producer === null || share);
    if (!possible && extents.length > 0) return this.#fromBuffer(node, map, section);
    if (this.#producer === null && extents.length > 0) {
      this.#loops.addInner(extents);
      this.#producer = { kind: 'reduce', extents, accumulators: [] };
      this.#body = { builder: new ExpressionBuilder(), isBody: true };
    }
    let next = 0;
    const inner = input.shape.map((extent, d) => {
      if (!dims.includes(d)) return map.dims[next++];
      if (keepDims) next++;
      return extent === 1 ? zero : this.#loops.inner(reduced.indexOf(d));
    });
    const locates = op === 'argmax' || op === 'argmin';
    if (extents.length === 0 && locates) return section.builder.constant(0, node.dtype);
    const inBody = extents.length === 0 ? section : (this.#body as Section);
    const value = this.#lower(input, this.#intern(inner, map.guards), inBody);
    this.#names.push(node.op);
    if (extents.length === 0 || this.#producer?.kind !== 'reduce') return value;
    const index = this.#producer.accumulators.push({ op, value, dtype: node.dtype }) - 1;
    return section.builder.add({ op: 'result', dtype: node.dtype, index });
  }

  #dot(node: GraphNode, map: Mapped, section: Section): Value {
    const [left, right] = node.inputs;
    const { batchRank, innerRank } = attributesOf(node, 'dot');
    const innerShape = left.shape.slice(left.shape.length - innerRank);
    if (innerShape.includes(0)) return section.builder.constant(0, node.dtype);
    const order = isMixedRadix(node.shape, map.dims, this.#loops.extents);
    if (section.isBody || this.#producer !== null || map.guards.length > 0 || order === null)
      return this.#fromBuffer(node, map, section);
    this.#loops.addInner(innerShape);
    const batch = map.dims.slice(0, batchRank);
    const rows = map.dims.slice(batchRank, left.shape.length - innerRank);
    const columns = map.dims.slice(left.shape.length - innerRank);
    const inner = innerShape.map((extent, k) => (extent === 1 ? zero : this.#loops.inner(k)));
    const leftOperand = this.#operand(left, [...batch, ...rows, ...inner]);
    const rightOperand = this.#operand(right, [...batch, ...inner, ...columns]);
    if (leftOperand === null || rightOperand === null) return section.builder.constant(0, node.dtype);
    this.#names.push(node.op);
    const groups = [
      order.slice(0, batchRank).flat(),
      order.slice(batchRank, batchRank + rows.length).flat(),
      order.slice(batchRank + rows.length).flat(),
    ];
    this.#producer = { kind: 'dot', dtype: node.dtype, groups, left: leftOperand, right: rightOperand };
    return section.builder.add({ op: 'result', dtype: node.dtype, index: 0 });
  }

  #operand(
    node: GraphNode,
    dims: readonly Affine[],
  ): { readonly buffer: number; readonly affine: Affine } | null {
    // The other operand had a coordinate split: what is known of extents is of before.
    if (this.#split) return null;
    const place = this.#walk(node, dims);
    if (place.kind === 'split') return null;
    if (place.kind === 'node') this.#context.schedule.materialise(place.node, 'operand');
    const affine = place.kind === 'buffer' ? place.position : positionOf(place.dims, place.node.shape);
    return { buffer: this.#context.bufferOf(place.node), affine };
  }

  /** Goes down through movements to a buffer, or to a node that computes or pads. */
  #walk(start: GraphNode, startDims: readonly Affine[]): Place {
    let node = start;
    let dims = startDims;
    for (;;) {
      if (this.#inBuffer(node)) return { kind: 'buffer', node, position: positionOf(dims, node.shape) };
      if (node.kind !== 'movement' || node.op === 'pad') return { kind: 'node', node, dims };
      if (node.op !== 'reshape' && node.op !== 'asStrided') {
        dims = throughAffine(node, dims);
        node = node.inputs[0];
        continue;
      }
      let input = node.inputs[0];
      while (input.op === 'reshape' && !this.#inBuffer(input)) input = input.inputs[0];
      let position: Affine;
      let remapped: ReturnType<typeof unflatten>;
      if (node.op === 'asStrided') {
        const { strides, offset } = attributesOf(node, 'asStrided');
        position = linear(dims, strides, offset);
        remapped = unflatten(position, input.shape, this.#loops.extents);
      } else {
        position = positionOf(dims, node.shape);
        remapped = throughReshape(node.shape, dims, input.shape, this.#loops.extents);
      }
      if (this.#inBuffer(input)) return { kind: 'buffer', node: input, position };
      if (remapped.kind === 'split' && this.#trySplit(remapped.split)) return { kind: 'split' };
      if (remapped.kind !== 'dims') {
        this.#context.schedule.materialise(input, 'notFollowed');
        return { kind: 'buffer', node: input, position };
      }
      dims = remapped.dims;
      node = input;
    }
  }

  #inBuffer(node: GraphNode): boolean {
    const own = this.#request.compute && node === this.#request.value;
    return !own && this.#context.schedule.hasBuffer(node);
  }

  #trySplit(split: Split): boolean {
    if (!this.#loops.split(split)) return false;
    this.#split = true;
    return true;
  }

  #intern(dims: readonly Affine[], guards: readonly Bound[], like?: Mapped): Mapped {
    if (like !== undefined && like.dims === dims && like.guards === guards) return like;
    const needed = guards.filter((guard) => decide(guard, this.#loops.extents) !== 'always');
    const distinct = [...new Map(needed.map((guard) => [boundKey(guard), guard])).entries()];
    const key = `${dims.map(affineKey).join(';')}|${distinct.map(([bound]) => bound).join(';')}`;
    let map = this.#maps.get(key);
    if (map === undefined) {
      const known = { body: new Map<number, Value>(), epilogue: new Map<number, Value>() };
      map = { known, dims, guards: distinct.map(([, guard]) => guard) };
      this.#maps.set(key, map);
    }
    return map;
  }
}

/** The node whose buffer holds the node's elements in row-major order: itself, or what it reshapes. */
export function contiguousSource(schedule: Schedule, node: GraphNode): GraphNode {
  let source = node;
  while (source.op === 'reshape' && !schedule.hasBuffer(source)) source = source.inputs[0];
  if (!schedule.hasBuffer(source)) schedule.materialise(source, 'whole');
  return source;
}

function identityOf(op: ReduceOp): number {
  // max and min have one on bool only: false and true.
  return op === 'prod' || op === 'min' ? 1 : 0;
}
