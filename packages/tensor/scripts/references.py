"""Values of the special functions to float64's precision, by mpmath.

Writes ../test/special-references.json:  python3 references.py   (needs mpmath)
"""
import json
import pathlib
from mpmath import (airyai, besseli, besselj, besselk, bessely, digamma, erfc, exp, gammainc, hermite, laguerre,
                    legendre, log, loggamma, mp, mpf, ncdf, polygamma, sqrt, zeta)

mp.dps = 50
positive = [1e-9, 0.01, 0.3, 0.9, 1.1, 1.4, 1.9, 2.1, 2.9, 3.1, 4.7, 6.2, 7.9, 8.1, 12.5, 33.3, 150.7, 1234.5]
both = positive + [-x for x in positive]
small = [x for x in both if abs(x) < 40]

unary = {
    'gammaln': (both, lambda x: loggamma(x).real),
    'digamma': (both, digamma),
    'besselJ0': (both, lambda x: besselj(0, x)),
    'besselJ1': (both, lambda x: besselj(1, x)),
    'besselY0': (positive, lambda x: bessely(0, x)),
    'besselY1': (positive, lambda x: bessely(1, x)),
    'i0e': (both, lambda x: besseli(0, x) * exp(-abs(x))),
    'i1e': (both, lambda x: besseli(1, x) * exp(-abs(x))),
    'i0': (small, lambda x: besseli(0, x)),
    'i1': (small, lambda x: besseli(1, x)),
    'modifiedBesselK0': (positive, lambda x: besselk(0, x)),
    'modifiedBesselK1': (positive, lambda x: besselk(1, x)),
    'scaledModifiedBesselK0': (positive, lambda x: besselk(0, x) * exp(x)),
    'scaledModifiedBesselK1': (positive, lambda x: besselk(1, x) * exp(x)),
    'airyAi': ([x for x in both if -40 < x < 60], airyai),
    'erfcx': ([x for x in both if -20 < x < 1e3], lambda x: exp(x * x) * erfc(x)),
    'logNdtr': ([x for x in both if x < 9], lambda x: log(ncdf(x) if x > -5 else erfc(-x / sqrt(mpf(2))) / 2)),
}
lower = lambda a, x: gammainc(a, 0, x, regularized=True)
upper = lambda a, x: gammainc(a, x, regularized=True)
pairs = [(a, a * r) for a in [0.001, 0.2, 0.9, 1.5, 4.5, 19.0, 21.0, 60.0, 250.0, 3000.0]
         for r in [0.1, 0.45, 0.7, 0.97, 1.0, 1.05, 1.4, 1.9, 2.3, 6.0]]
binary = {
    'gammainc': (pairs, lower),
    'gammaincc': (pairs, upper),
    'zeta': ([(s, q) for s in [1.001, 1.5, 2, 5.5, 20] for q in [0.01, 0.7, 1, 3.3, 40.4, 1e4]], zeta),
    'legendrePolynomialP': ([(x, n) for x in [-3.3, -0.4, 0.99, 1.2] for n in [2, 5, 20, 50]], lambda x, n: legendre(n, x)),
    'laguerrePolynomialL': ([(x, n) for x in [-3.3, 0.4, 7.7] for n in [2, 5, 20]], lambda x, n: laguerre(n, 0, x)),
    'hermitePolynomialH': ([(x, n) for x in [-3.3, 0.4, 7.7] for n in [2, 5, 20]], lambda x, n: hermite(n, x)),
}
derivatives = {str(n): [[x, float(polygamma(n, mpf(x)))] for x in [-7.3, -2.6, -0.4, 0.2, 1.7, 2.9, 5.5, 40.0]]
               for n in [1, 2, 3, 6]}

table = {
    'unary': {name: [[x, float(f(mpf(x)))] for x in xs] for name, (xs, f) in unary.items()},
    'binary': {name: [[a, b, float(f(mpf(a), mpf(b)))] for a, b in ps] for name, (ps, f) in binary.items()},
    'polygamma': derivatives,
}
target = pathlib.Path(__file__).parent.parent / 'test' / 'special-references.json'
target.write_text(json.dumps(table).replace('], "', '],\n"') + '\n')
