"""What one set shows, asked of the others: every answer planted."""

import numpy as np
import pytest

from depthscope.statistics.balance import imbalance
from depthscope.studies.contrast.results import Confounding, Evidence
from depthscope.studies.contrast.verdicts.controls import control_words
from depthscope.studies.corpora.page import ANALYSES
from depthscope.studies.corpora.results import compare_sets, sets_table
from depthscope.studies.corpora.words import controls, intro, replications
from tests.studies.contrast.planted import ELSEWHERE, HALF, HIGHER, LOWER, NOTHING, compare, evidence, measure, rows_of

WINDOW = "layers 5-8, chosen by ours"
HELD = "layers 5-8, covariates held equal"
OWN = "its own strongest cluster, at the peak"


def a_set(planted, items=24, seed=5, **more):
    return evidence(measure({"a": planted, "b": NOTHING, **more}, items=items, seed=seed))


def answer(**sets):
    return replications(compare_sets(sets), sets)


def test_what_is_there_in_another_set_replicates():
    assert answer(ours=a_set(HIGHER), theirs=a_set(HALF, seed=6)) == "What `ours` shows replicates in theirs."


def test_what_is_there_in_the_other_direction_is_reversed():
    assert answer(ours=a_set(HIGHER), theirs=a_set(LOWER)) == "What `ours` shows is reversed in theirs."
    assert answer(ours=a_set(LOWER), theirs=a_set(HIGHER)) == "What `ours` shows is reversed in theirs."
    assert answer(ours=a_set(LOWER), theirs=a_set(LOWER, seed=6)) == "What `ours` shows replicates in theirs."


def test_what_is_at_other_layers_is_not_a_replication():
    sets = {"ours": a_set(HIGHER), "theirs": a_set(ELSEWHERE)}
    assert sets["theirs"].found
    assert replications(compare_sets(sets), sets) == "What `ours` shows is not found in theirs."


def test_enough_items_tell_absent_from_not_found():
    assert answer(ours=a_set(HIGHER), few=a_set(NOTHING), many=a_set(NOTHING, items=80)) == (
        "What `ours` shows is absent from many (|dz| below 0.2); is not found in few."
    )


def test_every_set_has_its_place_in_the_sentence():
    sets = {
        "ours": a_set(HIGHER),
        "less": a_set(HALF),
        "down": a_set(LOWER),
        "more": a_set(HIGHER, seed=6),
        "none": a_set(NOTHING),
    }
    assert replications(compare_sets(sets), sets) == (
        "What `ours` shows replicates in less, more; is not found in none; is reversed in down."
    )


def test_one_set_alone_has_nothing_to_compare_with():
    assert answer(ours=a_set(HIGHER)) == "There is no other set to compare with."


def test_a_first_set_that_shows_nothing_cannot_be_replicated():
    text = answer(ours=a_set({6: 0.5}), theirs=a_set(HIGHER))
    assert text == "`ours` itself shows nothing that could replicate; the table says what the others show."


@pytest.fixture(scope="module")
def sets():
    """Three sets: one adjusted for a covariate, one with a control and an effect elsewhere, one without any cluster."""
    gaps = np.column_stack([np.tile([1.0, -1.0, -1.0, 1.0], 6), np.zeros(24)])
    h = measure({"a": HIGHER, "b": NOTHING}, rarity=(("item", "condition"), gaps))
    main = compare(h, "a", "b")
    adjusted = {name: compare(h, "a", "b", adjust=["rarity"]) for name in ("rarity", "all")}
    held = Confounding(main, imbalance(h, main.terms, ["rarity"]), {}, adjusted, {}, {})
    return {
        "ours": Evidence(main, confounding=[held]),
        "theirs": a_set(ELSEWHERE, items=30, c=NOTHING),
        "flat": a_set(NOTHING, items=40),
    }


def test_all_are_compared_at_the_layers_of_the_first_then_at_their_own(sets):
    rows = compare_sets(sets)
    assert [(row.group, row.label, row.n) for row in rows] == [
        (WINDOW, "ours", 24),
        (WINDOW, "theirs", 30),
        (WINDOW, "flat", 40),
        (HELD, "ours", 24),
        (OWN, "ours", 24),
        (OWN, "theirs", 30),
    ]


def test_rows_at_the_window_hold_the_mean_effect_over_it(sets):
    rows = compare_sets(sets)
    contrasts = [*(e.main for e in sets.values()), sets["ours"].confounding[0].adjusted["all"]]
    for row, contrast in zip(rows, contrasts, strict=False):
        effect = vars(contrast.over(5, 8))
        np.testing.assert_equal({name: getattr(row, name) for name in effect}, effect)
        assert row.found == (row.p <= 0.05)
    assert [row.found for row in rows[:4]] == [True, False, False, True]
    assert rows[0].said == "p = .005"


def test_rows_of_their_own_hold_the_strongest_cluster(sets):
    row = compare_sets(sets)[-1]
    (k,) = sets["theirs"].main.clusters
    assert (row.dz, row.low, row.high, row.p) == (k.dz, k.dz_low, k.dz_high, k.p)
    assert row.said == "layers 14-16, p = .005"
    assert row.p_equivalence == sets["theirs"].main.equivalence(14, 16)


def test_equivalence_stands_in_the_row():
    rows = compare_sets({"ours": a_set(HIGHER), "many": a_set(NOTHING, items=80)})
    assert rows[1].said == f"p = 1.000; |dz| < 0.2, p = {rows[1].p_equivalence:.3f}".replace("p = 0.", "p = .")


def test_the_table_holds_every_row_under_its_group(sets):
    rows = compare_sets(sets)
    text = ANALYSES.of(sets_table(rows)).markdown()
    table = rows_of(text)[2:]
    assert [row[0] for row in table] == [WINDOW, "", "", HELD, OWN, ""]
    assert [row[1] for row in table] == [row.label for row in rows]
    assert [row[-1] for row in table] == [row.said for row in rows]
    assert "nan" not in text
    (sheet,) = ANALYSES.sheets(sets_table(rows), "")
    assert [row[0] for row in sheet.rows if len(row) == 1] == [WINDOW, HELD, OWN]


def test_what_the_numbers_mean_and_what_controls_say(sets):
    assert intro(sets).startswith("The window, layers 5-8, was chosen by the set `ours` alone")
    e = sets["theirs"]
    assert controls(sets) == [f"theirs: {control_words(e, e.controls[0])}."]


def test_without_controls_there_is_no_word_on_them():
    # a control, and nothing found to ask it about
    assert controls({"ours": a_set(HIGHER), "flat": a_set(NOTHING, c=NOTHING)}) == []


def test_no_name_breaks_the_table():
    sets = {"o|urs": a_set(HIGHER), "the\nirs": a_set(HALF)}
    text = ANALYSES.of(sets_table(compare_sets(sets))).markdown()
    assert {len(row) for row in rows_of(text)} == {5}
    assert [row[1] for row in rows_of(text)[2:4]] == ["o|urs", "the irs"]
