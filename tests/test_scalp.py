"""The biology of phantoms: presets are met, curls keep length and width, a seed grows one scalp."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trichoscan.phantom.biology import ANCESTRY, CONDITION, THIN_BELOW_UM
from trichoscan.phantom.camera import draw_camera
from trichoscan.phantom.crop import draw_crop, draw_diameters
from trichoscan.phantom.lay import hair_colour, lay_hairs
from trichoscan.phantom.layout import growth_angles, place_units
from trichoscan.phantom.patch import draw_patch
from trichoscan.phantom.person import draw_person, terminal_um
from trichoscan.phantom.render import Shaft, cover
from trichoscan.phantom.scalp import grow_scalp
from trichoscan.phantom.shafts import CURL_RADIUS_UM, Curl, draw_curl, grow_paths, tangents
from trichoscan.phantom.style import STYLE_SHARE, TUFT_HAIRS, draw_style

HALF_UM = (10_000.0, 10_000.0)
AREA_CM2 = 4.0
PRESETS = [(a, c) for a in ANCESTRY for c in CONDITION]


@lru_cache(maxsize=32)
def scalp_of(ancestry, condition, seed=0, style="clipped", half=HALF_UM):
    rng = np.random.default_rng([seed, 11])
    person, dressed = draw_person(draw_style(style, rng), ancestry, condition, rng)
    return grow_scalp(dressed, person, half, rng)


def hairs_in(scalp, half=HALF_UM):
    return [h for h in scalp.hairs if h.kind == "hair" and np.all(np.abs(h.path_um[0]) < half)]


def persons_of(ancestry, condition, n):
    style = draw_style("clipped", np.random.default_rng(0))
    return [draw_person(style, ancestry, condition, np.random.default_rng(i))[0] for i in range(n)]


def normal_density(person):
    return person.units_per_cm2 * float(person.per_unit_share @ np.arange(1, 6))


@pytest.mark.parametrize("ancestry", ANCESTRY)
def test_people_have_the_density_diameter_and_growth_of_their_ancestry(ancestry):
    people, n = ANCESTRY[ancestry], 500
    persons = persons_of(ancestry, "normal", n)
    for values, mean, sd in (
        ([normal_density(p) for p in persons], people.hairs_per_cm2, people.hairs_per_cm2_sd),
        ([p.growth_um_per_day for p in persons], people.growth_um_per_day, people.growth_sd),
        ([p.telogen_share for p in persons], people.telogen_share, people.telogen_sd),
        ([p.peaks[0][1] for p in persons], terminal_um(people), terminal_um(people) * 8 / 61),
    ):
        assert np.mean(values) == pytest.approx(mean, abs=3.5 * sd / np.sqrt(n))
        assert np.std(values) == pytest.approx(sd, rel=0.12)
    for form, share in people.form_share.items():
        drawn = np.mean([p.form == form for p in persons])
        assert drawn == pytest.approx(share, abs=3.5 * np.sqrt(share * (1 - share) / n) + 1e-9)


@pytest.mark.parametrize(("ancestry", "condition"), PRESETS)
def test_a_large_scalp_has_the_hair_density_asked_for(ancestry, condition):
    scalp = scalp_of(ancestry, condition)
    if condition == "alopecia_areata":
        roots = np.array([h.path_um[0] for h in hairs_in(scalp)])
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 200) * h for h in HALF_UM]), axis=-1).reshape(-1, 2)
        free_cm2 = AREA_CM2 * np.mean(scalp.patch.depth_um(grid) < -400)
        density = np.sum(scalp.patch.depth_um(roots) < -400) / free_cm2
    else:
        free_cm2 = AREA_CM2
        density = len(hairs_in(scalp)) / AREA_CM2
    left = ANCESTRY[ancestry].aga_hairs_left if condition == "aga" else CONDITION[condition].hairs_left
    asked = normal_density(scalp.person) * left
    # Units are spread evenly, so that hairs are counted more surely than Poisson; slow waves add 5 %.
    error = np.hypot(np.sqrt(asked / free_cm2) * 0.7, 0.03 * asked)
    assert density == pytest.approx(asked, abs=2.6 * error)


@pytest.mark.parametrize("ancestry", ANCESTRY)
def test_units_of_a_normal_scalp_have_the_hairs_asked_for(ancestry):
    units = np.unique(
        [h.unit_id for h in scalp_of(ancestry, "normal").hairs if h.unit_id >= 0], return_counts=True
    )[1]
    for size, share in enumerate(ANCESTRY[ancestry].per_unit_share, start=1):
        error = np.sqrt(share * (1 - share) / len(units))
        assert np.mean(units == size) == pytest.approx(share, abs=3.5 * error)


def tufted_scalp(condition, tuft_share=0.4):
    rng = np.random.default_rng(3)
    style = replace(draw_style("tufted", rng), tuft_share=tuft_share, units_per_cm2=60.0, parted=0.0)
    person, _ = draw_person(style, None, "normal", rng)
    thinned = replace(person, units_per_cm2=60.0, tuft_share=tuft_share, hairs_left=condition)
    return thinned, hairs_in(grow_scalp(style, thinned, HALF_UM, rng))


def spread_um(hairs, least):
    """SDs of the roots of each unit of at least so many hairs, the smaller one first."""
    unit = np.array([hair.unit_id for hair in hairs])
    roots = np.array([hair.path_um[0] for hair in hairs])
    names, of_unit = np.unique(unit, return_counts=True)
    large = names[of_unit >= least]
    return np.array([np.linalg.eigvalsh(np.cov(roots[unit == one].T)) ** 0.5 for one in large])


def test_tufts_bear_many_hairs():
    person, hairs = tufted_scalp(1.0)
    assert len(hairs) / AREA_CM2 == pytest.approx(person.hairs_per_cm2, rel=0.1)
    of_unit = np.unique([hair.unit_id for hair in hairs], return_counts=True)[1]
    assert of_unit.max() <= TUFT_HAIRS[1]
    assert np.mean(of_unit >= TUFT_HAIRS[0]) == pytest.approx(0.4, abs=0.06)


@pytest.mark.parametrize("hairs_left", [1.0, 0.6])
def test_tufts_are_round_and_of_one_opening_also_when_they_thin(hairs_left):
    """12 hairs in a row, 0.7 widths of 65 um apart, would have SDs of 157 um and next to nothing."""
    _, hairs = tufted_scalp(hairs_left)
    spread = spread_um(hairs, least=6)
    assert len(spread) > 40
    assert np.median(spread[:, 1]) < 120
    assert np.percentile(spread[:, 1], 95) < 200
    assert np.median(spread[:, 0] / spread[:, 1]) > 0.4


@pytest.mark.parametrize("style", sorted(set(STYLE_SHARE) - {"tufted", "bare"}))
def test_only_tufted_scalps_have_tufts(style):
    of_unit = np.unique(
        [h.unit_id for h in scalp_of(None, "normal", style=style).hairs if h.unit_id >= 0], return_counts=True
    )[1]
    assert of_unit.max() <= 5


def test_presets_keep_their_density_on_tufted_scalps():
    rng = np.random.default_rng(0)
    style = replace(draw_style("tufted", rng), tuft_share=0.4)
    persons = [draw_person(style, "caucasian", "normal", np.random.default_rng(i))[0] for i in range(200)]
    density = np.mean([person.hairs_per_cm2 for person in persons])
    assert density == pytest.approx(ANCESTRY["caucasian"].hairs_per_cm2, rel=0.03)


@pytest.mark.parametrize(("ancestry", "condition"), PRESETS)
def test_diameters_are_those_asked_for(ancestry, condition):
    people, rule, rng = ANCESTRY[ancestry], CONDITION[condition], np.random.default_rng(2)
    each, n = 200, 300
    persons = persons_of(ancestry, condition, n)
    drawn = np.array([draw_diameters(p, each, rng) for p in persons])
    assert np.mean(drawn < THIN_BELOW_UM) == pytest.approx(rule.thin_share, abs=0.006)
    mean = people.diameter_um
    if condition == "aga":
        mean = 47.0 * terminal_um(people) / terminal_um(ANCESTRY["caucasian"])
        mean -= 22 * rule.thin_share * (terminal_um(people) / terminal_um(ANCESTRY["caucasian"]) - 1)
    assert drawn.mean() == pytest.approx(mean, abs=3.5 * drawn.mean(axis=1).std() / np.sqrt(n) + 0.5)


@pytest.mark.parametrize("condition", ["normal", "aga", "telogen_effluvium"])
def test_the_shafts_that_are_drawn_have_the_diameters_of_the_person(condition):
    scalp = scalp_of("caucasian", condition, 3)
    widths = np.array([h.width_um.max() for h in hairs_in(scalp)])
    thin = np.mean([np.median(h.width_um) < THIN_BELOW_UM for h in hairs_in(scalp)])
    assert thin == pytest.approx(CONDITION[condition].thin_share, abs=0.045)
    person = scalp.person
    terminal = sum(share * um for share, um, _ in person.peaks)
    assert np.mean(widths[widths > THIN_BELOW_UM + 3]) == pytest.approx(terminal, rel=0.08)


def test_androgenetic_alopecia_has_two_peaks_and_normal_hair_one():
    for condition, two in (("normal", False), ("aga", True)):
        person = persons_of("caucasian", condition, 1)[0]
        moved = person.peaks[-1][1] / (60.0 if two else terminal_um(ANCESTRY["caucasian"]))
        drawn = draw_diameters(person, 60_000, np.random.default_rng(0)) / moved
        at = {um: np.mean(np.abs(drawn - um) < 2) for um in (40, 50, 60)}
        assert (at[40] > 1.15 * at[50]) == two
        assert at[60] > at[50]


def test_hairs_of_one_unit_thin_one_before_the_other():
    apart = {}
    for condition in ("normal", "aga"):
        person = persons_of("caucasian", condition, 1)[0]
        crop = draw_crop(person, np.zeros((6000, 2)), None, np.random.default_rng(2))
        rank = np.argsort(np.argsort(crop.width_um)) / len(crop.width_um)
        pairs = rank[np.bincount(crop.unit)[crop.unit] == 2].reshape(-1, 2)
        # 1 for two hairs of any unit, less for hairs that share a fate.
        apart[condition] = np.mean(np.diff(pairs, axis=1) ** 2) / (2 * rank.var())
    assert apart["aga"] > apart["normal"] + 0.15


def test_hairs_per_unit_fall_under_androgenetic_alopecia():
    per_unit = {}
    for condition in ("normal", "aga"):
        hairs = hairs_in(scalp_of("caucasian", condition, 6))
        per_unit[condition] = len(hairs) / len({h.unit_id for h in hairs})
    assert per_unit["aga"] < per_unit["normal"] - 0.2


def test_telogen_effluvium_leaves_empty_units_and_short_tapered_hairs():
    normal, shed = (scalp_of("hispanic", c, 4) for c in ("normal", "telogen_effluvium"))
    assert len(normal.skin.yellow_dots_um) == 0
    assert len(shed.skin.yellow_dots_um) > 0
    tapered = [h for h in hairs_in(shed) if h.width_um[-1] < 0.3 * h.width_um[0]]
    assert len(tapered) / len(hairs_in(shed)) == pytest.approx(
        CONDITION["telogen_effluvium"].regrowing_share, abs=0.05
    )
    assert max(np.hypot(*np.diff(h.path_um, axis=0).T).sum() for h in tapered) <= 1200.1
    resting = {
        c: np.mean([not h.anagen for h in hairs_in(s)]) for c, s in (("normal", normal), ("shed", shed))
    }
    assert resting["shed"] == pytest.approx(shed.person.telogen_share * 0.86, abs=0.05)
    assert resting["normal"] == pytest.approx(normal.person.telogen_share, abs=0.04)


@pytest.mark.parametrize("style", ["clipped", "long"])
def test_a_patch_is_nearly_bare_and_bears_its_signs(style):
    terminal = signs = area_mm2 = 0
    kinds = set()
    for seed in range(12):
        scalp = scalp_of("caucasian", "alopecia_areata", seed, style, (4000.0, 3200.0))
        half = (4000.0, 3200.0)
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 80) * h for h in half]), axis=-1).reshape(-1, 2)
        area_mm2 += 4 * 4.0 * 3.2 * np.mean(scalp.patch.depth_um(grid) > 400)
        for hair in hairs_in(scalp, half):
            if scalp.patch.depth_um(hair.path_um[:1])[0] < 400:
                continue
            broken = hair.width_um[0] < 0.55 * hair.width_um[-1]
            vellus = hair.width_um.max() < 30 and hair.width_um[-1] < 0.3 * hair.width_um[0]
            kinds |= {name for name, it in (("exclamation", broken), ("vellus", vellus)) if it}
            terminal += not (broken or vellus)
        for dots in (scalp.skin.black_dots_um, scalp.skin.yellow_dots_um):
            signs += len(dots)
            assert not len(dots) or scalp.patch.depth_um(dots).min() > -500
    assert area_mm2 > 60
    assert terminal / area_mm2 < 0.12 * 2.2
    assert kinds == {"exclamation", "vellus"} and signs > area_mm2 / 4


def test_a_patch_has_a_smooth_rim_about_its_centre():
    patch = draw_patch(np.array([4000.0, 3000.0]), np.random.default_rng(1))
    angle = np.linspace(0, 2 * np.pi, 361)
    far = patch.centre_um + 3 * patch.radius_um * np.column_stack([np.cos(angle), np.sin(angle)])
    rim = patch.depth_um(far) + 3 * patch.radius_um
    assert np.all(np.abs(np.diff(rim)) < 0.02 * patch.radius_um)
    assert 0.5 * patch.radius_um < rim.min() <= rim.max() < 1.6 * patch.radius_um
    assert patch.depth_um(patch.centre_um[None])[0] > 0.5 * patch.radius_um


@pytest.mark.parametrize("ancestry", ANCESTRY)
def test_only_anagen_hair_grows_and_thin_hair_grows_slower(ancestry):
    scalp = scalp_of(ancestry, "aga", 7)
    hairs = hairs_in(scalp)
    assert all((h.growth_um_per_day > 0) == h.anagen for h in hairs)
    thick = [h.growth_um_per_day for h in hairs if h.anagen and h.width_um.mean() > 60]
    thin = [h.growth_um_per_day for h in hairs if h.anagen and h.width_um.mean() < 25]
    assert np.mean(thick) == pytest.approx(scalp.person.growth_um_per_day, rel=0.04)
    assert np.mean(thin) < 0.85 * np.mean(thick)


def paths_of(form, seed=0, k=40, length=6000.0, **options):
    rng = np.random.default_rng(seed)
    style = replace(draw_style("clipped", rng), **options)
    roots = rng.uniform(-1000, 1000, (k, 2))
    return roots, grow_paths(roots, np.full(k, 0.4), np.full(k, length), style, rng, np.arange(k) // 2, form)


@settings(max_examples=25, deadline=None)
@given(form=st.sampled_from(["straight", "wavy", "curly", "coily"]), seed=st.integers(0, 10_000))
def test_paths_are_fine_enough_for_their_curls(form, seed):
    roots, paths = paths_of(form, seed)
    for root, path in zip(roots, paths, strict=True):
        assert path[0] == pytest.approx(root)
        way = np.diff(path, axis=0)
        step = np.hypot(*way.T)
        assert step.max() <= 40.0 + 1e-6
        assert step.sum() <= 6000.0 + 1e-6
        turn = np.abs(np.angle(np.exp(1j * np.diff(np.arctan2(way[:, 1], way[:, 0])))))
        # A chord stays this near to its arc, but for the cusps of a curl seen from its side.
        assert np.quantile(turn * np.minimum(step[1:], step[:-1]) / 8, 0.99) < 1.5


@pytest.mark.parametrize("form", CURL_RADIUS_UM)
def test_curls_have_their_size(form):
    """A helix that lies flat turns by a radian on its radius over the share of its way round the axis."""
    low, high = CURL_RADIUS_UM[form]
    heads = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        curl = draw_curl(form, np.arange(12) // 2, rng)
        assert curl.turning**2 + curl.advance**2 == pytest.approx(np.ones((12, 1)))
        assert np.all((0.7 * low <= curl.radius_um) & (curl.radius_um <= 1.4 * high))
        heads.append(float(np.exp(np.mean(np.log(curl.radius_um)))))
    # Of heads evenly over the logarithm between the bounds.
    assert np.mean(np.log(heads)) == pytest.approx(np.log(low * high) / 2, abs=0.1 * np.log(high / low))


@pytest.mark.parametrize("radius", [400.0, 1500.0, 6000.0])
def test_a_curl_seen_along_its_axis_is_a_circle_of_its_radius(radius):
    """Its axis stands upright on the skin and it does not advance: what is left is the circle."""
    one, none = np.ones((1, 1)), np.zeros((1, 1))
    curl = Curl(one, none, radius * one, np.pi / 2 * one, 0.7 * one, none, radius * one, none)
    s = (np.arange(3000) + 0.5)[None] * radius / 200
    way = tangents(np.zeros((1, 3000)), s, curl)[0] * radius / 200
    path = np.cumsum(way, axis=0)[1500:]  # after it has left the skin in its unit's direction
    step, turn = np.hypot(*np.diff(path, axis=0).T), np.diff(np.unwrap(np.arctan2(*way[1500:].T[::-1])))
    assert step / np.abs(turn) == pytest.approx(np.full(len(step), radius), rel=0.1)
    assert np.median(step / np.abs(turn)) == pytest.approx(radius, rel=0.01)


def test_curls_of_a_unit_are_alike_and_leave_the_skin_in_the_units_direction():
    _, paths = paths_of("coily", 4, k=80, length=1500.0, bend_rad_per_mm=0.0, comb_rad=0.0)
    ends = np.array([p[-1] - p[0] for p in paths])
    siblings = np.hypot(*(ends[0::2] - ends[1::2]).T)
    strangers = np.hypot(*(ends[0:-2:2] - ends[2::2]).T)
    assert np.median(siblings) < 0.6 * np.median(strangers)
    first = np.array([np.arctan2(*(p[1] - p[0])[::-1]) for p in paths])
    assert np.median(np.abs(first - 0.4)) < 0.35


def test_a_curl_that_crosses_itself_covers_each_pixel_once():
    turn = np.linspace(0, 6 * np.pi, 400)
    path = np.column_stack([60 + 3.2 * turn + 25 * np.cos(turn), 110 + 25 * np.sin(turn)])
    covered = cover([Shaft(path, np.full(400, 6.0))], 220, 220)
    assert len(np.unique(covered.pixel)) == len(covered.pixel)
    length = np.hypot(*np.diff(path, axis=0).T).sum()
    assert 0.75 * 6 * length < covered.share.sum() < 6 * length
    y, x = np.divmod(covered.pixel[covered.share > 0.99], 220)
    distance = np.hypot(x[:, None] - path[:, 0], y[:, None] - path[:, 1]).min(axis=1)
    assert distance.max() < 3.3


def test_the_area_of_an_open_curl_is_length_times_width():
    for path in paths_of("coily", 8, k=12, length=900.0)[1]:
        at_px = (path - path.mean(axis=0)) / 4.0 + 150
        covered = cover([Shaft(at_px, np.full(len(path), 8.0))], 300, 300)
        length = np.hypot(*np.diff(at_px, axis=0).T).sum()
        assert covered.share.sum() / length <= 8.1
    straight = paths_of("curly", 8, k=12, length=900.0)[1][0]
    at_px = (straight - straight.mean(axis=0)) / 4.0 + 150
    covered = cover([Shaft(at_px, np.full(len(straight), 8.0))], 300, 300)
    length = np.hypot(*np.diff(at_px, axis=0).T).sum()
    assert covered.share.sum() / length == pytest.approx(8.0, abs=0.05)


def test_dye_begins_where_the_grown_out_part_ends():
    scalp = scalp_of("caucasian", "normal", 1)
    hair = replace(
        hairs_in(scalp)[0],
        path_um=np.array([[-300.0, 0], [0, 0], [300.0, 0]]),
        width_um=np.full(3, 60.0),
        colour=np.full(3, 0.02),
        tip_colour=np.full(3, 0.5),
        band_um=250.0,
        opacity=1.0,
        gloss=0.0,
        rim=0.0,
        halo_um=0.0,
    )
    along = np.array([0.0, 150.0, 250.0, 400.0, 600.0], np.float32)
    assert hair_colour(hair, along)[:, 0] == pytest.approx([0.02, 0.02, 0.26, 0.5, 0.5], abs=1e-6)
    camera = draw_camera("clipped", 160, 160, 5.0, np.random.default_rng(0))
    camera = replace(camera, sparkle=np.zeros((512, 512), np.float32))
    covered = cover([Shaft(camera.to_px(hair.path_um), hair.width_um / 5.0)], 160, 160)
    scene = np.full((160, 160, 3), 0.9, np.float32)
    lay_hairs(scene, (hair,), covered, camera)
    root, tip = camera.to_px(np.array([[-200.0, 0], [200.0, 0]])).round().astype(int)
    assert scene[root[1], root[0], 1] < 0.05 and scene[tip[1], tip[0], 1] > 0.4


def test_hair_turns_once_round_a_whorl():
    rng = np.random.default_rng(3)
    half = np.array([4000.0, 4000.0])
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    ring = 9000 * np.column_stack([np.cos(angle), np.sin(angle)])
    for whorl, turns in ((True, 1), (False, 0)):
        lean = growth_angles(ring, 0.0, half, whorl, rng)
        steps = np.angle(np.exp(1j * np.diff(np.append(lean, lean[0]))))
        assert round(steps.sum() / (2 * np.pi)) == turns


def test_units_have_the_density_asked_for_and_keep_apart():
    points = place_units(80.0, np.array([20_000.0, 20_000.0]), np.random.default_rng(1))
    assert len(points) / 16.0 == pytest.approx(80, rel=0.04)
    spacing = np.sort(np.hypot(*(points[:400, None] - points[None]).transpose(2, 0, 1)), axis=1)[:, 1]
    assert np.quantile(spacing, 0.02) > 350


def test_density_varies_slowly_over_the_scalp():
    wave, angle = np.geomspace(6000, 16_000, 12), np.linspace(0, np.pi, 24, endpoint=False)
    way = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    waves = ((2 * np.pi / wave)[:, None, None] * way).reshape(-1, 2)
    strongest = []
    for seed in range(6):
        points = place_units(80.0, np.array([20_000.0, 20_000.0]), np.random.default_rng(seed))
        taper = np.prod(np.cos(np.pi * points / 40_000) ** 2, axis=1)
        strongest.append(np.max(np.abs(np.exp(1j * points @ waves.T).T @ taper)) / taper.sum())
    # Half the share of the strongest wave; scattered units without waves have 0.028.
    assert 0.036 < np.mean(strongest) < 0.07


@pytest.mark.parametrize("ancestry", [None, "african"])
def test_the_same_seed_grows_the_same_scalp(ancestry):
    first, again = (scalp_of.__wrapped__(ancestry, None, 9, "clipped", (1500.0, 1500.0)) for _ in range(2))
    assert len(first.hairs) == len(again.hairs) > 0
    for a, b in zip(first.hairs, again.hairs, strict=True):
        assert a.hair_id == b.hair_id and a.growth_um_per_day == b.growth_um_per_day
        assert np.array_equal(a.path_um, b.path_um) and np.array_equal(a.width_um, b.width_um)


def test_unknown_presets_are_refused_and_every_preset_has_a_source():
    style = draw_style("clipped", np.random.default_rng(0))
    with pytest.raises(ValueError, match="han_chinese"):
        draw_person(style, "martian", None, np.random.default_rng(0))
    with pytest.raises(ValueError, match="alopecia_areata"):
        draw_person(style, None, "mange", np.random.default_rng(0))
    for preset in (*ANCESTRY.values(), *CONDITION.values()):
        assert len(preset.source) > 40
    for people in ANCESTRY.values():
        for shares in (people.per_unit_share, people.form_share.values(), people.colour_share.values()):
            assert sum(shares) == pytest.approx(1.0)


def test_training_sees_every_condition_ancestry_and_form():
    seen = set()
    for seed in range(400):
        rng = np.random.default_rng(seed)
        person, _ = draw_person(draw_style("clipped" if seed % 4 else "dark_skin", rng), None, None, rng)
        seen |= {person.ancestry, person.condition, person.form}
    assert seen == {*ANCESTRY, *CONDITION, "straight", "wavy", "curly", "coily"}
