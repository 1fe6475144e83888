// torch.nn.functional: what layers do: convolution, pooling, normalisation, embedding, attention, resampling.
import { callFunction } from '../api.ts';
import { argumentsOf, custom, functional, parseSignature, type Row } from '../signature.ts';

/** The cases of embeddings give the weight first, then the indices. */
function weightFirst(name: string, signature: string): Row {
  const parsed = parseSignature(signature);
  return ({ args: [weight, indices, ...rest], kwargs }) =>
    callFunction('@nn/functional', name, argumentsOf(parsed, { args: [indices, weight, ...rest], kwargs }));
}

const convolution = 'input weight bias | stride padding dilation groups';
const transposedConvolution = 'input weight bias | stride padding output_padding groups dilation';
const maxPooling = 'input kernel_size | stride padding dilation ceil_mode return_indices';
const maxUnpooling = 'input indices kernel_size | stride padding output_size';

export const layers: Readonly<Record<string, Row>> = {
  'nn.functional.linear': functional('linear', 'input weight bias'),
  'nn.functional.bilinear': functional('bilinear', 'input1 input2 weight bias'),

  'nn.functional.conv1d': functional('conv1d', convolution),
  'nn.functional.conv2d': functional('conv2d', convolution),
  'nn.functional.conv3d': functional('conv3d', convolution),
  'nn.functional.conv_transpose1d': functional('convTranspose1d', transposedConvolution),
  'nn.functional.conv_transpose2d': functional('convTranspose2d', transposedConvolution),
  'nn.functional.conv_transpose3d': functional('convTranspose3d', transposedConvolution),
  'nn.functional.unfold': functional('unfold', 'input kernel_size | dilation padding stride'),
  'nn.functional.fold': functional('fold', 'input output_size kernel_size | dilation padding stride'),

  'nn.functional.avg_pool1d': functional(
    'avgPool1d',
    'input kernel_size | stride padding ceil_mode count_include_pad',
  ),
  'nn.functional.avg_pool2d': functional(
    'avgPool2d',
    'input kernel_size | stride padding ceil_mode count_include_pad divisor_override',
  ),
  'nn.functional.avg_pool3d': functional(
    'avgPool3d',
    'input kernel_size | stride padding ceil_mode count_include_pad divisor_override',
  ),
  'nn.functional.max_pool1d': functional('maxPool1d', maxPooling),
  'nn.functional.max_pool2d': functional('maxPool2d', maxPooling),
  'nn.functional.max_pool3d': functional('maxPool3d', maxPooling),
  'nn.functional.max_unpool1d': functional('maxUnpool1d', maxUnpooling),
  'nn.functional.max_unpool2d': functional('maxUnpool2d', maxUnpooling),
  'nn.functional.max_unpool3d': functional('maxUnpool3d', maxUnpooling),
  'nn.functional.adaptive_avg_pool1d': functional('adaptiveAvgPool1d', 'input output_size'),
  'nn.functional.adaptive_avg_pool2d': functional('adaptiveAvgPool2d', 'input output_size'),
  'nn.functional.adaptive_avg_pool3d': functional('adaptiveAvgPool3d', 'input output_size'),
  'nn.functional.adaptive_max_pool1d': functional('adaptiveMaxPool1d', 'input output_size | return_indices'),
  'nn.functional.adaptive_max_pool2d': functional('adaptiveMaxPool2d', 'input output_size | return_indices'),
  'nn.functional.adaptive_max_pool3d': functional('adaptiveMaxPool3d', 'input output_size | return_indices'),

  'nn.functional.batch_norm': custom(
    'input running_mean running_var weight bias training momentum eps',
    ({ input, running_mean, running_var, ...options }) =>
      callFunction('@nn/functional', 'batchNorm', [input, running_mean, running_var, options]),
  ),
  'nn.functional.layer_norm': functional('layerNorm', 'input normalized_shape | weight bias eps'),
  'nn.functional.group_norm': functional('groupNorm', 'input num_groups | weight bias eps'),
  'nn.functional.instance_norm': functional(
    'instanceNorm',
    'input | running_mean running_var weight bias use_input_stats momentum eps',
  ),
  'nn.functional.local_response_norm': functional('localResponseNorm', 'input size | alpha beta k'),
  'nn.functional.normalize': functional('normalize', 'input | p dim eps'),
  native_layer_norm: functional('nativeLayerNorm', 'input normalized_shape | weight bias eps'),
  native_batch_norm: custom(
    'input weight bias running_mean running_var training momentum eps',
    ({ input, running_mean, running_var, ...options }) =>
      callFunction('@nn/functional', 'nativeBatchNorm', [input, running_mean, running_var, options]),
  ),

  'nn.functional.embedding': weightFirst(
    'embedding',
    'input weight | padding_idx max_norm norm_type scale_grad_by_freq sparse',
  ),
  'nn.functional.embedding_bag': weightFirst(
    'embeddingBag',
    'input weight | offsets max_norm norm_type scale_grad_by_freq mode sparse per_sample_weights ' +
      'include_last_offset padding_idx',
  ),
  'nn.functional.one_hot': functional('oneHot', 'input num_classes'),

  'nn.functional.dropout': functional('dropout', 'input | p training inplace'),
  'nn.functional.dropout2d': functional('dropout2d', 'input | p training inplace'),
  'nn.functional.dropout3d': functional('dropout3d', 'input | p training inplace'),
  'nn.functional.alpha_dropout': functional('alphaDropout', 'input | p training inplace'),
  'nn.functional.feature_alpha_dropout': functional('featureAlphaDropout', 'input | p training inplace'),

  // PyTorch 1.13's always gives the weights.
  'nn.functional._scaled_dot_product_attention': custom(
    'query key value attn_mask dropout_p need_attn_weights is_causal',
    ({ query, key, value, attn_mask: attnMask, dropout_p: dropoutP, is_causal: isCausal }) =>
      callFunction('@nn/functional', 'scaledDotProductAttention', [
        query,
        key,
        value,
        { attnMask, dropoutP, isCausal, needWeights: true },
      ]),
  ),

  'nn.functional.pad': functional('pad', 'input pad | mode value'),
  'nn.functional.interpolate': functional(
    'interpolate',
    'input | size scale_factor mode align_corners recompute_scale_factor antialias',
  ),
  'nn.functional.upsample_bilinear': functional('upsampleBilinear', 'input | size scale_factor'),
  'nn.functional.upsample_nearest': functional('upsampleNearest', 'input | size scale_factor'),
  'nn.functional.grid_sample': functional('gridSample', 'input grid | mode padding_mode align_corners'),
  'nn.functional.affine_grid': functional('affineGrid', 'theta size | align_corners'),
  'nn.functional.pixel_shuffle': functional('pixelShuffle', 'input upscale_factor'),
  'nn.functional.pixel_unshuffle': functional('pixelUnshuffle', 'input downscale_factor'),
};
