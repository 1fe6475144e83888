"""What PyTorch makes of extreme numbers, and of wide ranges in the special functions.

Writes extremes.jsonl.gz, in the format of the operator cases:  python3 extremes.py   (needs PyTorch; made with 1.13)
"""
import gzip
import json
import math
import pathlib
import torch

torch.manual_seed(0)
torch.set_num_threads(1)

UNARY = '''abs neg sign sgn signbit square sqrt rsqrt reciprocal ceil floor trunc frac round exp exp2 expm1 log log1p log2
log10 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid logit sinc deg2rad rad2deg angle nan_to_num
isnan isinf isposinf isneginf isfinite logical_not positive erf erfc erfinv lgamma digamma i0
special.erfcx special.ndtr special.ndtri special.log_ndtr special.entr special.i0e special.i1 special.i1e
special.airy_ai special.bessel_j0 special.bessel_j1 special.bessel_y0 special.bessel_y1
special.modified_bessel_i0 special.modified_bessel_i1 special.modified_bessel_k0 special.modified_bessel_k1
special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1 special.spherical_bessel_j0
nn.functional.relu nn.functional.relu6 nn.functional.leaky_relu nn.functional.elu nn.functional.celu
nn.functional.selu nn.functional.gelu nn.functional.silu nn.functional.mish nn.functional.hardtanh
nn.functional.hardsigmoid nn.functional.hardswish nn.functional.hardshrink nn.functional.softshrink
nn.functional.softplus nn.functional.softsign nn.functional.tanhshrink nn.functional.logsigmoid frexp'''.split()
BINARY = '''add sub mul div floor_divide remainder fmod pow float_power atan2 hypot copysign nextafter heaviside xlogy
logaddexp logaddexp2 maximum minimum fmax fmin eq ne lt le gt ge logical_and logical_or logical_xor isclose igamma
igammac special.xlog1py special.zeta'''.split()
POLYNOMIALS = [f'special.{name}' for name in '''chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v
chebyshev_polynomial_w shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v
shifted_chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l
legendre_polynomial_p'''.split()]
SPECIAL = UNARY[UNARY.index('erf'):UNARY.index('nn.functional.relu')]
DTYPES = {'float32': torch.float32, 'float64': torch.float64}


def function(name):
    found = torch
    for part in name.split('.'):
        found = getattr(found, part)
    return found


def extremes(dtype):
    info = torch.finfo(dtype)
    least = torch.nextafter(torch.zeros((), dtype=dtype), torch.ones((), dtype=dtype)).item()
    positive = [0.0, least, info.tiny - least, info.tiny, 1e-20, info.eps / 4, 0.25, 0.5, 1 - info.eps / 2, 1.0,
                1 + info.eps, 1.5, 2.0, 3.0, 30.0, 1e6, 1e20, info.max, math.inf]
    return [math.nan] + positive + [-v for v in positive]


def few(dtype):
    info = torch.finfo(dtype)
    positive = [0.0, info.tiny / 2, info.tiny, 0.5, 1.0, 2.0, 3.0, 1e10, info.max, math.inf]
    return [math.nan] + positive + [-v for v in positive]


def encode(t):
    def number(v):
        if isinstance(v, float) and not math.isfinite(v):
            return 'NaN' if math.isnan(v) else 'Infinity' if v > 0 else '-Infinity'
        return v
    return {'tensor': str(t.dtype).removeprefix('torch.'), 'shape': list(t.shape),
            'data': [number(v) for v in t.flatten().tolist()]}


def case(name, variant, dtype, args):
    out = function(name)(*args)
    outs = [out] if isinstance(out, torch.Tensor) else list(out)
    return {'op': name, 'variant': variant, 'dtype': dtype, 'args': [encode(a) for a in args], 'kwargs': {},
            'out': [encode(o) for o in outs]}


cases = []
for name_of, dtype in DTYPES.items():
    special = torch.tensor(extremes(dtype), dtype=dtype)
    pair = torch.tensor(few(dtype), dtype=dtype)
    for name in UNARY:
        cases.append(case(name, 'extremes', name_of, [special]))
    for name in BINARY:
        cases.append(case(name, 'extremes', name_of, [pair[:, None], pair]))
    wide = torch.logspace(-6, 2.5, 120, dtype=torch.float64).to(dtype)
    wide = torch.cat([wide, -wide])
    for name in SPECIAL:
        inside = torch.linspace(1e-4, 1 - 1e-4, 121, dtype=dtype) if name == 'special.ndtri' else wide
        cases.append(case(name, 'range', name_of, [inside]))
    a = torch.logspace(-3, 4, 36, dtype=torch.float64).to(dtype)
    ratio = torch.logspace(-1.5, 1, 41, dtype=torch.float64).to(dtype)
    for name in ['igamma', 'igammac']:
        cases.append(case(name, 'range', name_of, [a[:, None].expand(36, 41), a[:, None] * ratio]))
    s = torch.tensor([1.01, 1.5, 2, 3, 4.5, 6, 11, 20], dtype=dtype)
    q = torch.cat([torch.logspace(-2, 3, 40, dtype=torch.float64).to(dtype), -torch.linspace(0.3, 40.3, 33, dtype=dtype)])
    cases.append(case('special.zeta', 'range', name_of, [s[:, None], q]))
    x = torch.cat([torch.linspace(-2, 2, 33, dtype=dtype), torch.tensor([-8, -1.0001, 1.0001, 8], dtype=dtype)])
    n = torch.tensor([-1, -0.5, 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 17, 30], dtype=dtype)
    for name in POLYNOMIALS:
        cases.append(case(name, 'range', name_of, [x[:, None], n]))

target = pathlib.Path(__file__).with_suffix('.jsonl.gz')
lines = '\n'.join(json.dumps(c) for c in cases) + '\n'
target.write_bytes(gzip.compress(lines.encode(), mtime=0))
print(len(cases), 'cases', target.stat().st_size, 'bytes')
