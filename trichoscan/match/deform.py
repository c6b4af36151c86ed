"""How the skin moved, from pairs of roots: a linear part and a smooth rest, both with uncertainty.

The displacement of M points is Gaussian: six linear terms (shift, turn, scale, two shears) with normal
priors, a smooth field with a squared-exponential covariance, and independent error of each root. All that
is asked of it is then exact linear algebra: the most likely map, its standard deviation, and how likely
the pairs are altogether (Rasmussen & Williams 2006, section 2.7, explicit basis functions).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular

Floats = NDArray[np.float64]

REACH_UM = 1800.0
"""Over this length the stretch of the skin changes: a third of a microscope's field."""
SHEAR_SD = 0.03
"""SD of each shear term: skin gives by some percent when it is drawn flat."""
JITTERS_UM = (8.0, 18.0, 32.0)
"""SD of a root about the map, either axis, both detections together: a photo taken again without any
change, roots as found on real photos (21 um median distance), hair combed anew."""
BENDS_UM = (25.0, 60.0, 120.0)
"""SD of the smooth displacement, which strains the skin by about 1.4, 3.3 and 6.7 %: skin under a contact
lens gives by some percent."""


@dataclass(frozen=True)
class Prior:
    """Before any pair is seen.

    Attributes
    ----------
    shift_sd_um, turn_sd_rad, log_scale_sd : float
        Of the linear part, about the similarity that displacements are counted from.
    """

    shift_sd_um: float
    turn_sd_rad: float
    log_scale_sd: float


@dataclass(frozen=True, eq=False)
class Deformation:
    """Displacement of the skin about a similarity, learned from M pairs.

    Attributes
    ----------
    at_um : (M, 2) float64
        Points where it was seen, follow-up um, as the similarity takes them there.
    jitter_um, bend_um : float
        Of `JITTERS_UM` and `BENDS_UM`, the likeliest.
    weights : (2 M,) float64
        Inverse covariance times what was seen; x of all points, then y.
    factor : (2 M, 2 M) float64
        Lower Cholesky factor of the covariance.
    prior : Prior
    log_likelihood : float
        Log density, per um**2 for each pair, of what was seen, averaged over jitters and bends.
    """

    at_um: Floats
    jitter_um: float
    bend_um: float
    weights: Floats
    factor: Floats
    prior: Prior
    log_likelihood: float

    def displacement(self, points_um: Floats) -> Floats:
        """(N, 2) um, mean displacement at (N, 2) points."""
        cross = _covariance(points_um, self.at_um, self.bend_um, self.prior)
        return (cross @ self.weights).reshape(2, -1).T

    def sd_um(self, points_um: Floats) -> Floats:
        """(N,) SD of the displacement at (N, 2) points along either axis."""
        cross = _covariance(points_um, self.at_um, self.bend_um, self.prior)
        explained = solve_triangular(self.factor, cross.T, lower=True)
        left = _variance(points_um, self.bend_um, self.prior) - np.square(explained).sum(0)
        return np.sqrt(np.maximum(left.reshape(2, -1).mean(0), 0.0))


def fit_deformation(
    at_um: Floats, displacement_um: Floats, prior: Prior, fixed: tuple[float, float] | None = None
) -> Deformation:
    """Learn the displacement from M pairs.

    Parameters
    ----------
    at_um, displacement_um : (M, 2) float64
    prior : Prior
    fixed : (jitter, bend), optional
        SDs in um instead of the likeliest of `JITTERS_UM` and `BENDS_UM`.

    Returns
    -------
    Deformation
    """
    seen = displacement_um.T.ravel()
    linear = _linear_covariance(at_um, at_um, prior)
    smooth = _kernel(at_um, at_um)
    tried = []
    pairs = [fixed] if fixed is not None else [(j, b) for j in JITTERS_UM for b in BENDS_UM]
    for jitter, bend in pairs:
        covariance = linear + np.kron(np.eye(2), bend**2 * smooth)
        covariance[np.diag_indices_from(covariance)] += jitter**2
        factor = cho_factor(covariance, lower=True)
        weights = cho_solve(factor, seen)
        log_det = 2 * np.log(np.diag(factor[0])).sum()
        fit = -0.5 * (seen @ weights + log_det + len(seen) * np.log(2 * np.pi))
        tried.append((float(fit), jitter, bend, weights, factor[0]))
    best = max(tried, key=lambda one: one[0])
    fits = np.array([one[0] for one in tried])
    log_likelihood = float(fits.max() + np.log(np.exp(fits - fits.max()).mean()))
    return Deformation(at_um, best[1], best[2], best[3], np.tril(best[4]), prior, log_likelihood)


def _kernel(first_um: Floats, second_um: Floats) -> Floats:
    apart = first_um[:, None] - second_um[None]
    return np.exp(-0.5 * np.square(apart).sum(-1) / REACH_UM**2)


def _basis(points_um: Floats) -> Floats:
    """(2 N, 6) what one unit of shift x and y, turn, log scale and either shear does to x, then y."""
    x, y = points_um.T
    one, none = np.ones(len(x)), np.zeros(len(x))
    along = np.stack([one, none, -y, x, x, y], -1)
    across = np.stack([none, one, x, y, -y, x], -1)
    return np.concatenate([along, across])


def _prior_sd(prior: Prior) -> Floats:
    return np.array(
        [
            prior.shift_sd_um,
            prior.shift_sd_um,
            prior.turn_sd_rad,
            prior.log_scale_sd,
            SHEAR_SD,
            SHEAR_SD,
        ]
    )


def _linear_covariance(first_um: Floats, second_um: Floats, prior: Prior) -> Floats:
    sd = _prior_sd(prior)
    return (_basis(first_um) * sd) @ (_basis(second_um) * sd).T


def _covariance(first_um: Floats, second_um: Floats, bend_um: float, prior: Prior) -> Floats:
    smooth = np.kron(np.eye(2), bend_um**2 * _kernel(first_um, second_um))
    return _linear_covariance(first_um, second_um, prior) + smooth


def _variance(points_um: Floats, bend_um: float, prior: Prior) -> Floats:
    """(2 N,) of the displacement before anything is seen."""
    return np.square(_basis(points_um) * _prior_sd(prior)).sum(1) + bend_um**2
