"""Errors of a linear model that hold in small groups, though its errors are not what the model says.

The estimates are those of generalized least squares under a working covariance, one random intercept of
each subject. Their errors come from the residuals themselves (a "sandwich"), so that visits and arms may
differ in spread; each subject's residuals are corrected for having been fitted (CR2), and Student's t has the
degrees of freedom of Satterthwaite's approximation (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018,
doi 10.1080/07350015.2016.1247004). With one row for each subject this is HC2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDING = 1e-9
"""Eigenvalues below this, of a working covariance of 1, are zero but for rounding."""


@dataclass(frozen=True, eq=False)
class Robust:
    """Of a model with p coefficients.

    Attributes
    ----------
    mean, variance, degrees : (p,) float64
        Estimate, its variance, degrees of freedom; these are at least 1.
    """

    mean: Floats
    variance: Floats
    degrees: Floats


def fit_robust(design: Floats, response: Floats, subject: Ints, between: float) -> Robust:
    """Fit a linear model by generalized least squares, with CR2 errors.

    Parameters
    ----------
    design : (N, p) float64
    response : (N,) float64
    subject : (N,) int64
        Rows of one subject are not independent.
    between : float
        Working variance between subjects over that within, 0 or more.

    Returns
    -------
    Robust
    """
    rows = [np.flatnonzero(subject == s) for s in np.unique(subject)]
    working = [np.eye(len(r)) + between for r in rows]
    inverse = [np.linalg.inv(v) for v in working]
    bread = np.linalg.pinv(sum(design[r].T @ w @ design[r] for r, w in zip(rows, inverse, strict=True)))
    mean = bread @ sum(design[r].T @ w @ response[r] for r, w in zip(rows, inverse, strict=True))
    left = response - design @ mean
    size = design.shape[1]
    scores, inner, outer = [], [], []
    for r, v, w in zip(rows, working, inverse, strict=True):
        x = design[r]
        adjusted = _adjustment(v, x @ bread @ x.T) @ w @ x @ bread  # (n, p): of each coefficient
        scores.append(adjusted.T @ left[r])
        inner.append(np.einsum("np,nm,mp->p", adjusted, v, adjusted))
        outer.append(x.T @ adjusted)
    variance = np.square(scores).sum(0)
    degrees = np.empty(size)
    for k in range(size):
        u = np.array([part[:, k] for part in outer])
        covariance = np.diag([part[k] for part in inner]) - u @ bread @ u.T
        degrees[k] = np.trace(covariance) ** 2 / max(float(np.square(covariance).sum()), 1e-300)
    return Robust(mean, variance, np.maximum(degrees, 1.0))


def _adjustment(working: Floats, fitted: Floats) -> Floats:
    """(n, n) matrix that gives a subject's residuals the spread that its errors have."""
    root = np.linalg.cholesky(working).T
    values, vectors = np.linalg.eigh(root @ (working - fitted) @ root.T)
    known = values > ROUNDING
    power = np.where(known, 1 / np.sqrt(np.where(known, values, 1.0)), 0.0)
    return np.asarray(root.T @ (vectors * power) @ vectors.T @ root)
