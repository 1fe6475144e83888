/** A network trained on all threads of the CPU, as a page or a program would: nothing is disposed. */
import { cpu } from '@nn/cpu';
import { crossEntropy } from '@nn/functional';
import { Linear, ReLU, Sequential } from '@nn/modules';
import { Adam } from '@nn/optim';
import { manualSeed, randn, use } from '@nn/tensor';

use(cpu({ threads: 4 }));
manualSeed(0);
const model = new Sequential(new Linear(64, 256), new ReLU(), new Linear(256, 4));
const optimizer = new Adam(model.parameters());
const x = randn([256, 64]);
const labels = x.matmul(randn([64, 4])).argmax(1);
let loss = Number.POSITIVE_INFINITY;
for (let step = 0; step < 200; step++) {
  optimizer.zeroGrad();
  const batchLoss = crossEntropy(model(x), labels);
  batchLoss.backward();
  optimizer.step();
  loss = await batchLoss.item();
}
if (!(loss < 0.02)) throw new Error(`The loss is ${loss} after 200 steps.`);
