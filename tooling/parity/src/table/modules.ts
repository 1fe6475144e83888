// The map from PyTorch's modules: the parameters of the constructor and of the call, as in signature.ts.

interface ModuleRow {
  readonly parameters: string;
  readonly forward: string;
  /** Positions of outputs that are indices. */
  readonly indexOutputs?: readonly number[];
}

function row(parameters: string, forward: string = 'input', indexOutputs?: readonly number[]): ModuleRow {
  return { parameters, forward, indexOutputs };
}

const convolution = 'in_channels out_channels kernel_size | stride padding dilation groups bias padding_mode';
const transposedConvolution =
  'in_channels out_channels kernel_size | stride padding output_padding groups bias dilation padding_mode';
const maxPooling = 'kernel_size | stride padding dilation return_indices ceil_mode';
const averagePooling = 'kernel_size | stride padding ceil_mode count_include_pad divisor_override';
const normalization = 'num_features | eps momentum affine track_running_stats';
const recurrent =
  'input_size hidden_size | num_layers nonlinearity bias batch_first dropout bidirectional proj_size';
const cell = 'input_size hidden_size | bias nonlinearity';
const transformerLayer =
  'd_model nhead | dim_feedforward dropout activation layer_norm_eps batch_first norm_first bias';
const dropout = 'p | inplace';
const inplace = '| inplace';
const none = '';

const loss = 'input target';

/** Lazy modules find the first argument by themselves. */
function lazy(parameters: string): string {
  return parameters.slice(parameters.indexOf(' ') + 1);
}

export const moduleRows: Readonly<Record<string, ModuleRow>> = {
  Identity: row(none),
  Linear: row('in_features out_features | bias'),
  Bilinear: row('in1_features in2_features out_features | bias', 'input1 input2'),
  Flatten: row('start_dim end_dim'),
  Unflatten: row('dim unflattened_size'),

  Conv1d: row(convolution),
  Conv2d: row(convolution),
  Conv3d: row(convolution),
  ConvTranspose1d: row(transposedConvolution, 'input | output_size'),
  ConvTranspose2d: row(transposedConvolution, 'input | output_size'),
  ConvTranspose3d: row(transposedConvolution, 'input | output_size'),
  Unfold: row('kernel_size | dilation padding stride'),
  Fold: row('output_size kernel_size | dilation padding stride'),

  MaxPool1d: row(maxPooling, 'input', [1]),
  MaxPool2d: row(maxPooling, 'input', [1]),
  MaxPool3d: row(maxPooling, 'input', [1]),
  MaxUnpool1d: row('kernel_size | stride padding', 'input indices | output_size'),
  MaxUnpool2d: row('kernel_size | stride padding', 'input indices | output_size'),
  MaxUnpool3d: row('kernel_size | stride padding', 'input indices | output_size'),
  AvgPool1d: row('kernel_size | stride padding ceil_mode count_include_pad'),
  AvgPool2d: row(averagePooling),
  AvgPool3d: row(averagePooling),
  FractionalMaxPool2d: row(
    'kernel_size | output_size output_ratio return_indices random_samples',
    'input',
    [1],
  ),
  FractionalMaxPool3d: row(
    'kernel_size | output_size output_ratio return_indices random_samples',
    'input',
    [1],
  ),
  LPPool1d: row('norm_type kernel_size | stride ceil_mode'),
  LPPool2d: row('norm_type kernel_size | stride ceil_mode'),
  AdaptiveAvgPool1d: row('output_size'),
  AdaptiveAvgPool2d: row('output_size'),
  AdaptiveAvgPool3d: row('output_size'),
  AdaptiveMaxPool1d: row('output_size | return_indices', 'input', [1]),
  AdaptiveMaxPool2d: row('output_size | return_indices', 'input', [1]),
  AdaptiveMaxPool3d: row('output_size | return_indices', 'input', [1]),

  BatchNorm1d: row(normalization),
  BatchNorm2d: row(normalization),
  BatchNorm3d: row(normalization),
  InstanceNorm1d: row(normalization),
  InstanceNorm2d: row(normalization),
  InstanceNorm3d: row(normalization),
  LayerNorm: row('normalized_shape | eps elementwise_affine'),
  GroupNorm: row('num_groups num_channels | eps affine'),
  LocalResponseNorm: row('size | alpha beta k'),
  CrossMapLRN2d: row('size | alpha beta k'),

  ConstantPad1d: row('padding value'),
  ConstantPad2d: row('padding value'),
  ConstantPad3d: row('padding value'),
  ZeroPad2d: row('padding'),
  ReflectionPad1d: row('padding'),
  ReflectionPad2d: row('padding'),
  ReflectionPad3d: row('padding'),
  ReplicationPad1d: row('padding'),
  ReplicationPad2d: row('padding'),
  ReplicationPad3d: row('padding'),

  Dropout: row(dropout),
  Dropout1d: row(dropout),
  Dropout2d: row(dropout),
  Dropout3d: row(dropout),
  AlphaDropout: row(dropout),
  FeatureAlphaDropout: row(dropout),

  ReLU: row(inplace),
  ReLU6: row(inplace),
  LeakyReLU: row('negative_slope | inplace'),
  RReLU: row('| lower upper inplace'),
  PReLU: row('num_parameters | init'),
  ELU: row('alpha | inplace'),
  CELU: row('alpha | inplace'),
  SELU: row(inplace),
  GELU: row('| approximate'),
  SiLU: row(inplace),
  Mish: row(inplace),
  GLU: row('dim'),
  Sigmoid: row(none),
  LogSigmoid: row(none),
  Tanh: row(none),
  Tanhshrink: row(none),
  Hardtanh: row('| min_val max_val inplace'),
  Hardsigmoid: row(inplace),
  Hardswish: row(inplace),
  Hardshrink: row('lambd'),
  Softshrink: row('lambd'),
  Softplus: row('| beta threshold'),
  Softsign: row(none),
  Threshold: row('threshold value | inplace'),
  Softmax: row('dim'),
  Softmax2d: row(none),
  Softmin: row('dim'),
  LogSoftmax: row('dim'),
  AdaptiveLogSoftmaxWithLoss: row('in_features n_classes cutoffs | div_value head_bias', 'input target'),

  Embedding: row('num_embeddings embedding_dim | padding_idx max_norm norm_type scale_grad_by_freq sparse'),
  EmbeddingBag: row(
    'num_embeddings embedding_dim | max_norm norm_type scale_grad_by_freq mode sparse _weight ' +
      'include_last_offset padding_idx',
    'input offsets | per_sample_weights',
  ),

  RNN: row(recurrent, 'input hx'),
  LSTM: row(recurrent, 'input hx'),
  GRU: row(recurrent, 'input hx'),
  RNNCell: row(cell, 'input hx'),
  LSTMCell: row(cell, 'input hx'),
  GRUCell: row(cell, 'input hx'),

  MultiheadAttention: row(
    'embed_dim num_heads | dropout bias add_bias_kv add_zero_attn kdim vdim batch_first',
    'query key value | key_padding_mask need_weights attn_mask average_attn_weights',
  ),
  TransformerEncoderLayer: row(transformerLayer, 'src | src_mask src_key_padding_mask'),
  TransformerDecoderLayer: row(
    transformerLayer,
    'tgt memory | tgt_mask memory_mask tgt_key_padding_mask memory_key_padding_mask',
  ),
  Transformer: row(
    '| d_model nhead num_encoder_layers num_decoder_layers dim_feedforward dropout activation custom_encoder ' +
      'custom_decoder layer_norm_eps batch_first norm_first bias',
    'src tgt | src_mask tgt_mask memory_mask src_key_padding_mask tgt_key_padding_mask memory_key_padding_mask',
  ),

  L1Loss: row('| reduction', loss),
  MSELoss: row('| reduction', loss),
  SmoothL1Loss: row('| reduction beta', loss),
  HuberLoss: row('| reduction delta', loss),
  CrossEntropyLoss: row('| weight ignore_index reduction label_smoothing', loss),
  NLLLoss: row('| weight ignore_index reduction', loss),
  BCELoss: row('| weight reduction', loss),
  BCEWithLogitsLoss: row('| weight reduction pos_weight', loss),
  KLDivLoss: row('| reduction log_target', loss),
  PoissonNLLLoss: row('| log_input full eps reduction', loss),
  GaussianNLLLoss: row('| full eps reduction', 'input target var'),
  CTCLoss: row('| blank reduction zero_infinity', 'log_probs targets input_lengths target_lengths'),
  SoftMarginLoss: row('| reduction', loss),
  MarginRankingLoss: row('| margin reduction', 'input1 input2 target'),
  MultiMarginLoss: row('| p margin weight reduction', loss),
  MultiLabelMarginLoss: row('| reduction', loss),
  MultiLabelSoftMarginLoss: row('| weight reduction', loss),
  HingeEmbeddingLoss: row('| margin reduction', loss),
  CosineEmbeddingLoss: row('| margin reduction', 'input1 input2 target'),
  TripletMarginLoss: row('| margin p swap reduction', 'anchor positive negative'),
  TripletMarginWithDistanceLoss: row('| distance_function margin swap reduction', 'anchor positive negative'),

  LazyLinear: row('out_features | bias'),
  LazyConv1d: row(lazy(convolution)),
  LazyConv2d: row(lazy(convolution)),
  LazyConv3d: row(lazy(convolution)),
  LazyConvTranspose1d: row(lazy(transposedConvolution), 'input | output_size'),
  LazyConvTranspose2d: row(lazy(transposedConvolution), 'input | output_size'),
  LazyConvTranspose3d: row(lazy(transposedConvolution), 'input | output_size'),
  LazyBatchNorm1d: row(lazy(normalization)),
  LazyBatchNorm2d: row(lazy(normalization)),
  LazyBatchNorm3d: row(lazy(normalization)),
  LazyInstanceNorm1d: row(lazy(normalization)),
  LazyInstanceNorm2d: row(lazy(normalization)),
  LazyInstanceNorm3d: row(lazy(normalization)),

  CosineSimilarity: row('| dim eps', 'x1 x2'),
  PairwiseDistance: row('| p eps keepdim', 'x1 x2'),
  PixelShuffle: row('upscale_factor'),
  PixelUnshuffle: row('downscale_factor'),
  ChannelShuffle: row('groups'),
  Upsample: row('| size scale_factor mode align_corners recompute_scale_factor'),
  UpsamplingNearest2d: row('| size scale_factor'),
  UpsamplingBilinear2d: row('| size scale_factor'),
};
