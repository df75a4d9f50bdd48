"""What can be tested is known before anything is traced."""

import pytest

import depthscope as ds
from depthscope.arrays import DEEP_ENOUGH
from depthscope.statistics.terms import Terms
from depthscope.studies.contrast.usable import contexts_of, pairs_of, pairs_told
from tests.conftest import tiny_llama
from tests.running import QUICK

M_L = Terms(("metaphor",), ("literal",))


@pytest.fixture
def late(pairs):
    """Two of four items whose cue stands behind the target; one of the others lacks its twin."""
    same = pairs["item"].isin(["shark", "wall"])
    pairs.loc[same, "text"] = [f"It was a {w} of {x}." for w in ("shark", "wall") for x in ("grief", "mud")]
    return pairs[:7]


def test_the_dry_run_finds_the_pairs_of_the_contrast(model, late):
    table = ds.read_stimuli(late, paired=False)
    contexts = contexts_of(model.tokenizer, table, "last", None, causal=True)
    traj = ds.trace(model, table, progress=False)
    assert contexts == traj["context"].values.tolist()
    with pytest.raises(ds.DepthscopeError) as dry:
        pairs_of(table, M_L, contexts)
    with pytest.raises(ds.DepthscopeError) as real:
        ds.contrast(ds.cse(traj), "metaphor", "literal")
    assert str(dry.value) == str(real.value)
    told = (
        "1 usable pair(s) of 4; left out: 1 without all conditions (key); 2 whose texts are the same up to the target"
    )
    assert told in str(dry.value)
    kept, found = (
        pairs_of(table, M_L, contexts, include_same_context=True),
        ds.contrast(ds.cse(traj), "metaphor", "literal", permutations=10, resamples=10, include_same_context=True),
    )
    assert (kept.incomplete, kept.same_context) == (found.incomplete, found.same_context)
    assert kept.differences["item"].values.tolist() == ["shark", "wall", "storm"]
    assert pairs_told(table, M_L) == "3 usable pair(s) of 4; left out: 1 without all conditions (key)"


def test_an_encoder_sees_what_follows(model, late):
    table = ds.read_stimuli(late, paired=False)
    contexts = contexts_of(model.tokenizer, table, "last", None, causal=False)
    assert pairs_of(table, M_L, contexts).same_context == []


def test_a_run_is_refused_before_the_tracing(run, late, tmp_path):
    path = tmp_path / "late.csv"
    late[:6].to_csv(path, index=False)
    sentence = run(path, tmp_path / "out").sentence
    assert "1 usable pair(s) of 3; left out: 2 whose texts are the same up to the target" in sentence
    assert "(shark, wall)" in sentence
    assert not list((tmp_path / "out").glob("traj*"))


@pytest.fixture(scope="module")
def shallow(tokenizer):
    return ds.load(tiny_llama(len(tokenizer), blocks=DEEP_ENOUGH - 1), tokenizer)


def test_too_few_blocks_are_said_before_the_tracing(shallow, depthscope, pairs, tmp_path, refuses):
    with pytest.warns(UserWarning, match=f"has 4 blocks; cse with its defaults needs {DEEP_ENOUGH}"):
        traj = ds.trace(shallow, pairs, progress=False)
    with refuses(
        "4 layers leave no room", f"the defaults need {DEEP_ENOUGH} layers", "periods=(2, 4) and mask_coi=False"
    ):
        ds.cse(traj)
    # the way out that is told
    assert ds.cse(traj, periods=(2, 4), mask_coi=False).notnull().all()
    folder, table = tmp_path / "model", tmp_path / "pairs.csv"
    shallow.network.save_pretrained(folder)
    shallow.tokenizer.save_pretrained(folder)
    pairs.to_csv(table, index=False)
    words = ("--model", folder, "--stimuli", table, "--out", tmp_path / "out", *QUICK)
    assert f"the defaults need {DEEP_ENOUGH} layers" in depthscope("run", "metaphor", *words).sentence
    checked = depthscope("stimuli", "check", table, "--model", folder)
    assert f"the defaults need {DEEP_ENOUGH} layers" in checked.sentence
    assert "4 blocks, which these settings do not fit" in checked.out


def test_the_defaults_measure_as_few_layers_as_is_said(tokenizer, pairs, recwarn):
    deep = ds.load(tiny_llama(len(tokenizer), blocks=DEEP_ENOUGH), tokenizer)
    assert ds.cse(ds.trace(deep, pairs, progress=False)).notnull().any()
    assert not [one for one in recwarn if "blocks" in str(one.message)]
