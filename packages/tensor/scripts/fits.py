"""Chebyshev expansions of the special functions of src/special, computed with mpmath to 40 digits.

Writes src/special/coefficients/*.ts:  python3 fits.py   (needs mpmath)
"""
import pathlib
from mpmath import (mp, mpf, airyai, airybi, besseli, besselj, besselk, bessely, cos, digamma, erfc, exp, findroot, log,
                    loggamma, pi, polygamma, sin, sqrt)

mp.dps = 40
TARGET = pathlib.Path(__file__).parent.parent / 'src' / 'special' / 'coefficients'


def literal(value):
    """The shortest decimal of the nearest float64."""
    return repr(float(value))


def chebyshev(f, count=64):
    """Coefficients of f on [-1, 1], the first halved, cut off where they no longer matter in float64."""
    nodes = [cos(pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    values = [f(t) for t in nodes]
    c = [sum(v * cos(j * pi * (2 * k + 1) / (2 * count)) for k, v in enumerate(values)) * 2 / count
         for j in range(count)]
    c[0] /= 2
    scale = min(abs(v) for v in values[:: max(1, count // 32)])
    scale = max(abs(v) for v in values) if scale < max(abs(v) for v in values) / 64 else scale
    last = max(j for j in range(count) if abs(c[j]) > scale * mpf(2) ** -55)
    return c[: last + 1]


def between(low, high):
    """The map of [-1, 1] to [low, high]."""
    return lambda t: low + (high - low) * (t + 1) / 2


def on(f, low, high):
    at = between(mpf(low), mpf(high))
    return lambda t: f(at(t))


def of_inverse(f, start, power=1):
    """f of x >= start as a function of (start / x)^power in [0, 1]."""
    def g(t):
        u = (t + 1) / 2
        return f(start / u ** (mpf(1) / power))
    return g


digamma_root = findroot(digamma, 1.4616)


def core(f, zeros):
    """f divided by its zeros."""
    def g(x):
        d = mpf(1)
        for z in zeros:
            d *= x - z
        return f(x) / d
    return g


def phase(x, order):
    return x - pi / 4 - order * pi / 2


def p_of(order):
    return lambda x: sqrt(pi * x / 2) * (besselj(order, x) * cos(phase(x, order)) + bessely(order, x) * sin(phase(x, order)))


def q_of(order):
    return lambda x: x * sqrt(pi * x / 2) * (bessely(order, x) * cos(phase(x, order)) - besselj(order, x) * sin(phase(x, order)))


def airy_zeta(x):
    return mpf(2) / 3 * x * sqrt(x)


def airy_x(z):
    return (z * 3 / 2) ** (mpf(2) / 3)


def airy_p(z):
    """Ai(-x) = (cos(z - π/4) p + sin(z - π/4) q) / (√π x^¼), Bi(-x) = (-sin p + cos q)."""
    x = airy_x(z)
    s = sqrt(pi) * x ** mpf('0.25')
    return s * (airyai(-x) * cos(z - pi / 4) - airybi(-x) * sin(z - pi / 4))


def airy_q(z):
    x = airy_x(z)
    s = sqrt(pi) * x ** mpf('0.25')
    return z * s * (airyai(-x) * sin(z - pi / 4) + airybi(-x) * cos(z - pi / 4))


def erfcx_scaled(t):
    x = mpf('3.75') * (1 + t) / (1 - t)
    return (1 + 2 * x) * exp(x * x) * erfc(x) if x < 60 else (1 + 2 * x) / (x * sqrt(pi)) * sum(
        (-1) ** k * mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(14))


fits = {
    'gamma': {
        'lgammaCore': ('lgamma(x) / ((x - 1) (x - 2)) in x - 2, 1 <= x <= 3', on(core(loggamma, [1, 2]), 1, 3)),
        'lgammaTail': ('x (lgamma(x) - (x - 1/2) log x + x - log(2π) / 2) in 18 / x² - 1, x >= 3',
                       of_inverse(lambda x: x * (loggamma(x) - (x - mpf(1) / 2) * log(x) + x - log(2 * pi) / 2), 3, 2)),
        'digammaCore': ('digamma(x) / (x - root) in x - 2, 1 <= x <= 3', on(core(digamma, [digamma_root]), 1, 3)),
        'digammaTail': ('x² (log x - 1 / (2x) - digamma(x)) in 18 / x² - 1, x >= 3',
                        of_inverse(lambda x: x * x * (log(x) - 1 / (2 * x) - digamma(x)), 3, 2)),
        'trigammaCore': ('trigamma(x) in x - 2, 1 <= x <= 3', on(lambda x: polygamma(1, x), 1, 3)),
        'trigammaTail': ('x³ (trigamma(x) - 1 / x - 1 / (2x²)) in 18 / x² - 1, x >= 3',
                         of_inverse(lambda x: x ** 3 * (polygamma(1, x) - 1 / x - 1 / (2 * x * x)), 3, 2)),
    },
    'modified-bessel': {
        'i0Near': ('exp(-x) I0(x) in x / 4 - 1, 0 <= x <= 8', on(lambda x: exp(-x) * besseli(0, x), 0, 8)),
        'i0Far': ('√x exp(-x) I0(x) in 16 / x - 1, x >= 8', of_inverse(lambda x: sqrt(x) * exp(-x) * besseli(0, x), 8)),
        'i1Near': ('exp(-x) I1(x) / x in x / 4 - 1, 0 <= x <= 8', on(lambda x: exp(-x) * besseli(1, x) / x, 0, 8)),
        'i1Far': ('√x exp(-x) I1(x) in 16 / x - 1, x >= 8', of_inverse(lambda x: sqrt(x) * exp(-x) * besseli(1, x), 8)),
        'k0Near': ('K0(x) + log(x / 2) I0(x) in x² / 2 - 1, 0 < x <= 2',
                   on(lambda s: besselk(0, sqrt(s)) + log(sqrt(s) / 2) * besseli(0, sqrt(s)), 0, 4)),
        'k0Far': ('√x exp(x) K0(x) in 4 / x - 1, x >= 2', of_inverse(lambda x: sqrt(x) * exp(x) * besselk(0, x), 2)),
        'k1Near': ('x (K1(x) - log(x / 2) I1(x)) in x² / 2 - 1, 0 < x <= 2',
                   on(lambda s: sqrt(s) * (besselk(1, sqrt(s)) - log(sqrt(s) / 2) * besseli(1, sqrt(s))), 0, 4)),
        'k1Far': ('√x exp(x) K1(x) in 4 / x - 1, x >= 2', of_inverse(lambda x: sqrt(x) * exp(x) * besselk(1, x), 2)),
        'i0Small': ('I0(x) in x² / 2 - 1, x <= 2', on(lambda s: besseli(0, sqrt(s)), 0, 4)),
        'i1Small': ('I1(x) / x in x² / 2 - 1, x <= 2', on(lambda s: besseli(1, sqrt(s)) / sqrt(s), 0, 4)),
    },
    'bessel': {
        'j0Near': ('J0(x) in x² / 32 - 1, 0 <= x <= 8', on(lambda s: besselj(0, sqrt(s)), 0, 64)),
        'j1Near': ('J1(x) / x in x² / 32 - 1, 0 <= x <= 8', on(lambda s: besselj(1, sqrt(s)) / sqrt(s), 0, 64)),
        'y0Near': ('Y0(x) - 2 / π log(x) J0(x) in x² / 32 - 1, 0 < x <= 8',
                   on(lambda s: bessely(0, sqrt(s)) - 2 / pi * log(sqrt(s)) * besselj(0, sqrt(s)), 0, 64)),
        'y1Near': ('(Y1(x) - 2 / π (log(x) J1(x) - 1 / x)) / x in x² / 32 - 1, 0 < x <= 8',
                   on(lambda s: (bessely(1, sqrt(s)) - 2 / pi * (log(sqrt(s)) * besselj(1, sqrt(s)) - 1 / sqrt(s))) / sqrt(s), 0, 64)),
        'p0': ('P of order 0 (DLMF 10.17) in 128 / x² - 1, x >= 8', of_inverse(p_of(0), 8, 2)),
        'q0': ('x Q of order 0', of_inverse(q_of(0), 8, 2)),
        'p1': ('P of order 1', of_inverse(p_of(1), 8, 2)),
        'q1': ('x Q of order 1', of_inverse(q_of(1), 8, 2)),
    },
    'airy': {
        'airyMiddle': ('Ai(x) in (x + 1) / 3, -4 <= x <= 2', on(airyai, -4, 2)),
        'airyRight': ('√π x^¼ exp(ζ) Ai(x), ζ = ⅔ x^(3/2), in 2 ζ(2) / ζ - 1, x >= 2',
                      of_inverse(lambda z: 2 * sqrt(pi) * airy_x(z) ** mpf('0.25') * exp(z) * airyai(airy_x(z)) / 2, airy_zeta(mpf(2)))),
        'airyLeftCosine': ('What multiplies cos(ζ - π/4) in √π |x|^¼ Ai(x), in 2 (ζ(4) / ζ)² - 1, x <= -4',
                           of_inverse(airy_p, airy_zeta(mpf(4)), 2)),
        'airyLeftSine': ('ζ times what multiplies sin(ζ - π/4)', of_inverse(airy_q, airy_zeta(mpf(4)), 2)),
    },
    'erfcx': {
        'erfcxRight': ('(1 + 2x) erfcx(x) in (x - 3.75) / (x + 3.75), x >= 0 (Shepherd and Laframboise 1981)', erfcx_scaled),
    },
}

def temme(reach, smallest):
    """
    Taylor coefficients in η of the C_k in Temme's expansion of the incomplete gamma function (DLMF 8.12), as far as
    they matter in float64 for |η| <= reach and a >= smallest.
    """
    size = 80
    # μ = λ - 1 as a series in η: μ μ' = η (1 + μ).
    alpha = [mpf(0), mpf(1)]
    for n in range(2, size):
        known = sum(alpha[i] * alpha[n + 1 - i] * (n + 1 - i) for i in range(2, n))
        alpha.append((alpha[n - 1] - known) / (n + 1))
    # η / μ = 1 + ...
    ratio = [mpf(1)]
    for n in range(1, size - 1):
        ratio.append(-sum(alpha[i + 1] * ratio[n - i] for i in range(1, n + 1)))
    c = ratio[1:]
    table = []
    while True:
        k = len(table)
        kept = [i for i, v in enumerate(c) if abs(v) * mpf(reach) ** i / mpf(smallest) ** k > mpf(2) ** -54]
        if not kept:
            return table
        table.append(c[: kept[-1] + 1])
        # C_{k+1} = C_k' / η - C_k'(0) / μ.
        slope = [(i + 1) * c[i + 1] for i in range(len(c) - 1)]
        c = [slope[i + 1] - slope[0] * ratio[i + 1] for i in range(len(slope) - 1)]


if __name__ == '__main__':
    TARGET.mkdir(parents=True, exist_ok=True)
    for file, entries in fits.items():
        lines = ['// Chebyshev coefficients, by scripts/fits.py.']
        for name, (comment, f) in entries.items():
            c = chebyshev(f)
            print(file, name, len(c), mp.nstr(abs(c[-1]), 3))
            body = ', '.join(literal(v) for v in c)
            lines += ['', f'/** {comment}. */', f'export const {name}: readonly number[] = [{body}];']
        (TARGET / f'{file}.ts').write_text('\n'.join(lines) + '\n')
    rows = [', '.join(literal(v) for v in row) for row in temme('0.79', 20)]
    print('temme', [len(row.split(',')) for row in rows])
    text = ''.join(f'[{row}],\n' for row in rows)
    (TARGET / 'temme.ts').write_text(
        '// Temme\'s uniform expansion of the incomplete gamma functions, by scripts/fits.py.\n\n'
        '/** C_k(η) of DLMF 8.12 as series in η, for |η| < 0.79 and a > 20. */\n'
        f'export const temmeCoefficients: readonly (readonly number[])[] = [\n{text}];\n')
