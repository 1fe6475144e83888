"""What PyTorch's modules give: outputs, gradients, the state afterwards, and how they print.

Writes modules.jsonl.gz, in the format of the module cases:  python3 modules.py   (needs PyTorch; made with 1.13)
"""
import gzip
import json
import math
import pathlib
import torch
import torch.nn as nn

torch.manual_seed(0)
torch.set_num_threads(1)
torch.set_default_dtype(torch.float32)
cases = []


def encode(value, leaves=None):
    def number(v):
        if isinstance(v, float) and not math.isfinite(v):
            return 'NaN' if math.isnan(v) else 'Infinity' if v > 0 else '-Infinity'
        return float(f'{v:.9g}') if isinstance(v, float) and value.dtype == torch.float32 else v
    if isinstance(value, torch.Tensor):
        coded = {'tensor': str(value.dtype).removeprefix('torch.'), 'shape': list(value.shape),
                 'data': [number(v) for v in value.detach().flatten().tolist()]}
        if leaves is not None and value.requires_grad:
            coded['grad'] = len(leaves)
            leaves.append(value)
        return coded
    if isinstance(value, float):
        return {'float': value if math.isfinite(value) else str(value).replace('inf', 'Infinity')}
    if isinstance(value, torch.dtype):
        return {'dtype': str(value).removeprefix('torch.')}
    if isinstance(value, (list, tuple)):
        return [encode(v, leaves) for v in value]
    return value


def state_of(module):
    return {name: encode(value) for name, value in module.state_dict().items()}


def randomize(module):
    for name, parameter in module.named_parameters():
        parameter.data.uniform_(-1, 1)
    for name, buffer in module.named_buffers():
        if name.endswith('running_mean'):
            buffer.uniform_(-1, 1)
        if name.endswith('running_var'):
            buffer.uniform_(0.5, 2)


def case(name, *args, inputs, training=True, rename={}, called={}, **kwargs):
    """One case; `called` are keyword arguments of the call, `rename` names that nn has for keyword arguments."""
    make = getattr(nn, name)
    with torch.no_grad():
        module = make(*args, **kwargs)
        if name.startswith('Lazy'):
            module(*[i.detach() for i in inputs])
        randomize(module)
    module.train(training)
    before = state_of(module)
    given = [i.clone().detach().requires_grad_(i.requires_grad) if isinstance(i, torch.Tensor) else i for i in inputs]
    leaves = []
    coded = [encode(i, leaves) for i in given]
    out = module(*given, **called)
    outs = [out] if isinstance(out, torch.Tensor) else [o for o in out]
    outs = [o for o in outs if o is not None]
    differentiable = [i for i, o in enumerate(outs) if o.requires_grad]
    cotangents = [torch.randn(outs[i].shape, dtype=outs[i].dtype) for i in differentiable]
    parameters = dict(module.named_parameters())
    wanted = leaves + list(parameters.values())
    grads = torch.autograd.grad([outs[i] for i in differentiable], wanted, cotangents, allow_unused=True) \
        if wanted and differentiable else [None] * len(wanted)
    grads = [None if g is None else encode(g) for g in grads]
    cases.append({
        'module': name, 'training': training, 'repr': repr(module),
        'ctor_args': [encode(a) for a in args],
        'ctor_kwargs': {rename.get(k, k): encode(v) for k, v in kwargs.items()},
        'state': before, 'args': coded, 'kwargs': {k: encode(v) for k, v in called.items()},
        'out': [encode(o) for o in outs],
        'cotangents': [encode(c) for c in cotangents], 'cotangent_of': differentiable,
        'grads': grads[:len(leaves)], 'param_grads': dict(zip(parameters, grads[len(leaves):])),
        'state_after': state_of(module)})


def x(*shape, dtype=torch.float32, grad=True, low=-2, high=2):
    return torch.empty(shape, dtype=dtype).uniform_(low, high).requires_grad_(grad)


def classes(count, *shape):
    return torch.randint(count, shape)


def signs(*shape):
    return torch.randint(2, shape).float() * 2 - 1


# Activations.
for name, args, kwargs in [
        ('ReLU', (), {}), ('ReLU', (), {'inplace': True}), ('ReLU6', (), {}), ('SELU', (), {}), ('SiLU', (), {}),
        ('Mish', (), {}), ('Hardsigmoid', (), {}), ('Hardswish', (), {}), ('GELU', (), {}),
        ('GELU', (), {'approximate': 'tanh'}), ('CELU', (0.5,), {}), ('CELU', (), {'inplace': True}), ('ELU', (1.5,), {}),
        ('LeakyReLU', (0.2,), {}), ('LeakyReLU', (0.2,), {'inplace': True}), ('PReLU', (), {}), ('PReLU', (3,), {'init': 0.1}),
        ('Hardtanh', (), {}), ('Hardtanh', (), {'min_val': -0.5, 'max_val': 0.75}), ('Hardtanh', (), {'inplace': True}),
        ('Softplus', (), {}), ('Softplus', (), {'beta': 2.0, 'threshold': 3.0}), ('Threshold', (0.1, 20.0), {}),
        ('Threshold', (0.1, 20.0), {'inplace': True}), ('Sigmoid', (), {}), ('Tanh', (), {}), ('LogSigmoid', (), {}),
        ('Softsign', (), {}), ('Tanhshrink', (), {}), ('Softshrink', (0.3,), {}), ('Softshrink', (), {}),
        ('Hardshrink', (0.3,), {}), ('Softmax', (1,), {}), ('LogSoftmax', (-1,), {}), ('Softmin', (1,), {}),
        ('GLU', (2,), {}), ('GLU', (), {})]:
    case(name, *args, inputs=[x(2, 3, 4, grad='inplace' not in kwargs)], **kwargs)
case('Softmax2d', inputs=[x(2, 3, 2, 2)])
case('Softmax2d', inputs=[x(3, 2, 2)])
case('RReLU', inputs=[x(2, 3)], training=False)
case('RReLU', inputs=[x(2, 3, grad=False)], training=False, lower=0.1, upper=0.2, inplace=True)

# Linear layers and shapes.
case('Identity', inputs=[x(2, 3)])
case('Linear', 4, 3, inputs=[x(2, 5, 4)], bias=False)
case('Linear', 4, 3, inputs=[x(4)])
case('Linear', 4, 3, inputs=[x(2, 4, dtype=torch.float64)], dtype=torch.float64)
case('Bilinear', 2, 3, 4, inputs=[x(5, 2), x(5, 3)])
case('Bilinear', 2, 3, 4, inputs=[x(5, 2), x(5, 3)], bias=False)
case('Flatten', inputs=[x(2, 3, 4)])
case('Flatten', 0, 1, inputs=[x(2, 3, 4)])
case('Unflatten', 1, (2, 3), inputs=[x(2, 6)])

# Convolutions.
for rank, size in ((1, (7,)), (2, (6, 7)), (3, (4, 5, 4))):
    case(f'Conv{rank}d', 4, 6, 3, inputs=[x(2, 4, *size)], stride=2, padding=1, groups=2)
    case(f'Conv{rank}d', 2, 3, 3, inputs=[x(1, 2, *size)], padding='same', bias=False)
    for mode in ('reflect', 'replicate', 'circular'):
        case(f'Conv{rank}d', 2, 3, 3, inputs=[x(1, 2, *size)], padding=1, padding_mode=mode)
    case(f'ConvTranspose{rank}d', 4, 6, 3, inputs=[x(2, 4, *[s - 2 for s in size])], stride=2, padding=1,
         output_padding=1, groups=2)
    case(f'ConvTranspose{rank}d', 2, 3, 2, inputs=[x(1, 2, *[s - 2 for s in size])], stride=3, bias=False,
         called={'output_size': [3 * (s - 2) + 1 for s in size]})
    case(f'ConvTranspose{rank}d', 2, 3, 2, inputs=[x(2, *[s - 2 for s in size])], dilation=2)

# Blocks, pixels and channels.
case('Unfold', (2, 3), inputs=[x(2, 2, 4, 5)])
case('Unfold', 2, inputs=[x(1, 2, 5, 5)], dilation=2, padding=1, stride=2)
case('Fold', (4, 5), (2, 3), inputs=[x(2, 12, 9)])
case('Fold', (5, 5), 2, inputs=[x(1, 8, 9)], dilation=2, padding=1, stride=2)
case('PixelShuffle', 2, inputs=[x(1, 8, 2, 3)])
case('PixelUnshuffle', 2, inputs=[x(1, 2, 4, 6)])
case('ChannelShuffle', 2, inputs=[x(1, 4, 2, 2, grad=False)])
for rank, size in ((1, (5,)), (2, (4, 5)), (3, (3, 4, 3))):
    case('Upsample', inputs=[x(1, 2, *size)], scale_factor=2.0)
    case('Upsample', inputs=[x(1, 2, *size)], size=6)
    linear = {1: 'linear', 2: 'bilinear', 3: 'trilinear'}[rank]
    case('Upsample', inputs=[x(1, 2, *size)], scale_factor=1.5, mode=linear, align_corners=True)
    case('Upsample', inputs=[x(1, 2, *size)], size=[6] * rank, mode=linear)
case('Upsample', inputs=[x(1, 1, 4, 4)], scale_factor=(2.0, 1.5), mode='bicubic', recompute_scale_factor=True)
case('UpsamplingNearest2d', inputs=[x(1, 2, 3, 4)], scale_factor=2)
case('UpsamplingNearest2d', inputs=[x(1, 2, 3, 4)], size=(4, 5))
case('UpsamplingBilinear2d', inputs=[x(1, 2, 3, 4)], scale_factor=2)

# Padding.
for rank, size in ((1, (5,)), (2, (4, 5)), (3, (4, 3, 4))):
    sides = [1, 2, 0, 1, 2, 1][:2 * rank]
    for batch in ((2, 2), (2,)):
        case(f'ConstantPad{rank}d', sides, 3.5, inputs=[x(*batch, *size)])
        case(f'ReflectionPad{rank}d', sides, inputs=[x(*batch, *size)])
        case(f'ReplicationPad{rank}d', sides, inputs=[x(*batch, *size)])
    case(f'ReflectionPad{rank}d', 1, inputs=[x(1, 1, *size)])
    case(f'ReplicationPad{rank}d', 2, inputs=[x(1, 1, *size)])
case('ConstantPad2d', [-1, 1, 0, -1], 2.0, inputs=[x(1, 4, 5)])
case('ZeroPad2d', (1, 1, 2, 0), inputs=[x(2, 2, 3, 3)])
case('ZeroPad2d', 2, inputs=[x(1, 3, 3)])

# Pooling.
for rank, size in ((1, (9,)), (2, (7, 8)), (3, (5, 6, 5))):
    case(f'MaxPool{rank}d', 3, inputs=[x(2, 2, *size)], stride=2, padding=1, return_indices=True)
    case(f'MaxPool{rank}d', 2, inputs=[x(2, *size)], dilation=2, stride=1, ceil_mode=True)
    case(f'AvgPool{rank}d', 3, inputs=[x(2, 2, *size)], stride=2, padding=1)
    case(f'AvgPool{rank}d', 3, inputs=[x(2, 2, *size)], stride=2, padding=1, ceil_mode=True, count_include_pad=False)
    case(f'AdaptiveAvgPool{rank}d', 3, inputs=[x(2, 2, *size)])
    case(f'AdaptiveMaxPool{rank}d', 3, inputs=[x(2, 2, *size)], return_indices=True)
    case(f'AdaptiveMaxPool{rank}d', 2, inputs=[x(2, *size)])
    pool = getattr(nn, f'MaxPool{rank}d')(2, return_indices=True)
    for extents in ([4] * rank, list(size)):
        pooled, indices = pool(x(2, 2, *extents, grad=False))
        called = {} if extents == [4] * rank else {'output_size': extents}
        case(f'MaxUnpool{rank}d', 2, inputs=[pooled.requires_grad_(), indices], stride=2, called=called)
for rank in (2, 3):
    case(f'AvgPool{rank}d', 2, inputs=[x(1, 2, *[5] * rank)], divisor_override=3)
    case(f'AdaptiveAvgPool{rank}d', (3, None, 2)[:rank], inputs=[x(1, 2, *[5] * rank)])
    case(f'FractionalMaxPool{rank}d', 2, inputs=[x(1, 2, *[7] * rank)], output_size=4, return_indices=True,
         _random_samples=torch.rand(1, 2, rank), rename={'_random_samples': 'random_samples'})
    case(f'FractionalMaxPool{rank}d', 2, inputs=[x(1, 2, *[7] * rank)], output_ratio=0.6,
         _random_samples=torch.rand(1, 2, rank), rename={'_random_samples': 'random_samples'})
case('LPPool1d', 2, 3, inputs=[x(2, 2, 8, low=0.1)], stride=2)
case('LPPool1d', 1.5, 2, inputs=[x(2, 2, 8, low=0.1)])
case('LPPool2d', 2, 3, inputs=[x(2, 2, 6, 7)], stride=2, ceil_mode=True)
case('LPPool2d', 3, (2, 1), inputs=[x(2, 2, 6, 7, low=0.1)])

# Normalization.
for rank, size in ((1, (5,)), (2, (3, 4)), (3, (2, 3, 2))):
    for options in ({}, {'affine': False, 'eps': 0.01}, {'track_running_stats': False}):
        for training in (True, False):
            case(f'BatchNorm{rank}d', 3, inputs=[x(4, 3, *size)], training=training, **options)
            case(f'InstanceNorm{rank}d', 3, inputs=[x(2, 3, *size)], training=training,
                 **{'affine': True, 'track_running_stats': True, **options})
    case(f'InstanceNorm{rank}d', 3, inputs=[x(2, 3, *size)])
case('BatchNorm1d', 3, inputs=[x(6, 3)], momentum=0.3)
case('BatchNorm1d', 3, inputs=[x(6, 3, dtype=torch.float64)], dtype=torch.float64)
case('LayerNorm', 5, inputs=[x(2, 3, 5)])
case('LayerNorm', (3, 5), inputs=[x(2, 3, 5)], eps=0.1)
case('LayerNorm', 5, inputs=[x(2, 5)], elementwise_affine=False)
case('LayerNorm', 5, inputs=[x(2, 5, dtype=torch.float64)], dtype=torch.float64)
case('GroupNorm', 2, 6, inputs=[x(2, 6, 3)])
case('GroupNorm', 3, 6, inputs=[x(2, 6)], eps=0.1)
case('GroupNorm', 1, 6, inputs=[x(2, 6, 2, 2)], affine=False)
case('LocalResponseNorm', 3, inputs=[x(2, 5, 4)], alpha=0.5)
case('LocalResponseNorm', 2, inputs=[x(2, 5, 3, 3)], alpha=0.5, beta=0.5, k=2.0)
# Where there are more channels, PyTorch's window never lets go of the first one, and its gradients are not those.
case('CrossMapLRN2d', 5, inputs=[x(2, 3, 3, 3, grad=False)], alpha=0.5)
case('CrossMapLRN2d', 6, inputs=[x(2, 3, 2, 2, grad=False)], alpha=0.5, beta=0.5, k=2)

# Dropout does nothing in evaluation.
for name in ('Dropout', 'Dropout1d', 'Dropout2d', 'Dropout3d', 'AlphaDropout', 'FeatureAlphaDropout'):
    case(name, inputs=[x(2, 3, 2, 2, 2) if name == 'Dropout3d' else x(2, 3, 2)], training=False, p=0.3)

# Embeddings.
case('Embedding', 6, 3, inputs=[classes(6, 2, 4)])
case('Embedding', 6, 3, inputs=[classes(6, 4, 4)], padding_idx=-1, scale_grad_by_freq=True)
case('Embedding', 6, 3, inputs=[classes(6, 5)], max_norm=1.0, norm_type=1.0)
offsets = torch.tensor([0, 2, 2, 5])
for mode in ('sum', 'mean', 'max'):
    case('EmbeddingBag', 6, 3, inputs=[classes(6, 8), offsets], mode=mode)
    case('EmbeddingBag', 6, 3, inputs=[classes(6, 2, 4)], mode=mode, padding_idx=2)
case('EmbeddingBag', 6, 3, inputs=[classes(6, 2, 4)], mode='sum', called={'per_sample_weights': x(2, 4, grad=False)})
case('EmbeddingBag', 6, 3, inputs=[classes(6, 8), torch.tensor([0, 3, 8])], mode='mean', include_last_offset=True)
# PyTorch takes another row's frequency where they differ.
case('EmbeddingBag', 4, 3, inputs=[torch.stack([torch.randperm(4), torch.randperm(4)])], mode='sum',
     scale_grad_by_freq=True)
case('EmbeddingBag', 6, 3, inputs=[classes(6, 2, 4)], max_norm=1.0)

# Losses.
for reduction in ('mean', 'sum', 'none'):
    case('L1Loss', inputs=[x(3, 4), x(3, 4)], reduction=reduction)
    case('MSELoss', inputs=[x(3, 4), x(3, 4)], reduction=reduction)
    case('SmoothL1Loss', inputs=[x(3, 4), x(3, 4)], reduction=reduction, beta=0.5)
    case('HuberLoss', inputs=[x(3, 4), x(3, 4)], reduction=reduction, delta=0.5)
    case('CrossEntropyLoss', inputs=[x(3, 4), classes(4, 3)], reduction=reduction, weight=torch.rand(4))
    case('CrossEntropyLoss', inputs=[x(2, 3, 4), classes(3, 2, 4)], reduction=reduction, label_smoothing=0.2,
         ignore_index=1)
    case('CrossEntropyLoss', inputs=[x(3, 4), torch.rand(3, 4)], reduction=reduction, label_smoothing=0.1)
    case('NLLLoss', inputs=[x(3, 4), classes(4, 3)], reduction=reduction, weight=torch.rand(4), ignore_index=2)
    case('NLLLoss', inputs=[x(2, 3, 4, 2), classes(3, 2, 4, 2)], reduction=reduction)
    case('BCELoss', inputs=[x(3, 4, low=0.05, high=0.95), torch.rand(3, 4)], reduction=reduction, weight=torch.rand(4))
    case('BCEWithLogitsLoss', inputs=[x(3, 4), torch.rand(3, 4)], reduction=reduction, pos_weight=torch.rand(4),
         weight=torch.rand(3, 4))
    case('PoissonNLLLoss', inputs=[x(3, 4), torch.rand(3, 4) * 4], reduction=reduction)
    case('PoissonNLLLoss', inputs=[x(3, 4, low=0.1), torch.rand(3, 4) * 4], reduction=reduction, log_input=False,
         full=True, eps=1e-4)
    case('GaussianNLLLoss', inputs=[x(3, 4), x(3, 4), x(3, 1, low=0.1)], reduction=reduction)
    case('GaussianNLLLoss', inputs=[x(3, 4), x(3, 4), x(3, 4, low=0.1)], reduction=reduction, full=True, eps=0.2)
    case('SoftMarginLoss', inputs=[x(3, 4), signs(3, 4)], reduction=reduction)
    case('MarginRankingLoss', inputs=[x(5), x(5), signs(5)], reduction=reduction, margin=0.5)
    case('HingeEmbeddingLoss', inputs=[x(3, 4), signs(3, 4)], reduction=reduction, margin=1.5)
    case('CosineEmbeddingLoss', inputs=[x(5, 3), x(5, 3), signs(5)], reduction=reduction, margin=0.2)
    case('MultiMarginLoss', inputs=[x(3, 4), classes(4, 3)], reduction=reduction, p=2, margin=0.7, weight=torch.rand(4))
    case('MultiMarginLoss', inputs=[x(3, 4), classes(4, 3)], reduction=reduction)
    case('MultiLabelMarginLoss', inputs=[x(2, 4), torch.tensor([[3, 0, -1, 1], [1, -1, 0, 2]])], reduction=reduction)
    case('MultiLabelSoftMarginLoss', inputs=[x(3, 4), torch.randint(2, (3, 4)).float()], reduction=reduction,
         weight=torch.rand(4))
    case('TripletMarginLoss', inputs=[x(3, 4), x(3, 4), x(3, 4)], reduction=reduction)
    case('TripletMarginLoss', inputs=[x(3, 4), x(3, 4), x(3, 4)], reduction=reduction, swap=True, margin=2.0, p=1.0)
    case('TripletMarginWithDistanceLoss', inputs=[x(3, 4), x(3, 4), x(3, 4)], reduction=reduction, swap=True)
    # Its gradient is that of log_softmax's input in PyTorch; only values are compared.
    log_probs = torch.log_softmax(x(6, 2, 4, grad=False), -1)
    case('CTCLoss', inputs=[log_probs, classes(3, 2, 3) + 1, (6, 5), (3, 2)], reduction=reduction)
    case('CTCLoss', inputs=[log_probs, classes(3, 2, 5), (6, 2), (3, 5)], reduction=reduction, blank=3,
         zero_infinity=True)
for reduction in ('mean', 'sum', 'none', 'batchmean'):
    log_probs = torch.log_softmax(x(3, 4, grad=False), -1)
    case('KLDivLoss', inputs=[log_probs.clone().requires_grad_(), torch.rand(3, 4)], reduction=reduction)
    case('KLDivLoss', inputs=[log_probs.clone().requires_grad_(), log_probs - 0.1], reduction=reduction, log_target=True)
case('MSELoss', inputs=[x(3, 4, dtype=torch.float64), x(3, 4, dtype=torch.float64)])
case('CrossEntropyLoss', inputs=[x(3, 4, dtype=torch.float64), classes(4, 3)])
case('CosineSimilarity', inputs=[x(3, 4), x(3, 4)])
case('CosineSimilarity', inputs=[x(3, 4, 2), x(3, 4, 2)], dim=-1, eps=0.1)
case('PairwiseDistance', inputs=[x(3, 4), x(3, 4)])
case('PairwiseDistance', inputs=[x(3, 4), x(3, 4)], p=1.0, eps=0.1, keepdim=True)
case('AdaptiveLogSoftmaxWithLoss', 8, 12, [3, 7], inputs=[x(5, 8), torch.tensor([0, 2, 5, 9, 11])])
case('AdaptiveLogSoftmaxWithLoss', 8, 12, [3, 7, 10], inputs=[x(4, 8), torch.tensor([9, 0, 4, 11])], div_value=2.0,
     head_bias=True)

# Lazy modules: the state is loaded into parameters without a shape.
case('LazyLinear', 3, inputs=[x(2, 5)])
case('LazyLinear', 3, inputs=[x(2, 5)], bias=False)
for rank, size in ((1, (6,)), (2, (5, 6)), (3, (4, 4, 4))):
    case(f'LazyConv{rank}d', 4, 3, inputs=[x(2, 2, *size)], padding=1, groups=2)
    case(f'LazyConvTranspose{rank}d', 4, 2, inputs=[x(2, 2, *size)], stride=2, bias=False)
    case(f'LazyBatchNorm{rank}d', inputs=[x(3, 2, *size)])
    case(f'LazyInstanceNorm{rank}d', inputs=[x(3, 2, *size)], affine=True, track_running_stats=True)

target = pathlib.Path(__file__).with_suffix('.jsonl.gz')
lines = '\n'.join(json.dumps(c, separators=(',', ':')) for c in cases) + '\n'
target.write_bytes(gzip.compress(lines.encode(), mtime=0))
print(len(cases), 'cases of', len({c['module'] for c in cases}), 'modules,', target.stat().st_size, 'bytes')
