"""How many items an effect needs."""

from depthscope.statistics.power import power_curve
from depthscope.studies.contrast.results import Evidence
from depthscope.studies.contrast.verdicts import in_short
from depthscope.studies.contrast.verdicts.power import power_words
from tests.studies.contrast.planted import (
    INSIDE,
    compare,
)
from tests.studies.contrast.verdicts.planted import two


def power_line(size, sizes):
    real = compare(two(dict.fromkeys(INSIDE, size)), "a", "b")
    power = power_curve(real.differences.values, sizes=sizes, shares=(0.0, 0.5, 1.0), draws=10, permutations=100)
    (line,) = in_short(Evidence(real, power=power))
    return line, power


def test_an_effect_as_large_as_this_needs_few_items():
    line, power = power_line(4.0, (3, 10, 20))
    rates = [f"{100 * float(r):.0f} % with {n}" for n, r in zip((3, 10, 20), power["rate"].sel(share=1.0), strict=True)]
    assert rates[0] == "0 % with 3"  # no p of three items can be small enough
    assert f"(dz {float(power['dz'].sel(share=1.0)):+.2f} at its peak), 10 items are enough for 80 % power" in line
    assert rates[1:] == ["100 % with 10", "100 % with 20"]  # what is certain is told once
    assert "it is detected in 0 % with 3, 100 % with 10 and more items." in line
    assert "found at 80 % power: " in line
    assert " with 3," not in line.split("found at 80 % power: ")[1]


def test_what_other_halves_show_is_told_apart_only_where_it_is_less():
    real = compare(two(dict.fromkeys(INSIDE, 4.0)), "a", "b")
    power = power_curve(real.differences.values, sizes=(10,), shares=(0.0, 1.0), draws=10, permutations=100)
    told = {share: power_words(power.assign_attrs(shrunken=share)) for share in (1.0, 0.7)}
    assert "100 % of it" in told[1.0]
    assert "Taken as it was observed" not in told[1.0]
    assert "70 % of it" in told[0.7]
    assert "Taken as it was observed" in told[0.7]


def test_where_no_number_of_items_was_enough_it_says_so():
    line, _ = power_line(0.8, (3, 4))
    assert "more items are needed than were tried: it is detected in 0 % with 3, 0 % with 4 items" in line
    assert line.endswith("Smallest peak |dz| found at 80 % power: none.")
