"""Change of one patient on fields of known truth: laws, coverage, errors of the rule, plain subtraction."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gamma
from simulated_patients import (
    AREA_CM2,
    MISSED,
    SHAPE,
    UM_PER_PX,
    analysis_of,
    draw_world,
    photograph,
    simulate,
    straight,
    true_change,
)

from trichoscan.flags import CHANGE_FLAGS
from trichoscan.match.gain import overlooked as missed
from trichoscan.match.pair import pair
from trichoscan.match.rows import pairing_row
from trichoscan.records import Estimate, Hair, Match, Pairing, TrichoscanError
from trichoscan.response import draws, fates, growth, models, plan, rule
from trichoscan.response.change import MEASURES, quantify_change
from trichoscan.response.events import Events, overlooked
from trichoscan.response.fates import COUNTS
from trichoscan.response.rows import COLUMNS, change_row, refused_row
from trichoscan.response.rule import judge

SWAPPED_NAMES = {
    "lost_hairs": "new_hairs",
    "emptied_hairs": "regrown_hairs",
    "miniaturized_hairs": "thickened_hairs",
    "to_vellus_hairs": "to_terminal_hairs",
    "emptied_units": "reactivated_units",
}


def swapped(pairing):
    """The same pairing, follow-up first."""
    turned = {"matched": "matched", "lost": "new", "new": "lost"}

    def turn(matches):
        back = (replace(m, kind=turned[m.kind], baseline=m.followup, followup=m.baseline) for m in matches)
        order = {"matched": 0, "lost": 1, "new": 2}
        return tuple(
            sorted(
                back, key=lambda m: (order[m.kind], -1 if m.baseline is None else m.baseline, m.followup or 0)
            )
        )

    return Pairing(
        pairing.alignment, pairing.followup_hairs, pairing.baseline_hairs, pairing.followup_units,
        pairing.baseline_units, turn(pairing.matches), turn(pairing.unit_matches),
    )  # fmt: skip


def negated(one, other):
    return (one.value, one.low, one.high, one.n) == (-other.value, -other.high, -other.low, other.n)


@pytest.fixture(scope="module")
def simulated():
    """40 pairs in which 5 % of the hairs go and as many come, 40 in which nothing happens, 40 treated."""
    courses = ({"wider_sd": 0.04}, {"lost": 0.0, "new": 0.0}, {"lost": 0.02, "new": 0.2, "wider": 0.1})
    runs = []
    for course in courses:
        pairs = [simulate(seed, **course) for seed in range(40)]
        runs.append([(world, a, b, p, quantify_change(a, b, p)) for world, a, b, p in pairs])
    return runs


@pytest.mark.parametrize("seed", range(4))
def test_swapping_the_visits_negates_every_change_exactly(seed):
    _, first, second, pairing = simulate(seed, lost=0.1, new=0.15, wider=0.1, wider_sd=0.1)
    there, back = (
        quantify_change(first, second, pairing),
        quantify_change(second, first, swapped(pairing)),
    )
    for name in MEASURES:
        one, other = there.measures[name], back.measures[name]
        assert (one.baseline, one.followup) == (other.followup, other.baseline)
        assert negated(one.field, other.field) and negated(one.site, other.site), name
    for name, twin in SWAPPED_NAMES.items():
        assert there.counts[name] == back.counts[twin] and there.counts[twin] == back.counts[name]
    assert there.smallest_detectable_change_per_cm2 == back.smallest_detectable_change_per_cm2
    assert {there.response, back.response} in ({"improved", "worsened"}, {"stable"}, {"inconclusive"})
    turned = {"thickened": "miniaturized", "miniaturized": "thickened", "kept": "kept"}
    matched = [m.kind == "matched" for m in pairing.matches]
    fates = {
        (m.baseline, m.followup): f
        for m, f, here in zip(pairing.matches, there.fates, matched, strict=True)
        if here
    }
    for m, fate in zip(swapped(pairing).matches, back.fates, strict=True):
        if m.kind == "matched":
            assert turned[fate] == fates[m.followup, m.baseline]


def test_a_photo_against_itself_changes_nothing():
    rng = np.random.default_rng(5)
    photo, _ = photograph(draw_world(rng), 0, rng, "same")
    change = quantify_change(photo, photo, pair(photo, photo, straight()))
    for name in MEASURES:
        found = change.measures[name]
        assert found.field.value == found.site.value == 0.0, name
        assert found.field.low <= 0 <= found.field.high and found.baseline == found.followup
    assert {name: e.value for name, e in change.counts.items()} == dict.fromkeys(COUNTS, 0.0)
    assert set(change.fates) == {"kept"} and change.response == "stable" and change.flags == ()
    assert change.smallest_detectable_change_per_cm2 < 5


def test_the_same_pair_gives_the_same_numbers_again():
    _, first, second, pairing = simulate(7)
    one, other = quantify_change(first, second, pairing), quantify_change(first, second, pairing)
    assert one.measures == other.measures and one.counts == other.counts


def test_levels_and_changes_belong_together(simulated):
    for _, _, _, _, change in simulated[2]:
        for name in MEASURES:
            found = change.measures[name]
            assert found.followup - found.baseline == pytest.approx(found.field.value, abs=1e-9)
            assert found.site.value == pytest.approx(found.field.value, rel=1e-9)
            assert found.field.low <= found.field.value <= found.field.high
            assert found.site.low <= found.field.low and found.field.high <= found.site.high
        density = change.measures["density_per_cm2"]
        percent = 100 * density.site.value / density.baseline
        assert change.measures["density_percent"].site.value == pytest.approx(percent)
        assert change.area_cm2 == pytest.approx(AREA_CM2)
        lost, new = change.counts["lost_hairs"].value, change.counts["new_hairs"].value
        assert (new - lost) / AREA_CM2 == pytest.approx(density.field.value)
        assert change.counts["regrown_hairs"].value <= new


def test_intervals_cover_the_change_in_the_field_and_of_the_site(simulated):
    in_field, of_site, diameter = [], [], []
    for run, net, wider in zip(simulated, (0.0, 0.0, 0.18), (0.0, 0.0, 5.5), strict=True):
        for world, _, _, _, change in run:
            density, found = change.measures["density_per_cm2"], change.measures["diameter_um"]
            before, after = true_change(world)
            in_field.append(density.field.low <= (after - before) / AREA_CM2 <= density.field.high)
            of_site.append(density.site.low <= net * 135 <= density.site.high)
            diameter.append(found.site.low <= wider <= found.site.high)
    # Of 120 trials at 95 %, fewer than 105 happen by chance once in 3000 times.
    assert sum(in_field) >= 105 and sum(of_site) >= 105 and sum(diameter) >= 105
    assert sum(in_field) < 120 or sum(of_site) < 120


@pytest.mark.parametrize("came", [0, 1, 7])
def test_the_site_of_few_lone_new_hairs_has_jeffreys_posterior(came):
    """Gamma(x + 1/2): skew, and not nothing where none came."""
    units, zeros = 30, np.zeros(30)
    sign = (np.arange(units) < came).astype(np.int64)
    events = Events(
        sign=sign, match=np.arange(units), probability=np.ones(units), cluster=np.arange(units),
        overlooked=zeros, diameter_um=np.full((2, units), np.nan), se_um=np.full((2, units), np.nan),
        comparable=sign == 0, whole_unit=sign > 0, unit_sign=sign, unit_probability=np.ones(units),
        unit_overlooked=zeros, unit_cluster=np.arange(units), clusters=units,
    )  # fmt: skip
    drawn = draws.draw_site(events, 0.0, np.random.default_rng(3))
    for weight, unseen in ((drawn.hair, drawn.unseen), (drawn.unit, drawn.unseen_units)):
        new = (weight @ (sign > 0) + unseen[1])[1:]
        for share in (0.025, 0.25, 0.5, 0.75, 0.975):
            rank = gamma.cdf(np.quantile(new, share), came + 0.5)
            assert rank == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / draws.DRAWS))
        assert weight[0] @ (sign > 0) == came and unseen[1, 0] == 0


def test_the_rule_finds_response_where_nothing_changed_in_one_of_twenty_at_most(simulated):
    responses = [change.response for run in simulated[:2] for *_, change in run]
    assert sum(r in ("improved", "worsened") for r in responses) <= 8  # 80 at 5 %: more in one of 80 cases


def test_the_rule_finds_a_real_response(simulated):
    responses = [change.response for *_, change in simulated[2]]
    assert "worsened" not in responses and responses.count("improved") >= 6


def test_matching_errs_less_than_subtracting_counts(simulated):
    matched, plain = [], []
    for run in simulated[:2]:
        for world, first, second, _, change in run:
            before, after = true_change(world)
            matched.append(change.measures["density_per_cm2"].field.value * AREA_CM2 - (after - before))
            plain.append(second.hair_count.value - first.hair_count.value - (after - before))
    assert np.std(matched) < 0.9 * np.std(plain)


def test_thickened_hairs_are_told_and_few_others(simulated):
    false = [
        c.counts["thickened_hairs"].value + c.counts["miniaturized_hairs"].value for *_, c in simulated[1]
    ]
    of = [c.counts["thickened_hairs"].n for *_, c in simulated[1]]
    # Nothing but the 4 % by which any hair varies here, about the size of the error of measuring.
    assert sum(false) / sum(of) < 0.08
    one, other = simulate(3, lost=0.0, new=0.0, wider=0.3, wider_sd=0.0)[1:3]
    counts = quantify_change(one, other, pair(one, other, straight())).counts
    assert counts["thickened_hairs"].value > 0.8 * counts["thickened_hairs"].n
    assert counts["thickened_hairs"].low > 0.7 * counts["thickened_hairs"].n
    assert counts["miniaturized_hairs"].value <= 1 and counts["miniaturized_hairs"].low == 0


@pytest.mark.parametrize("flags", [("overlapped",), ("found_again",)])
def test_a_hair_measured_otherwise_at_one_visit_is_not_called_thickened(flags):
    first, second, pairing = planted(["matched"] * 6)
    hairs = (replace(pairing.followup_hairs[0], flags=flags), *pairing.followup_hairs[1:])
    at_followup = replace(pairing, followup_hairs=hairs)
    at_baseline = replace(pairing, followup_hairs=pairing.baseline_hairs, baseline_hairs=hairs)
    for there, called in ((at_followup, "thickened"), (at_baseline, "miniaturized")):
        assert quantify_change(first, second, there).fates == ("kept", *[called] * 5)
    counts = quantify_change(first, second, at_followup).counts
    assert counts["thickened_hairs"].value == counts["thickened_hairs"].n == 5


def planted(kinds, sizes=None, um_per_px=UM_PER_PX, shas=("a", "b")):
    """Units in rows; kinds: matched, lost or new for each hair, all with probability 1."""
    sizes = sizes or [1] * len(kinds)
    unit = np.repeat(np.arange(len(sizes)), sizes)
    hairs, numbers, matches, units = ([], []), ([], []), [], []
    for k, kind in enumerate(kinds):
        root = np.array([100.0 + 200 * (unit[k] % 5), 100.0 + 150 * (unit[k] // 5)]) + 8 * (k % 3)
        at = []
        for side, absent in enumerate(("new", "lost")):
            at.append(None if kind == absent else len(hairs[side]))
            if kind != absent:
                hairs[side].append(Hair(np.stack([root, root + 60]), 0.99, (), 10.0 + side, 0.1))
                numbers[side].append(unit[k])
        matches.append(Match(kind, at[0], at[1], 1.0, 1.0, True))
    for u in np.unique(unit):
        there = {kinds[k] for k in np.flatnonzero(unit == u)}
        kind = there.pop() if len(there) == 1 else "matched"
        units.append(Match(kind, None if kind == "new" else u, None if kind == "lost" else u, 1.0, 1.0, True))
    photos = [analysis_of(h, sha, um_per_px) for h, sha in zip(hairs, shas, strict=True)]
    pairing = Pairing(
        straight(um_per_px), *(p.hairs for p in photos), *(np.array(n, np.int64) for n in numbers),
        tuple(matches), tuple(units),
    )  # fmt: skip
    return *photos, pairing


def test_hairs_of_empty_units_are_regrown_and_those_beside_others_new():
    kinds = ["matched"] * 8 + ["matched", "new", "new", "new", "lost", "lost", "matched"]
    first, second, pairing = planted(kinds, [1] * 8 + [2, 2, 1, 2])
    change = quantify_change(first, second, pairing)
    counts = {name: e.value for name, e in change.counts.items()}
    seen = 1 / (1 - MISSED)  # a hair of its one photo stands for those that it would have overlooked
    assert counts["new_hairs"] == pytest.approx(3 * seen) and counts["lost_hairs"] == pytest.approx(2 * seen)
    assert counts["regrown_hairs"] == pytest.approx(2 * seen)
    assert counts["emptied_hairs"] == pytest.approx(seen)
    assert counts["emptied_units"] == pytest.approx(seen)
    assert counts["reactivated_units"] == pytest.approx(1 / (1 - MISSED**2))
    assert counts["thickened_hairs"] == 10 and counts["to_terminal_hairs"] == 0
    assert change.fates[8:] == ("thickened", "new", "regrown", "regrown", "lost", "lost", "thickened")
    assert change.measures["diameter_um"].field.value == pytest.approx(5.0)
    units = change.measures["unit_density_per_cm2"].field.value * AREA_CM2
    assert units == pytest.approx(1 / (1 - MISSED**2) - seen)
    assert change.measures["density_per_cm2"].field.value == pytest.approx(seen / AREA_CM2)


def test_matching_and_response_take_the_same_hairs_to_be_overlooked():
    confidence = np.linspace(0, 1, 101)
    assert np.array_equal(missed(confidence), overlooked(confidence))


def test_hairs_crossing_the_limit_are_counted():
    first, second, pairing = planted(["matched"] * 12)
    counts = quantify_change(first, second, pairing, vellus_below_um=52.0).counts
    assert counts["to_terminal_hairs"].value == 12 and counts["to_vellus_hairs"].value == 0
    vellus = quantify_change(first, second, pairing, vellus_below_um=52.0).measures["vellus_percent"]
    assert (vellus.baseline, vellus.followup) == (100, 0)


def test_without_a_scale_counts_stand_and_the_rest_is_empty():
    first, second, pairing = planted(["matched"] * 10 + ["new"] * 5, um_per_px=None)
    change = quantify_change(first, second, pairing)
    assert change.flags == ("few_diameters", "no_scale")
    assert np.isnan(change.area_cm2) and np.isnan(change.smallest_detectable_change_per_cm2)
    for name in ("density_per_cm2", "diameter_um", "cumulative_thickness_percent", "terminal_per_cm2"):
        assert np.isnan(change.measures[name].site.value) and np.isnan(change.measures[name].baseline)
    assert change.measures["density_percent"].site.value == pytest.approx(50 / (1 - MISSED))
    assert change.measures["hairs_per_unit"].baseline == 1
    row = change_row(change)
    assert tuple(row) == COLUMNS == tuple(refused_row())
    assert row["density_change_per_cm2"] is None and row["density_change_percent"] > 50


def test_an_empty_field_and_a_bald_one_are_told_apart():
    first, second, pairing = planted(["matched"] * 6)
    nowhere = replace(
        pairing,
        alignment=straight(mask=np.zeros(SHAPE, bool)),
        matches=tuple(replace(m, counted=False) for m in pairing.matches),
        unit_matches=(),
    )
    change = quantify_change(first, second, nowhere)
    assert change.flags == ("no_common_field",) and change.response == "inconclusive"
    assert np.isnan(change.measures["density_per_cm2"].site.value)
    assert np.isnan(change.counts["lost_hairs"].value) and change.counts.keys() == set(COUNTS)
    first, second, pairing = planted([])
    bald = quantify_change(first, second, pairing)
    assert bald.measures["density_per_cm2"].field.value == 0.0 and bald.flags == ("few_units",)
    assert np.isnan(bald.measures["diameter_um"].site.value)
    assert bald.measures["cumulative_thickness_mm_per_cm2"].baseline == 0.0


def test_doubts_about_scale_and_weights_are_flagged():
    first, second, pairing = planted(["matched"] * 10)
    assert quantify_change(first, second, pairing).flags == ()
    other = replace(second, um_per_px=UM_PER_PX * 1.2, weights="w/2")
    assert quantify_change(first, other, pairing).flags == ("other_weights", "scales_disagree")


def test_a_refused_pair_is_not_quantified():
    first, second, pairing = planted(["matched"] * 10)
    refused = replace(pairing, alignment=straight(reason="different sites"))
    with pytest.raises(TrichoscanError, match="different sites"):
        quantify_change(first, second, refused)


@pytest.mark.parametrize(
    ("value", "low", "high", "response"),
    [
        (30, 10, 50, "improved"),
        (-30, -50, -10, "worsened"),
        (5, 1, 9, "stable"),
        (0, -9, 9, "stable"),
        (0, -30, 30, "inconclusive"),
        (8, 3, 13, "inconclusive"),
        (float("nan"),) * 3 + ("inconclusive",),
    ],
)
def test_the_stated_rule(value, low, high, response):
    assert judge(Estimate(value, low, high, 30), 100.0, 9.0) == response


def test_growth_is_measured_only_a_few_days_apart():
    first, second, pairing = planted(["matched"] * 12)
    assert quantify_change(first, second, pairing, 90.0).growth is None
    found = quantify_change(first, second, pairing, 2.0)
    assert found.growth is not None and found.growth.flags == ("no_growth_seen",)


@pytest.mark.parametrize(
    ("days", "response"), [(2.0, "inconclusive"), (0.0, "inconclusive"), (90.0, "worsened")]
)
def test_a_phototrichogram_is_not_judged(days, response):
    pair = planted(["matched"] * 20 + ["lost"] * 20)
    found = quantify_change(*pair, days)
    assert found.response == response
    assert ("too_soon" in found.flags) == (days < 8)


def test_numbers_of_lost_and_new_hairs_stand_within_their_intervals():
    _, _, pairing = pair = planted(["matched"] * 20 + ["lost"] * 9 + ["new"] * 4)
    for p in (0.95, 0.6, 0.3):
        matches = tuple(replace(m, probability=1.0 if m.kind == "matched" else p) for m in pairing.matches)
        some = replace(pairing, matches=matches)
        counts, row = pairing_row(some), change_row(quantify_change(*pair[:2], some))
        for name, there in (("lost_hairs", 9), ("new_hairs", 4)):
            assert counts[name] == (there if p >= 0.5 else 0)
            assert row[f"{name}_low"] <= counts[name] <= row[f"{name}_high"]
            assert row[f"{name}_low"] < p * there < row[f"{name}_high"]


def test_the_page_on_response_says_what_the_code_does():
    page = (Path(__file__).resolve().parents[1] / "docs" / "response.md").read_text(encoding="utf-8")
    table = page.split("## Change flags\n")[1]
    assert re.findall(r"^\| `(\w+)`", table, re.M) == list(CHANGE_FLAGS)
    assert all(f"`{name}`" in page for name in COUNTS)
    said = {
        f"{draws.DRAWS} draws": 1,
        f"log(1 + c / {draws.FAULT_SHARE})": 1,
        f"{100 * fates.FALSE_POSITIVE_RATE:.0f} % are called so by chance": 1,
        f"within {100 * rule.STABLE_WITHIN:.0f} % of the mean density": 1,
        f"fewer than {growth.FEWEST_HAIRS} known lengths": 1,
        f"growth below {growth.SHORTER_UM:.0f} um": 1,
        f"outside {growth.RATES_UM_PER_DAY[0]:.0f}-{growth.RATES_UM_PER_DAY[1]:.0f} um a day": 1,
        f"less than {growth.APART_SD:.0f} SD apart": 1,
        f"Fewer than {models.FEWEST_PER_ARM} subjects in an arm": 1,
        f"at least {plan.FEWEST_SEEN} subjects": 1,
    }
    assert {sentence: page.count(sentence) for sentence in said} == said
