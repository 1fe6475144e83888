// States that go on from step to step of a training (truncated backpropagation through time): each step computes its
// own part of the sequence, not those before it.
import { isHeld } from '@nn/core';
import { Linear, LSTM } from '@nn/modules';
import { SGD } from '@nn/optim';
import { interpreter, manualSeed, observe, randn, type Tensor, use, zeros } from '@nn/tensor';
import { beforeEach, expect, test } from 'vitest';

beforeEach(() => {
  use(interpreter());
  manualSeed(0);
});

/** Plans made in each of the steps. */
function plansMade(steps: number, step: () => void): number[] {
  const counts: number[] = [];
  let made = 0;
  using _ = observe({ compiled: () => void made++ });
  for (let i = 0; i < steps; i++) {
    made = 0;
    step();
    counts.push(made);
  }
  return counts;
}

test('states that a layer returns are kept by the step that computed them', () => {
  const layer = new LSTM(3, 4, { numLayers: 2 });
  const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
  let state: [Tensor, Tensor] = [zeros([2, 5, 4]), zeros([2, 5, 4])];
  const counts = plansMade(6, () => {
    optimizer.zeroGrad();
    const [output, next] = layer(randn([7, 5, 3]), [state[0].detach(), state[1].detach()]);
    state = next;
    output.square().mean().backward();
    optimizer.step();
    for (const each of state) expect(isHeld(each.node)).toBe(true);
  });
  expect(counts.slice(3)).toEqual([0, 0, 0]);
});

test('states of a loop by hand are not computed again and again', () => {
  const [fromInput, fromState] = [new Linear(3, 4), new Linear(4, 4)];
  const optimizer = new SGD([...fromInput.parameters(), ...fromState.parameters()], { lr: 0.1 });
  const sequence = Array.from({ length: 5 }, () => randn([2, 3]).realize());
  let hidden = zeros([2, 4]);
  let cell = zeros([2, 4]);
  const counts = plansMade(12, () => {
    optimizer.zeroGrad();
    hidden = hidden.detach();
    cell = cell.detach();
    let loss = zeros([]);
    for (const x of sequence) {
      const gate = fromInput.forward(x).add(fromState.forward(hidden));
      cell = cell.mul(0.5).add(gate.sigmoid());
      hidden = cell.tanh();
      loss = loss.add(hidden.square().mean());
    }
    loss.backward();
    optimizer.step();
  });
  expect(counts.slice(8)).toEqual([0, 0, 0, 0]);
});
