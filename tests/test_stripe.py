import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from trichoscan.measure.stripe import (
    AMOUNT,
    C0,
    C1,
    C2,
    GLOSS,
    GLOSS_SD,
    LEFT,
    LOG_BLUR,
    NEXT_LEFT,
    NEXT_RIGHT,
    PARAMETERS,
    PLACE,
    RIGHT,
    SHADE,
    SKIN,
    SLOPE,
    WITH_NEIGHBOURS,
    decoded,
    encoded,
    model,
    smoothing,
)  # fmt: skip

T = np.arange(-16, 16.01, 0.5)
SMOOTH = smoothing(T, 1.3)


def some(straight, count=6, seed=0):
    rng = np.random.default_rng(seed)
    p = np.zeros((count, WITH_NEIGHBOURS))
    p[:, LEFT], p[:, RIGHT] = -rng.uniform(1, 6, count), rng.uniform(1, 6, count)
    p[:, SKIN], p[:, SLOPE] = rng.uniform(0.2, 0.4, count), rng.normal(0, 0.002, count)
    p[:, LOG_BLUR], p[:, AMOUNT] = np.log(rng.uniform(0.6, 2.5, count)), rng.uniform(0, 1, count)
    p[:, C0] = -0.6 * p[:, SKIN]
    p[:, [C1, C2]], p[:, GLOSS] = rng.normal(0, 0.03, (count, 2)), rng.uniform(0, 0.2, count)
    p[:, PLACE] = rng.uniform(-0.4, 0.4, count)
    p[:, SHADE] = rng.uniform(0, 0.05, count)
    p[:, NEXT_LEFT], p[:, NEXT_RIGHT] = -rng.uniform(7, 9, count), rng.uniform(7, 9, count)
    p[:, WITH_NEIGHBOURS - 2 :] = -0.5 * p[:, [SKIN]]
    return p, np.full(count, straight)


@pytest.mark.parametrize("straight", [False, True])
@pytest.mark.parametrize("parameters", [PARAMETERS, WITH_NEIGHBOURS])
def test_derivatives_are_those_of_the_model(straight, parameters):
    p, straights = some(straight)
    p = p[:, :parameters]
    _, slopes = model(T, p, straights, SMOOTH, 11.0)
    step = 1e-5
    for k in range(parameters):
        ahead, behind = p.copy(), p.copy()
        ahead[:, k], behind[:, k] = p[:, k] + step, p[:, k] - step
        rise = (
            model(T, ahead, straights, SMOOTH, 11.0)[0] - model(T, behind, straights, SMOOTH, 11.0)[0]
        ) / (2 * step)
        np.testing.assert_allclose(slopes[:, k], rise, atol=2e-6 * max(1, np.abs(rise).max()))


def test_light_is_blurred_and_then_encoded():
    fine = np.arange(-40, 40, 0.01)
    p, straights = some(False, count=3, seed=1)
    p[:, [AMOUNT, SHADE]] = 0
    for row, straight in zip(p, straights, strict=True):
        u = (2 * fine - row[LEFT] - row[RIGHT]) / (row[RIGHT] - row[LEFT])
        within = row[C0] + row[C1] * u + row[C2] * (1 - u**2)
        light = row[SKIN] + row[SLOPE] * fine + np.where(np.abs(u) < 1, within, 0)
        light += row[GLOSS] * np.exp(-0.5 * ((u - row[PLACE]) / GLOSS_SD) ** 2)
        seen = np.interp(T, fine, gaussian_filter1d(light, np.exp(row[LOG_BLUR]) / 0.01))
        value, _ = model(T, row[None, :PARAMETERS], np.array([straight]), SMOOTH, 11.0)
        np.testing.assert_allclose(decoded(value[0]), seen, atol=1e-3)


def test_encoding_is_undone():
    light = np.linspace(0, 1, 101)
    np.testing.assert_allclose(decoded(encoded(light, np.zeros(101, bool))[0]), light, atol=1e-7)
