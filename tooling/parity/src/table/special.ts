// Special functions: gamma, error and Bessel functions, orthogonal polynomials, Fourier transforms.
import { callTensor } from '../api.ts';
import { custom, type Row, tensor } from '../signature.ts';

/** The cases give the tensor first, then the order of the derivative. */
const polygamma: Row = custom('input n', ({ input, n }) => callTensor('polygamma', [n, input]));

export const special: Readonly<Record<string, Row>> = {
  erf: tensor('erf', 'input'),
  erfc: tensor('erfc', 'input'),
  erfinv: tensor('erfinv', 'input'),
  lgamma: tensor('lgamma', 'input'),
  digamma: tensor('digamma', 'input'),
  polygamma,
  mvlgamma: tensor('mvlgamma', 'input p'),
  igamma: tensor('igamma', 'input other'),
  igammac: tensor('igammac', 'input other'),
  i0: tensor('i0', 'input'),

  stft: tensor(
    'stft',
    'input n_fft | hop_length win_length window center pad_mode normalized onesided return_complex',
  ),
  istft: tensor(
    'istft',
    'input n_fft | hop_length win_length window center normalized onesided length return_complex',
  ),

  'special.polygamma': polygamma,
  'special.erfcx': tensor('special.erfcx', 'input'),
  'special.ndtr': tensor('special.ndtr', 'input'),
  'special.ndtri': tensor('special.ndtri', 'input'),
  'special.log_ndtr': tensor('special.logNdtr', 'input'),
  'special.entr': tensor('special.entr', 'input'),
  'special.xlog1py': tensor('special.xlog1py', 'input other'),
  'special.zeta': tensor('special.zeta', 'input other'),
  'special.i0e': tensor('special.i0e', 'input'),
  'special.i1': tensor('special.i1', 'input'),
  'special.i1e': tensor('special.i1e', 'input'),
  'special.airy_ai': tensor('special.airyAi', 'input'),
  'special.bessel_j0': tensor('special.besselJ0', 'input'),
  'special.bessel_j1': tensor('special.besselJ1', 'input'),
  'special.bessel_y0': tensor('special.besselY0', 'input'),
  'special.bessel_y1': tensor('special.besselY1', 'input'),
  'special.modified_bessel_i0': tensor('special.modifiedBesselI0', 'input'),
  'special.modified_bessel_i1': tensor('special.modifiedBesselI1', 'input'),
  'special.modified_bessel_k0': tensor('special.modifiedBesselK0', 'input'),
  'special.modified_bessel_k1': tensor('special.modifiedBesselK1', 'input'),
  'special.scaled_modified_bessel_k0': tensor('special.scaledModifiedBesselK0', 'input'),
  'special.scaled_modified_bessel_k1': tensor('special.scaledModifiedBesselK1', 'input'),
  'special.spherical_bessel_j0': tensor('special.sphericalBesselJ0', 'input'),
  'special.chebyshev_polynomial_t': tensor('special.chebyshevPolynomialT', 'input n'),
  'special.chebyshev_polynomial_u': tensor('special.chebyshevPolynomialU', 'input n'),
  'special.chebyshev_polynomial_v': tensor('special.chebyshevPolynomialV', 'input n'),
  'special.chebyshev_polynomial_w': tensor('special.chebyshevPolynomialW', 'input n'),
  'special.hermite_polynomial_h': tensor('special.hermitePolynomialH', 'input n'),
  'special.hermite_polynomial_he': tensor('special.hermitePolynomialHe', 'input n'),
  'special.laguerre_polynomial_l': tensor('special.laguerrePolynomialL', 'input n'),
  'special.legendre_polynomial_p': tensor('special.legendrePolynomialP', 'input n'),
  'special.shifted_chebyshev_polynomial_t': tensor('special.shiftedChebyshevPolynomialT', 'input n'),
  'special.shifted_chebyshev_polynomial_u': tensor('special.shiftedChebyshevPolynomialU', 'input n'),
  'special.shifted_chebyshev_polynomial_v': tensor('special.shiftedChebyshevPolynomialV', 'input n'),
  'special.shifted_chebyshev_polynomial_w': tensor('special.shiftedChebyshevPolynomialW', 'input n'),
};
