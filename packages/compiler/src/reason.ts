// Why a value is written to a buffer instead of being computed where it is used: what stopped fusion.

export const bufferReasons = {
  output: 'it is asked for',
  unfused: 'fusion is off',
  operand: "it is a product's operand, which is read many times over",
  whole: 'a gather, scatter, scan or sort reads it as a whole',
  ownKernel: 'a scatter, scan or sort has a kernel of its own',
  severalKernels: 'several kernels use it, and a product or reduction is not computed twice',
  repeated: 'it is used several times over, and a product or reduction is not computed twice',
  reordered: 'what uses the product walks it in another order, or only a part of it',
  producerTaken: 'what uses it is a kernel with another product, or with a reduction over other extents',
  insideReduction: 'a reduction over it cannot be in the kernel that computes it',
  dear: 'several kernels use it, and it is too dear to compute in each',
  dearRepeated: 'it is used several times over, and too dear to compute each time',
  tooLong: 'the kernel would be too long',
  tooManyBuffers: 'the kernel would read and write more buffers than a device binds',
  bordered: 'it is padded and read many times over: its border is tested once instead of each time',
  notFollowed: 'its reshape cannot be followed in place',
} as const;

/** Why a value has a buffer. */
export type BufferReason = keyof typeof bufferReasons;
