"""What PyTorch's recurrent layers, attention and transformers give, in float64.

python3 sequences.py ../test/golden/sequences.jsonl.gz (made with PyTorch 1.13.1)

Each line is a case: a module's arguments, options and state, the inputs of a call, its outputs, and the gradients of
inputs and parameters for cotangents cos(0), cos(1), ... of all elements of all outputs.
"""

import gzip
import json
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

torch.manual_seed(0)
cases = []


def randn(*shape):
    # Two decimals, which are short, and exact in the file.
    return torch.randn(*shape, dtype=torch.float64).mul(100).round().div(100)


def encoded(x):
    if isinstance(x, torch.Tensor):
        dtype = {torch.float64: "float", torch.bool: "bool"}[x.dtype]
        values = x.detach().double().flatten().tolist()
        data = ["-Infinity" if v == float("-inf") else float(f"{v:.9g}") for v in values]
        return {"dtype": dtype, "shape": list(x.shape), "data": data}
    if isinstance(x, (tuple, list)):
        return [encoded(each) for each in x]
    if isinstance(x, dict):
        return {name: encoded(each) for name, each in x.items()}
    return x


def flat(outputs):
    if isinstance(outputs, PackedSequence):
        return [outputs.data]
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [x for each in outputs if each is not None for x in flat(each)]


def case(title, make, args, kwargs, inputs, call=None, lengths=None, training=True):
    """`make` builds the module from args and kwargs; `lengths` packs the first input, in any order."""
    call = call or {}
    module = make(*args, **kwargs).double().train(training)
    for parameter in module.parameters():
        parameter.data = randn(*parameter.shape).clamp(-1, 1)
    leaves = []

    def leaf(x):
        if isinstance(x, (tuple, list)):
            return tuple(leaf(each) for each in x)
        if x is not None and x.is_floating_point():
            leaves.append(x.requires_grad_())
        return x

    given = [leaf(x) for x in inputs]
    first, *rest = given
    if lengths is not None:
        first = pack_padded_sequence(first, lengths, kwargs.get("batch_first", False), enforce_sorted=False)
    outputs = flat(module(first, *rest, **call))
    joined = torch.cat([x.flatten() for x in outputs])
    cotangent = torch.cos(torch.arange(joined.numel(), dtype=torch.float64))
    parameters = dict(module.named_parameters())
    gradients = torch.autograd.grad(joined, [*leaves, *parameters.values()], cotangent, allow_unused=True)
    cases.append(
        {
            "title": title,
            "module": type(module).__name__,
            "args": args if make is type(module) else [],
            "options": kwargs if make is type(module) else {},
            "training": training,
            "state": encoded(module.state_dict()),
            "parameters": list(parameters),
            "inputs": encoded(given),
            "lengths": lengths,
            "call": encoded(call),
            "outputs": encoded(outputs),
            "gradients": encoded(gradients),
        }
    )


def states(kind, layers, batch, hidden, projected=0):
    shape = [layers] + ([] if batch is None else [batch])
    hidden_state = randn(*shape, projected or hidden)
    return (hidden_state, randn(*shape, hidden)) if kind is nn.LSTM else hidden_state


kinds = [("RNN tanh", nn.RNN, {}), ("RNN relu", nn.RNN, {"nonlinearity": "relu"}), ("GRU", nn.GRU, {})]
kinds += [("LSTM", nn.LSTM, {}), ("LSTM projected", nn.LSTM, {"proj_size": 2})]
for name, kind, own in kinds:
    projected = own.get("proj_size", 0)

    def more(**options):
        return {**own, **options}

    case(f"{name}, one layer", kind, [2, 3], more(), [randn(4, 2, 2)])
    both = more(num_layers=2, bidirectional=True)
    case(
        f"{name}, two layers in both directions with states",
        *(kind, [2, 3], both, [randn(3, 2, 2), states(kind, 4, 2, 3, projected)]),
    )
    case(
        f"{name}, batch first without bias",
        *(kind, [2, 3], more(bias=False, batch_first=True), [randn(2, 3, 2), states(kind, 1, 2, 3, projected)]),
    )
    case(
        f"{name}, without batch",
        *(kind, [2, 3], more(bidirectional=True), [randn(3, 2), states(kind, 2, None, 3, projected)]),
    )
    case(f"{name}, packed", kind, [2, 3], more(), [randn(4, 3, 2)], lengths=[4, 2, 1])
    case(
        f"{name}, packed, unsorted, both directions with states",
        *(kind, [2, 3], both, [randn(5, 4, 2), states(kind, 4, 4, 3, projected)]),
        lengths=[2, 5, 1, 2],
    )
    case(
        f"{name}, packed, batch first, evaluating with dropout",
        *(kind, [2, 3], more(num_layers=2, batch_first=True, dropout=0.5), [randn(3, 3, 2)]),
        lengths=[2, 2, 3],
        training=False,
    )

for name, kind, own in [
    ("RNNCell", nn.RNNCell, {}),
    ("RNNCell relu", nn.RNNCell, {"nonlinearity": "relu"}),
    ("GRUCell", nn.GRUCell, {}),
    ("LSTMCell", nn.LSTMCell, {}),
]:
    pair = kind is nn.LSTMCell
    case(f"{name} with a state", kind, [2, 3], own, [randn(2, 2), (randn(2, 3), randn(2, 3)) if pair else randn(2, 3)])
    case(f"{name} without bias, state or batch", kind, [2, 3], {**own, "bias": False}, [randn(2)])

attention = nn.MultiheadAttention
future = torch.triu(torch.ones(3, 3, dtype=torch.bool), 1)
padded = torch.tensor([[False, False, True], [False, False, False]])
x = randn(3, 2, 4)


def qkv(query, key, value):
    return [randn(*query), randn(*key), randn(*value)]


case("attention", attention, [4, 2], {}, qkv([3, 2, 4], [5, 2, 4], [5, 2, 4]))
case(
    "attention, other sizes of keys and values, no average",
    *(attention, [4, 2], {"kdim": 3, "vdim": 5, "bias": False}, qkv([3, 2, 4], [2, 2, 3], [2, 2, 5])),
    call={"average_attn_weights": False},
)
case(
    "attention, batch first, added keys, masks",
    *(attention, [4, 2], {"batch_first": True, "add_bias_kv": True, "add_zero_attn": True}),
    qkv([2, 3, 4], [2, 3, 4], [2, 3, 4]),
    call={"attn_mask": future, "key_padding_mask": padded},
)
case(
    "attention, float mask of each head, padding",
    *(attention, [4, 2], {"kdim": 3}, qkv([3, 2, 4], [3, 2, 3], [3, 2, 4])),
    call={"attn_mask": randn(4, 3, 3), "key_padding_mask": padded},
)
case(
    "attention without batch and weights",
    *(attention, [4, 2], {"add_bias_kv": True}, qkv([3, 4], [3, 4], [3, 4])),
    call={"attn_mask": future, "need_weights": False},
)

encoder_layer, decoder_layer = nn.TransformerEncoderLayer, nn.TransformerDecoderLayer
small = {"dim_feedforward": 5, "dropout": 0.0}
case(
    "encoder layer with masks",
    *(encoder_layer, [4, 2], small, [randn(3, 2, 4)]),
    call={"src_mask": future, "src_key_padding_mask": padded},
)
case(
    "encoder layer, norm first, gelu, batch first, eps",
    *(encoder_layer, [4, 2]),
    {**small, "norm_first": True, "activation": "gelu", "batch_first": True, "layer_norm_eps": 0.1},
    [randn(2, 3, 4)],
)
case("encoder layer, evaluating with dropout", encoder_layer, [4, 2], {"dim_feedforward": 5}, [randn(3, 4)], training=False)
case(
    "decoder layer with masks",
    *(decoder_layer, [4, 2], small, [randn(3, 2, 4), randn(2, 2, 4)]),
    call={
        "tgt_mask": future,
        "memory_mask": randn(3, 2),
        "tgt_key_padding_mask": padded,
        "memory_key_padding_mask": padded[:, 1:],
    },
)
case(
    "decoder layer, norm first, gelu, batch first, eps",
    *(decoder_layer, [4, 2]),
    {**small, "norm_first": True, "activation": "gelu", "batch_first": True, "layer_norm_eps": 0.1},
    [randn(2, 3, 4), randn(2, 2, 4)],
)


def encoder():
    return nn.TransformerEncoder(encoder_layer(4, 2, **small), 2, nn.LayerNorm(4))


def decoder():
    return nn.TransformerDecoder(decoder_layer(4, 2, **small), 2, nn.LayerNorm(4))


case("encoder", encoder, [], {}, [randn(3, 2, 4)], call={"mask": future, "src_key_padding_mask": padded})
case("decoder", decoder, [], {}, [randn(3, 2, 4), randn(2, 2, 4)], call={"tgt_mask": future})

layers = {"d_model": 4, "nhead": 2, "num_encoder_layers": 2, "num_decoder_layers": 2, **small}
subsequent = nn.Transformer.generate_square_subsequent_mask(3).double()
case(
    "transformer with masks",
    *(nn.Transformer, [], layers, [randn(2, 2, 4), randn(3, 2, 4)]),
    call={
        "tgt_mask": subsequent,
        "src_key_padding_mask": padded[:, 1:],
        "memory_key_padding_mask": padded[:, 1:],
    },
)
case(
    "transformer, norm first, gelu, batch first",
    *(nn.Transformer, []),
    {**layers, "num_decoder_layers": 1, "norm_first": True, "activation": "gelu", "batch_first": True},
    [randn(2, 2, 4), randn(2, 3, 4)],
)
case("transformer without batch", nn.Transformer, [], layers, [randn(2, 4), randn(3, 4)], training=False)

# The same bytes each time.
with open(sys.argv[1], "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
    packed.write("".join(json.dumps(each) + "\n" for each in cases).encode())
