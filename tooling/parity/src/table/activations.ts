// torch.nn.functional: activations.
import { functional, type Row } from '../signature.ts';

export const activations: Readonly<Record<string, Row>> = {
  'nn.functional.relu': functional('relu', 'input | inplace'),
  'nn.functional.relu6': functional('relu6', 'input | inplace'),
  'nn.functional.leaky_relu': functional('leakyRelu', 'input negative_slope | inplace'),
  'nn.functional.rrelu': functional('rrelu', 'input | lower upper training inplace'),
  'nn.functional.prelu': functional('prelu', 'input weight'),
  'nn.functional.elu': functional('elu', 'input alpha | inplace'),
  'nn.functional.celu': functional('celu', 'input alpha | inplace'),
  'nn.functional.selu': functional('selu', 'input | inplace'),
  'nn.functional.gelu': functional('gelu', 'input | approximate'),
  'nn.functional.silu': functional('silu', 'input | inplace'),
  'nn.functional.mish': functional('mish', 'input | inplace'),
  'nn.functional.glu': functional('glu', 'input dim'),
  'nn.functional.hardtanh': functional('hardtanh', 'input | min_val max_val inplace'),
  'nn.functional.hardsigmoid': functional('hardsigmoid', 'input | inplace'),
  'nn.functional.hardswish': functional('hardswish', 'input | inplace'),
  'nn.functional.hardshrink': functional('hardshrink', 'input lambd'),
  'nn.functional.softshrink': functional('softshrink', 'input lambd'),
  'nn.functional.softplus': functional('softplus', 'input | beta threshold'),
  'nn.functional.softsign': functional('softsign', 'input'),
  'nn.functional.tanhshrink': functional('tanhshrink', 'input'),
  'nn.functional.threshold': functional('threshold', 'input threshold value | inplace'),
  'nn.functional.logsigmoid': functional('logSigmoid', 'input'),
  'nn.functional.softmin': functional('softmin', 'input dim | dtype'),
};
