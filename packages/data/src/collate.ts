// From samples to a batch.
import { ArgumentError } from '@nn/core';
import { isTensor, stack, tensor } from '@nn/tensor';

/**
 * PyTorch's default: tensors are stacked, numbers become a tensor, arrays and objects are collated member by
 * member, strings stay a list.
 *
 * @throws {ArgumentError} for samples of different forms.
 */
export function defaultCollate(samples: readonly unknown[]): unknown {
  const [first] = samples;
  if (isTensor(first)) return stack(samples.map(expectTensor));
  if (typeof first === 'number' || typeof first === 'bigint' || typeof first === 'boolean')
    return tensor(samples as number[]);
  if (typeof first === 'string') return [...samples];
  if (ArrayBuffer.isView(first) && !(first instanceof DataView)) {
    return stack(samples.map((sample) => tensor(sample as Float32Array)));
  }
  if (Array.isArray(first)) {
    const rows = samples.map((sample) => {
      if (Array.isArray(sample) && sample.length === first.length) return sample;
      throw new ArgumentError(
        'defaultCollate: samples are arrays of different lengths. Pass your own collate',
      );
    });
    return first.map((_, i) => defaultCollate(rows.map((row) => row[i])));
  }
  if (first !== null && typeof first === 'object' && Object.getPrototypeOf(first) === Object.prototype) {
    const records = samples as readonly Record<string, unknown>[];
    return Object.fromEntries(
      Object.keys(first).map((key) => [key, defaultCollate(records.map((record) => record[key]))]),
    );
  }
  throw new ArgumentError(
    `defaultCollate: cannot collate ${first === null ? 'null' : typeof first}. Pass your own collate`,
  );
}

function expectTensor(value: unknown): Parameters<typeof stack>[0][number] {
  if (isTensor(value)) return value;
  throw new ArgumentError('defaultCollate: some samples are tensors and some are not. Pass your own collate');
}
