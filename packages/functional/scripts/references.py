"""What PyTorch gives, in float64 (made with 1.13.1): python3 references.py > ../test/references.json; biome format --write ../test."""

import json
import math

import torch
import torch.nn.functional as F

torch.manual_seed(0)


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def text(x):
    # Enough digits for the tolerance of the tests.
    return " ".join(f"{v:.12g}" for v in x.detach().double().flatten().tolist())


def given(x):
    dtype = {torch.float64: "float64", torch.int64: "int32", torch.bool: "bool"}[x.dtype]
    return {"shape": list(x.shape), "dtype": dtype, "data": text(x)}


cases = {}


def case(title, call, *inputs):
    """Gradients are those of the float inputs, for cotangents cos(0), cos(1), ... of all elements of all outputs."""
    inputs = [x.requires_grad_() if x.is_floating_point() else x for x in inputs]
    outputs = call(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    flat = torch.cat([x.double().flatten() for x in outputs])
    cotangent = torch.cos(torch.arange(flat.numel(), dtype=torch.float64))
    leaves = [x for x in inputs if x.requires_grad]
    gradients = torch.autograd.grad(flat, leaves, cotangent, allow_unused=True)
    cases[title] = {
        "inputs": [given(x) for x in inputs],
        "outputs": [given(x) for x in outputs],
        "gradients": [None if g is None else text(g) for g in gradients],
    }


def ctc(input_lengths, target_lengths, **options):
    def call(x, targets):
        lengths = [torch.tensor(each) for each in (input_lengths, target_lengths)]
        return F.ctc_loss(F.log_softmax(x, -1), targets, *lengths, **options)

    return call


padded = torch.tensor([[1, 2, 2], [3, 1, 0], [4, 4, 4]])
case("ctc padded", ctc([8, 6, 7], [3, 2, 3], reduction="none"), randn(8, 3, 5), padded)
case("ctc mean", ctc([8, 6, 7], [3, 2, 3]), randn(8, 3, 5), padded)
case("ctc concatenated", ctc([8, 6, 2], [3, 2, 1], reduction="sum"), randn(8, 3, 5), torch.tensor([1, 2, 2, 3, 1, 4]))
case("ctc infeasible", ctc([4, 5], [3, 2], zero_infinity=True), randn(5, 2, 4), torch.tensor([[1, 1, 1], [2, 1, 0]]))
case("ctc blank and no labels", ctc([6, 6], [0, 2], blank=3), randn(6, 2, 4), torch.tensor([[1, 0, 1], [2, 1, 0]]))
case("ctc without batch", ctc(6, 3), randn(6, 4), torch.tensor([1, 2, 3]))


def attention(heads, use, **options):
    """Output and weights of multi_head_attention_forward; `use` names the inputs after query, key and value."""

    def call(query, key, value, out_weight, out_bias, *rest):
        more = dict(zip(use, rest))
        arguments = dict(
            in_proj_weight=None, in_proj_bias=None, bias_k=None, bias_v=None, add_zero_attn=False, dropout_p=0.0
        )
        arguments.update(options)
        arguments.update(more)
        return F.multi_head_attention_forward(
            query,
            key,
            value,
            query.shape[-1],
            heads,
            out_proj_weight=out_weight,
            out_proj_bias=out_bias,
            **arguments,
        )

    return call


def out(embed):
    return randn(embed, embed), randn(embed)


packed = ["in_proj_weight", "in_proj_bias"]
causal = torch.triu(torch.ones(3, 3, dtype=torch.bool), 1)
x = randn(3, 2, 4)
case(
    "attention packed, causal and padded",
    attention(2, packed + ["attn_mask", "key_padding_mask"]),
    *(x.clone(), x.clone(), x.clone(), *out(4)),
    *(randn(12, 4), randn(12), causal, torch.tensor([[False, False, True], [False, False, False]])),
)
case(
    "attention separate, bias and zero",
    attention(
        2,
        ["q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "bias_k", "bias_v", "attn_mask"],
        use_separate_proj_weight=True,
        add_zero_attn=True,
        average_attn_weights=False,
    ),
    *(randn(3, 2, 4), randn(5, 2, 3), randn(5, 2, 6), *out(4)),
    *(randn(4, 4), randn(4, 3), randn(4, 6), randn(12), randn(1, 1, 4), randn(1, 1, 4), randn(4, 3, 5)),
)
case(
    "attention without batch, float and bool masks",
    attention(2, packed + ["attn_mask", "key_padding_mask"]),
    *(randn(3, 4), randn(5, 4), randn(5, 4), *out(4)),
    *(randn(12, 4), randn(12), randn(3, 5), torch.tensor([False, True, False, False, True])),
)
case(
    "attention with static keys",
    attention(2, packed + ["static_k", "static_v"], add_zero_attn=True),
    *(randn(3, 2, 4), randn(5, 2, 4), randn(5, 2, 4), *out(4)),
    *(randn(12, 4), randn(12), randn(4, 6, 2), randn(4, 6, 2)),
)


def fractional(call, kernel, output):
    return lambda x, samples: call(x, kernel, output_size=output, return_indices=True, _random_samples=samples.detach())


case("fractional 2d", fractional(F.fractional_max_pool2d, (2, 3), (4, 3)), randn(2, 2, 7, 9), torch.rand(2, 2, 2, dtype=torch.float64))
case("fractional 3d", fractional(F.fractional_max_pool3d, 2, (2, 3, 1)), randn(2, 5, 6, 4), torch.rand(1, 2, 3, dtype=torch.float64))

case("lpPool1d", lambda x: F.lp_pool1d(x, 3, 3, ceil_mode=True), randn(2, 2, 8).abs())
case("lpPool2d", lambda x: F.lp_pool2d(x, 2, (2, 3), stride=(1, 2)), randn(1, 2, 4, 7))
case("lpPool2d of sums", lambda x: F.lp_pool2d(x, 1, 2, ceil_mode=True), randn(1, 5, 5))

case("rmsNorm", lambda x, w: x / (x.square().mean((-2, -1), keepdim=True) + 0.5).sqrt() * w, randn(2, 2, 3), randn(2, 3))


def grouped(q, k, v):
    k, v = [each.repeat_interleave(2, -3) for each in (k, v)]
    return (q @ k.mT / math.sqrt(3)).softmax(-1) @ v


case("grouped queries", grouped, randn(2, 4, 3, 3), randn(2, 2, 5, 3), randn(2, 2, 5, 2))

case("conv1d in groups, same padding", lambda x, w, b: F.conv1d(x, w, b, padding="same", groups=2, dilation=2), randn(2, 2, 5), randn(4, 1, 4), randn(4))
case("conv1d with stride and padding", lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=2), randn(1, 3, 4), randn(3, 3, 3), randn(3))
case("conv2d in groups", lambda x, w: F.conv2d(x, w, stride=(2, 1), padding=(0, 2), groups=2), randn(2, 4, 5, 3), randn(2, 2, 3, 2))
case("convTranspose1d", lambda x, w, b: F.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1, dilation=2), randn(1, 1, 4), randn(1, 1, 4), randn(1))
case("maxPool1d with ceil", lambda x: F.max_pool1d(x, 3, 2, ceil_mode=True, padding=1), randn(1, 2, 3))
case("maxPool2d", lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True, padding=1), randn(1, 2, 3, 6))
case("avgPool1d with ceil", lambda x: F.avg_pool1d(x, 6, 3, padding=2, ceil_mode=True), randn(1, 3, 9))


def batch_norm(x, mean, variance, weight, bias):
    return F.batch_norm(x, mean.detach().clone(), variance.detach().clone(), weight, bias, training=True)


def instance_norm(x, mean, variance, weight, bias):
    return F.instance_norm(x, mean.detach().clone(), variance.detach().clone(), weight, bias, momentum=-1.2)


case("batchNorm", batch_norm, randn(3, 2, 2), randn(2), randn(2).abs(), randn(2), randn(2))
case("layerNorm", lambda x, w, b: F.layer_norm(x, (2, 3), w, b, 0.5), randn(2, 2, 3), randn(2, 3), randn(2, 3))
case("groupNorm", lambda x, w, b: F.group_norm(x, 2, w, b, 0.5), randn(1, 6, 3), randn(6), randn(6))
case("instanceNorm", instance_norm, randn(3, 2, 4), randn(2), randn(2).abs(), randn(2), randn(2))
case("nllLoss weighted", lambda x, target, w: F.nll_loss(x, target, w.detach()), randn(2, 3), torch.tensor([2, 1]), randn(3).abs())
case("bce with logits", lambda x, target, w: F.binary_cross_entropy_with_logits(x, target, pos_weight=w.detach()), randn(5, 4), randn(5, 4).sigmoid(), randn(4).abs())
case("klDiv", lambda x, target: F.kl_div(x, target, reduction="batchmean", log_target=True), randn(2, 3), randn(2, 3))
case("huberLoss", lambda x, target: F.huber_loss(x, target, reduction="none", delta=0.7), randn(6), randn(6))
case("smoothL1Loss", lambda x, target: F.smooth_l1_loss(x, target, beta=0.8), randn(4, 5), randn(4, 5))
case("binaryCrossEntropy", lambda x, target: F.binary_cross_entropy(x, target.detach()), randn(5).sigmoid(), randn(5).sigmoid())
case("celu", F.celu, 2 * randn(12))
case("selu", F.selu, 2 * randn(12))
case("mish", F.mish, 2 * randn(12))
case("softplus", lambda x: F.softplus(x, 3, 0.2), randn(12))
# Its own derivative has 1/6 in float32.
case("hardsigmoid", lambda x: F.relu6(x + 3) / 6, 3 * randn(12))
case("elu", F.elu, 2 * randn(12))
case("silu", F.silu, 2 * randn(12))
case("logsigmoid", F.logsigmoid, 3 * randn(12))
case("glu", lambda x: F.glu(x, 0), randn(4, 3))
case("cosineSimilarity", lambda x, y: F.cosine_similarity(x, y, dim=0, eps=0.5), randn(4, 3), randn(4, 3))
case("prelu", F.prelu, randn(2, 3, 4), randn(3))

print(json.dumps(cases, indent=1))
