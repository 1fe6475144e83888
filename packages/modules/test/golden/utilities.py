"""What PyTorch's parametrizations, pruning and initialisations without random numbers give.

Writes utilities.json.gz:  python3 utilities.py   (needs PyTorch; made with 1.13)
"""
import gzip
import json
import pathlib
import torch
import torch.nn as nn
import torch.nn.utils.parametrizations as parametrizations
import torch.nn.utils.prune as prune

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
values = {}


def numbers(t):
    return t.detach().tolist()


# Spectral norm: from given vectors, three calls in training and one in evaluation.
spectral = []
for name, shape, dim in (('Linear', (4, 3), None), ('Conv2d', (2, 3, 2, 2), None), ('ConvTranspose2d', (3, 2, 2, 2), None)):
    layer = nn.Linear(3, 4) if name == 'Linear' else getattr(nn, name)(3, 2, 2)
    with torch.no_grad():
        layer.weight.normal_()
    weight = layer.weight.detach().clone()
    parametrizations.spectral_norm(layer, n_power_iterations=2)
    state = layer.parametrizations.weight[0]
    u, v = state._u.clone(), state._v.clone()
    outputs = [numbers(layer.weight) for _ in range(3)]
    layer.eval()
    layer.weight.square().mul(torch.arange(weight.numel()).reshape(weight.shape)).sum().backward()
    spectral.append({'layer': name, 'weight': numbers(weight), 'u': numbers(u), 'v': numbers(v), 'outputs': outputs,
                     'after': [numbers(state._u), numbers(state._v)], 'gradient': numbers(layer.parametrizations.weight.original.grad)})
values['spectralNorm'] = spectral

# Weight norm: g and v, and their gradients.
weight_norm = []
for dim in (0, 1, None):
    layer = nn.Linear(3, 4)
    weight = numbers(layer.weight)
    nn.utils.weight_norm(layer, dim=dim)
    with torch.no_grad():
        layer.weight_g.mul_(2)
        layer.weight_v.add_(0.1)
    layer(torch.ones(1, 3)).square().sum().backward()
    weight_norm.append({'dim': dim, 'weight': weight, 'bias': numbers(layer.bias), 'g': numbers(layer.weight_g),
                        'v': numbers(layer.weight_v), 'value': numbers(layer.weight),
                        'gradients': [numbers(layer.weight_g.grad), numbers(layer.weight_v.grad)]})
values['weightNorm'] = weight_norm

# Orthogonal matrices from given parameters and bases.
orthogonal = []
for map_name, ours in (('matrix_exp', 'matrixExp'), ('cayley', 'cayley'), ('householder', 'householder')):
    for rows, columns in ((3, 3), (5, 3), (3, 5)):
        for trivialization in (True, False):
            layer = nn.Linear(columns, rows)
            parametrizations.orthogonal(layer, orthogonal_map=map_name, use_trivialization=trivialization)
            original = layer.parametrizations.weight.original
            with torch.no_grad():
                drawn = torch.randn(rows, columns)
                if map_name == 'householder':
                    # The diagonal holds signs.
                    drawn.diagonal().copy_(torch.tensor([1.0, -1.0, 1.0]))
                original.copy_(drawn)
            base = layer.parametrizations.weight[0].base if trivialization else None
            layer.weight.mul(torch.arange(15.0)[:rows * columns].reshape(rows, columns)).sum().backward()
            orthogonal.append({'map': ours, 'shape': [rows, columns], 'original': numbers(original),
                               'base': None if base is None else numbers(base), 'value': numbers(layer.weight),
                               'gradient': numbers(original.grad)})
values['orthogonal'] = orthogonal

# Pruning, step after step.
steps = [('l1Unstructured', [0.3], lambda m: prune.l1_unstructured(m, 'weight', 0.3)),
         ('l1Unstructured', [0.5], lambda m: prune.l1_unstructured(m, 'weight', 0.5)),
         ('lnStructured', [0.25, 2, 0], lambda m: prune.ln_structured(m, 'weight', 0.25, 2, 0)),
         ('lnStructured', [1, 1, 1], lambda m: prune.ln_structured(m, 'weight', 1, 1, 1)),
         ('l1Unstructured', [3], lambda m: prune.l1_unstructured(m, 'weight', 3))]
layer = nn.Linear(6, 8)
pruning = {'weight': numbers(layer.weight), 'steps': []}
for name, args, apply in steps:
    apply(layer)
    pruning['steps'].append({'name': name, 'args': args, 'mask': numbers(layer.weight_mask), 'value': numbers(layer.weight)})
values['pruning'] = pruning
first, second = nn.Linear(4, 3), nn.Linear(3, 5)
before = [numbers(first.weight), numbers(second.weight)]
prune.global_unstructured([(first, 'weight'), (second, 'weight')], pruning_method=prune.L1Unstructured, amount=0.4)
values['globalPruning'] = {'weights': before, 'masks': [numbers(first.weight_mask), numbers(second.weight_mask)]}

# Initialisations.
values['dirac'] = [{'shape': list(shape), 'groups': groups, 'value': numbers(nn.init.dirac_(torch.empty(shape), groups))}
                   for shape, groups in (((3, 2, 3), 1), ((4, 2, 3, 2), 2), ((2, 3, 2, 3, 1), 1))]
values['gains'] = {'linear': nn.init.calculate_gain('linear'), 'tanh': nn.init.calculate_gain('tanh'),
                   'relu': nn.init.calculate_gain('relu'), 'leakyRelu': nn.init.calculate_gain('leaky_relu', 0.2),
                   'selu': nn.init.calculate_gain('selu'), 'sigmoid': nn.init.calculate_gain('sigmoid')}

target = pathlib.Path(__file__).with_suffix('.json.gz')
text = json.dumps(json.loads(json.dumps(values), parse_float=lambda s: float(f'{float(s):.12g}')), separators=(',', ':'))
target.write_bytes(gzip.compress((text + '\n').encode(), mtime=0))
print(target.stat().st_size, 'bytes')
