from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.special import ndtr

from trichoscan.measure.thickness import measure_diameters
from trichoscan.records import Hair

DARK, PALE, BROWN = (35, 28, 25), (235, 225, 200), (110, 80, 55)
LIGHT_SKIN, DARK_SKIN = (205, 165, 145), (110, 80, 65)


def to_light(code):
    code = np.asarray(code, float) / 255
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def to_code(light):
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def stripe(root, tip, width, colour=DARK, taper=0.0, bow=0.0):
    ends = {"root": np.array(root, float), "tip": np.array(tip, float)}
    return ends | {"width": width, "colour": colour, "taper": taper, "bow": bow}


def render(stripes, shape, blur_px, skin=LIGHT_SKIN, noise=2.0, seed=0, gloss=0.0):
    """Stripes of known width mixed in linear light: exact blurred coverage, averaged over 2 x 2 subpixels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(float)
    shade = 1 + 0.15 * np.sin(columns / 37 + rng.uniform(0, 6)) * np.cos(rows / 51 + rng.uniform(0, 6))
    photo = np.zeros((*shape, 3))
    for dx, dy in [(-0.25, -0.25), (-0.25, 0.25), (0.25, -0.25), (0.25, 0.25)]:
        light = to_light(skin) * shade[..., None]
        for s in stripes:
            length = np.hypot(*(s["tip"] - s["root"]))
            ux, uy = (s["tip"] - s["root"]) / length
            x, y = columns + dx - s["root"][0], rows + dy - s["root"][1]
            along = x * ux + y * uy
            share = np.clip(along / length, 0, 1)
            off = y * ux - x * uy - s["bow"] * 4 * share * (1 - share)
            width = s["width"] * (1 + s["taper"] * (0.5 - share))
            ends = ndtr(along / blur_px) - ndtr((along - length) / blur_px)
            cover = (ends * (ndtr((off + width / 2) / blur_px) - ndtr((off - width / 2) / blur_px)))[
                ..., None
            ]
            line = np.hypot(0.12 * width, blur_px)
            shine = gloss * ends * 0.12 * width / line * np.exp(-0.5 * (off / line) ** 2)
            light = light * (1 - cover) + cover * to_light(s["colour"]) + shine[..., None]
        photo += light / 4
    code = to_code(photo) + rng.normal(0, noise, (*shape, 1)) + rng.normal(0, noise / 2, (*shape, 3))
    return np.clip(np.round(code), 0, 255).astype(np.uint8)


def field(seed, colour=DARK, rows=5, columns=5, widths=(3, 25), taper=0.2, bow=6):
    """Stripes of random width, direction, taper and bow, 100 px apart."""
    rng = np.random.default_rng(seed)
    stripes = []
    for k in range(rows * columns):
        middle = np.array([60 + 100 * (k % columns), 60 + 100 * (k // columns)])
        angle, half = rng.uniform(0, 2 * np.pi), rng.uniform(25, 42)
        reach = half * np.array([np.cos(angle), np.sin(angle)])
        stripes.append(
            stripe(
                middle - reach,
                middle + reach,
                rng.uniform(*widths),
                colour,
                rng.uniform(0, taper),
                rng.uniform(-bow, bow),
            )
        )
    return stripes


def paths(stripes, jitter_px=3.0, seed=9):
    rng = np.random.default_rng(seed)
    return [
        Hair(np.array([s["root"], s["tip"]]) + rng.uniform(-jitter_px, jitter_px, (2, 2)), 1.0)
        for s in stripes
    ]


def values(hairs):
    return np.array([h.diameter_px for h in hairs]), np.array([h.diameter_se_px for h in hairs])


def truth(stripes):
    return np.array([s["width"] for s in stripes])


CASES = [
    (0.6, DARK, LIGHT_SKIN, 0.0), (1.0, DARK, LIGHT_SKIN, 0.03), (1.5, BROWN, LIGHT_SKIN, 0.0),
    (2.0, DARK, LIGHT_SKIN, 0.03), (0.6, PALE, DARK_SKIN, 0.0), (1.2, PALE, DARK_SKIN, 0.0),
]  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    result = []
    for k, (blur, colour, skin, gloss) in enumerate(CASES):
        stripes = field(k, colour, rows=4)
        pixels = render(stripes, (420, 520), blur, skin, seed=k, gloss=gloss)
        result.append((truth(stripes), *values(measure_diameters(pixels, paths(stripes), 5.5))))
    return result


def test_widths_are_right_at_any_angle_blur_and_colour(measured):
    for (blur, colour, *_), (true, found, _) in zip(CASES, measured, strict=True):
        known = np.isfinite(found)
        assert known.mean() >= 0.85, blur
        assert np.abs(found - true)[known & (true > 2 * blur)].max() < 0.3 + 0.01 * true.max() + 0.15 * (
            blur > 1.3
        )
        # What lets light through has dark rims: an even shaft, pale or blurred, is taken for a narrower one.
        sure = colour is DARK and blur < 1.3
        assert abs(np.mean((found - true)[known])) < (0.12 if sure else 0.2), (blur, colour)


def test_slope_of_measured_on_true_is_one(measured):
    for true, found, _ in measured:
        known = np.isfinite(found)
        assert 0.98 < np.polyfit(true[known], found[known], 1)[0] < 1.02


def test_standard_error_is_honest(measured):
    within = np.concatenate(
        [(np.abs(found - true) <= 2 * se)[np.isfinite(found)] for true, found, se in measured]
    )
    assert within.mean() >= 0.9
    # And not a blank cheque: the error claimed is a small part of the width.
    for true, _, se in measured:
        assert np.median((se / true)[np.isfinite(se)]) < 0.06


@pytest.fixture(scope="module")
def photo():
    stripes = field(21, widths=(5, 20), rows=4, columns=4)
    return stripes, render(stripes, (420, 420), 1.0, seed=21)


def test_path_off_by_a_few_px_does_not_matter(photo):
    stripes, pixels = photo
    exact, _ = values(measure_diameters(pixels, paths(stripes, 0.0), 5.5))
    for seed in range(3):
        off, _ = values(measure_diameters(pixels, paths(stripes, 3.5, seed), 5.5))
        assert np.abs(off - exact).max() < 0.3


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_quarter_turns_and_mirror_change_nothing(photo, turn):
    stripes, pixels = photo
    hairs = paths(stripes)
    size = pixels.shape[0] - 1
    turned = np.ascontiguousarray(np.rot90(pixels, turn))
    moved = []
    for hair in hairs:
        x, y = hair.path_px.T
        for _ in range(turn):
            x, y = y, size - x
        moved.append(replace(hair, path_px=np.stack([x, y], 1)))
    before, _ = values(measure_diameters(pixels, hairs, 5.5))
    after, _ = values(measure_diameters(turned, moved, 5.5))
    assert np.abs(after - before).max() < 0.06
    flipped = [replace(h, path_px=np.stack([size - h.path_px[:, 0], h.path_px[:, 1]], 1)) for h in hairs]
    mirrored, _ = values(measure_diameters(np.ascontiguousarray(pixels[:, ::-1]), flipped, 5.5))
    assert np.abs(mirrored - before).max() < 0.06


def test_twice_the_size_is_twice_the_diameter(photo):
    stripes, pixels = photo
    hairs = paths(stripes)
    big = cv2.resize(pixels, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    doubled = [replace(h, path_px=h.path_px * 2 + 0.5) for h in hairs]
    once, _ = values(measure_diameters(pixels, hairs, 5.5))
    twice, _ = values(measure_diameters(big, doubled, 2.75))
    assert np.abs(twice / (2 * once) - 1).max() < 0.05
    assert abs(np.mean(twice / (2 * once)) - 1) < 0.01


def test_exposure_changes_nothing(photo):
    stripes, _ = photo
    bright = render(stripes, (420, 420), 1.0, (235, 205, 190), seed=21)
    dim = render(stripes, (420, 420), 1.0, (150, 120, 105), seed=21)
    a, _ = values(measure_diameters(bright, paths(stripes), 5.5))
    b, _ = values(measure_diameters(dim, paths(stripes), 5.5))
    assert np.abs(a - b).max() < 0.2


def test_scale_only_bounds_the_search(photo):
    stripes, pixels = photo
    with_scale, _ = values(measure_diameters(pixels, paths(stripes), 5.5))
    without, _ = values(measure_diameters(pixels, paths(stripes), None))
    assert np.abs(with_scale - without).max() < 0.1


def side_by_side(gap_px, widths=(12.0, 12.0), second=DARK):
    apart = sum(widths) / 2 + gap_px
    away = np.array([-0.316, 0.949]) * apart
    return [
        stripe((40, 60), (130, 90), widths[0]),
        stripe(np.add((40, 60), away), np.add((130, 90), away), widths[1], second),
    ]


@pytest.mark.parametrize("gap_px", [-2.0, 0.0, 0.5, 1.5, 3.0, 6.0, 12.0])
def test_hairs_side_by_side_are_told_apart(gap_px):
    pair = side_by_side(gap_px)
    for hair in measure_diameters(render(pair, (180, 180), 1.2), paths(pair, 1.5), 5.5):
        assert abs(hair.diameter_px - 12) < 2 * hair.diameter_se_px + 0.1
        assert hair.diameter_se_px < 12 / 4
        if gap_px < 2:
            assert "overlapped" in hair.flags
        if gap_px >= 6:
            assert not hair.flags


@pytest.mark.parametrize("gap_px", [0.0, 2.0])
def test_touching_hairs_of_unlike_colour_and_width(gap_px):
    pair = side_by_side(gap_px, (10.0, 14.0), BROWN)
    for hair, true in zip(
        measure_diameters(render(pair, (180, 180), 1.2), paths(pair, 1.5), 5.5), (10, 14), strict=True
    ):
        assert abs(hair.diameter_px - true) < 1


def test_the_middle_one_of_three_is_measured_between_its_neighbours():
    three = [stripe((40, 60 + 12 * k), (130, 60 + 12 * k), 12.0) for k in range(3)]
    left, middle, right = measure_diameters(render(three, (150, 180), 1.0), paths(three, 1.0), 5.5)
    for hair in (left, middle, right):
        assert "overlapped" in hair.flags
        assert abs(hair.diameter_px - 12) < 3 * hair.diameter_se_px
    shares = [hair.diameter_se_px / hair.diameter_px for hair in (left, middle, right)]
    assert shares[1] == max(shares)


def test_a_neighbour_of_which_no_path_is_known_does_not_widen_the_shaft():
    pair = [stripe((40, 60), (130, 60), 12.0), stripe((40, 78), (130, 78), 12.0)]
    pixels = render(pair, (140, 180), 1.0)
    (hair,) = measure_diameters(pixels, paths(pair[:1], 1.0), 5.5)
    assert np.isnan(hair.diameter_px) or abs(hair.diameter_px - 12) < 0.4


def clear_ones(width, count=8):
    """Parallel shafts well apart, in the upper part of the photo."""
    return [stripe((30 + 60 * k, 40), (45 + 60 * k, 110), width) for k in range(count)]


def lying_together(width, gap_px=0.3):
    apart = np.array([width + gap_px, 0])
    first = stripe((100, 170), (115, 250), width)
    return [first, stripe(first["root"] + apart, first["tip"] + apart, width)]


def common_width(stripes, extra=(), um_per_px=5.5):
    """Hair traced through both shafts of the last two stripes, the others traced as they are."""
    pixels = render(stripes, (300, 520), 1.0)
    middle = Hair((np.add(*(np.stack([s["root"], s["tip"]]) for s in stripes[-2:]))) / 2, 0.9)
    hairs = [*paths(stripes[:-2], 1.0), middle, *extra]
    return measure_diameters(pixels, hairs, um_per_px, len(stripes) - 1)


def test_two_hairs_traced_as_one_get_no_diameter():
    *others, both = common_width([*clear_ones(12.0), *lying_together(12.0)])
    assert np.isnan(both.diameter_px) and {"overlapped", "no_diameter"} <= set(both.flags)
    assert all(hair.diameter_px == pytest.approx(12, abs=0.4) and not hair.flags for hair in others)


def test_a_few_thick_hairs_among_thin_ones_are_kept():
    thick = [stripe((100, 170), (115, 250), 13.0), stripe((300, 170), (315, 250), 13.0)]
    stripes = [*clear_ones(7.0), *thick]
    found = measure_diameters(render(stripes, (300, 520), 1.0), paths(stripes, 1.0), 5.5)
    assert [hair.diameter_px for hair in found[-2:]] == pytest.approx([13, 13], abs=0.4)


def test_a_doubtful_hair_alongside_makes_a_wide_one_suspect():
    narrow = lying_together(7.0, -5.5)  # together little wider than the others
    along = Hair(np.add([narrow[1]["root"], narrow[1]["tip"]], (4.0, 0)), 0.3)
    plain, warned = (common_width([*clear_ones(7.0), *narrow], extra) for extra in ((), (along,)))
    assert not plain[8].flags and "overlapped" in warned[8].flags
    assert np.isnan(warned[8].diameter_px) or warned[8].diameter_se_px > 2 * plain[8].diameter_se_px
    assert [h.diameter_px for h in plain[:8]] == pytest.approx([h.diameter_px for h in warned[:8]], abs=1e-9)


def test_a_shaft_is_measured_where_no_other_hair_lies_on_it():
    """An untraced hair lies beside 55 % of the shaft, too near to be told apart."""
    whole = stripe((60, 40), (75, 240), 10.0)
    part = stripe((66.5, 40), (75, 160), 10.0)
    (hair,) = measure_diameters(render([whole, part], (290, 160), 1.0), paths([whole], 1.0), 5.5)
    assert hair.diameter_px == pytest.approx(10, abs=0.5)


def test_crossed_hair_is_measured_beside_the_crossing():
    pair = [stripe((20, 90), (170, 90), 10.0), stripe((95, 20), (100, 170), 10.0)]
    pixels = render(pair, (190, 190), 1.0)
    for hair in measure_diameters(pixels, paths(pair, 1.0), 5.5):
        assert hair.diameter_px == pytest.approx(10, abs=0.3)


def reason(pixels, hair):
    (hair,) = measure_diameters(pixels, [hair], 5.5)
    assert np.isnan(hair.diameter_px) and np.isnan(hair.diameter_se_px) and "no_diameter" in hair.flags
    return set(hair.flags) - {"no_diameter"}


def test_reasons_why_not():
    line = Hair(np.array([[40.0, 60], [130, 80]]), 1.0)
    clear = stripe((40, 60), (130, 80), 10.0)
    pixels = render([clear], (140, 170), 1.0)
    assert reason(pixels, replace(line, path_px=line.path_px[:1] + np.array([[0.0, 0], [10, 3]]))) == {
        "too_short"
    }
    assert reason(pixels, replace(line, path_px=line.path_px[:1] + np.zeros((2, 1)))) == {"too_short"}
    burnt = pixels.copy()
    burnt[pixels > 150] = 255
    assert reason(burnt, line) == {"saturated"}
    assert reason(render([], (140, 170), 1.0, noise=0.5), line) == {"blurred"}
    assert reason(np.zeros((140, 170, 3), np.uint8), line) <= {"saturated", "blurred"}


def test_flags_and_order_are_kept(photo):
    stripes, pixels = photo
    hairs = [replace(h, flags=("uncertain",), confidence=0.3) for h in paths(stripes)]
    found = measure_diameters(pixels, hairs, 5.5)
    assert [h.path_px.tolist() for h in found] == [h.path_px.tolist() for h in hairs]
    assert all(h.flags[0] == "uncertain" and h.confidence == 0.3 for h in found)


def glossy(stripes, pixels, blur_px):
    """The photo with a bright line a third of the way across each shaft."""
    lines = [
        s | {"width": 0.15 * s["width"], "bow": s["bow"] + 0.18 * s["width"], "colour": PALE} for s in stripes
    ]
    light = to_light(pixels) + to_light(render(lines, pixels.shape[:2], blur_px, (1, 1, 1), 0.0)) * 0.4
    return np.clip(np.round(to_code(light)), 0, 255).astype(np.uint8)


def test_a_line_of_gloss_does_not_widen_a_shaft(photo):
    stripes, pixels = photo
    plain, _ = values(measure_diameters(pixels, paths(stripes), 5.5))
    shiny, se = values(measure_diameters(glossy(stripes, pixels, 1.0), paths(stripes), 5.5))
    off = np.abs(shiny - plain)
    assert np.median(off) < 0.15 and (off < 2 * se).mean() > 0.9


def test_thin_shafts_are_not_taken_for_wide_pale_ones():
    stripes = field(31, widths=(3.2, 12), rows=4)
    true = truth(stripes)
    found, se = values(measure_diameters(render(stripes, (420, 520), 2.0, seed=31), paths(stripes), 7.0))
    thin = true < 6
    assert thin.sum() >= 4 and np.isfinite(found[thin]).all()
    assert abs(np.mean((found - true)[thin])) < 0.3
    assert (np.abs(found - true)[thin] < 2 * se[thin]).all()


def test_doubtful_hairs_change_nothing_of_the_sure_ones(photo):
    stripes, pixels = photo
    hairs = paths(stripes)
    alone, _ = values(measure_diameters(pixels, hairs, 5.5))
    doubtful = [replace(h, path_px=h.path_px + 1.0, confidence=0.2) for h in hairs[:5]]
    both, _ = values(measure_diameters(pixels, [*hairs, *doubtful], 5.5, len(hairs)))
    assert np.abs(both[: len(hairs)] - alone).max() < 0.02


def test_two_paths_along_one_shaft_are_not_both_measured_by_it():
    one = [stripe((40, 60), (130, 60), 10.0)]
    double = [Hair(np.array([[40.0, y], [130.0, y]]), 1.0) for y in (58.8, 61.2)]
    for hair in measure_diameters(render(one, (140, 180), 1.0), double, 5.5):
        assert np.isnan(hair.diameter_px) and {"overlapped", "no_diameter"} <= set(hair.flags)


def test_a_long_shaft_of_which_next_to_nothing_lies_free_gets_no_diameter():
    """Of the first a tenth is left for a width, of the second, traced beside as far, two thirds."""
    for covered_to, known in ((250, False), (110, True)):
        shaft = stripe((30, 60), (330, 60), 10.0)
        other = Hair(np.array([[30.0, 61.0], [covered_to, 61.0]]), 1.0)
        hair, _ = measure_diameters(render([shaft], (120, 360), 1.0), [*paths([shaft], 0.5), other], 5.5)
        assert np.isfinite(hair.diameter_px) == known
        assert known or {"overlapped", "no_diameter"} <= set(hair.flags)


def test_no_hair_and_hair_outside_the_photo():
    pixels = np.full((60, 80, 3), 180, np.uint8)
    assert measure_diameters(pixels, (), 5.5) == ()
    (hair,) = measure_diameters(pixels, [Hair(np.array([[-90.0, -50], [-20, -40]]), 1.0)], None)
    assert np.isnan(hair.diameter_px)


def test_same_photo_same_numbers(photo):
    stripes, pixels = photo
    first, again = (values(measure_diameters(pixels, paths(stripes), 5.5)) for _ in range(2))
    assert np.array_equal(first, again)
