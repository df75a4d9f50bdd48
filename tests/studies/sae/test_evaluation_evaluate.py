"""All of it on a tiny model: what the table holds, what a good dictionary is beside its controls, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from depthscope.capture.parts import Cut
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.corpus.read import read_corpus
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.evaluation import evaluate as evaluate_module
from depthscope.studies.sae.evaluation import giving_back
from depthscope.studies.sae.evaluation.evaluate import evaluate, shortened, spread
from depthscope.studies.sae.evaluation.evaluation import joined
from depthscope.studies.sae.evaluation.tasks import own_tasks

WORDS = ["sea", "king", "garden", "letter", "winter", "road", "lamp", "river", "house", "door", "bread", "night"]
RESID, READS, WRITES = Site("resid", 3), Site("mlp-in", 2), Site("mlp", 2)


@pytest.fixture(scope="module")
def windows(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(0)
    for i in range(8):
        (folder / f"{i}.txt").write_text(" ".join(rng.choice(WORDS, 30)) + ".")
    return [x for part in Cut(16, 0, 10**6).parts(read_corpus(folder), tiny.tokenizer) for x in part.windows]


@pytest.fixture(scope="module")
def states(tiny, windows):
    reads = list(Taps(tiny, [RESID, READS, WRITES]).read(windows))
    return {site: torch.cat([read.states[site] for read in reads]) for site in reads[0].states}


def made(encoder, decoder, states, k, site, target=None, goal=None):
    latents = len(encoder)
    return Dictionary(
        encoder.clone(),
        torch.zeros(latents),
        decoder.clone(),
        states.mean(0),
        TopK(k),
        output_bias=None if target is None else goal.mean(0),
        origin=Origin(site=site, target=target),
    )


def nearly(states, noise=0.0, seed=0):
    """Plus and minus the principal directions, of which as many may fire as there are features; turned a little."""
    _, axes = torch.linalg.eigh((states - states.mean(0)).T @ (states - states.mean(0)))
    axes = torch.cat([axes.T, -axes.T])
    turned = axes + noise * torch.randn(axes.shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(turned, dim=-1)


@pytest.fixture(scope="module")
def evaluation(tiny, windows, states):
    first, second = (nearly(states[RESID], 0.02, seed) for seed in (1, 2))
    dictionaries = {
        "good": made(first, first, states[RESID], 20, RESID),
        "twin": made(second, second, states[RESID], 20, RESID),
        "transcoder": made(torch.randn(40, 32), torch.randn(40, 32), states[READS], 4, READS, WRITES, states[WRITES]),
    }
    patch = pytest.MonkeyPatch()
    patch.setattr(giving_back, "CALIBRATION", 100)
    found = evaluate(tiny, dictionaries, windows, predictions=150, progress=False)
    patch.undo()
    return found


def test_a_good_dictionary_beats_its_controls(evaluation):
    good = evaluation.of("good")
    assert good["explained_variance"].value.value > 0.95
    assert good["explained_variance"].control == "random directions"
    for name in ("explained_variance", "nmse", "cosine", "kl", "comes_back"):
        assert good[name].beats_control, name
    assert good["comes_back"].value.value == 1
    assert good["comes_back"].control == "directions drawn alike"
    assert good["l0"].value.value <= 20
    lines = evaluation.of("20 principal components")
    assert good["explained_variance"].beside.value < lines["explained_variance"].value.value
    assert evaluation.of("the mean")["explained_variance"].value.value == pytest.approx(0, abs=0.02)
    # a transcoder of random maps is worth nothing
    assert evaluation.of("transcoder")["explained_variance"].value.value < 0
    assert not evaluation.of("transcoder")["explained_variance"].beats_control


def test_the_tables_are_tidy(evaluation, tmp_path):
    scores = evaluation.scores
    assert evaluation.dictionaries == ["good", "twin", "transcoder"]
    assert not scores.duplicated(["dictionary", "site", "score"]).any()
    assert set(scores["kind"]) == {"dictionary", "control"}
    mine = scores[scores["kind"] == "dictionary"]
    # every number that is better one way or the other stands beside a control
    asked = mine[mine["better"] != "neither"]
    assert (asked["control"] != "").all()
    assert asked["control_value"].notna().all()
    assert (scores.loc[scores["score"] == "explained_variance", "over"] == "documents").all()
    scores.to_csv(tmp_path / "scores.csv", index=False)
    again = pd.read_csv(tmp_path / "scores.csv", keep_default_na=True)
    assert again["value"].to_numpy() == pytest.approx(scores["value"].to_numpy(), nan_ok=True)
    latents = evaluation.latents
    assert len(latents) == 64 + 64 + 40
    good = latents[latents["dictionary"] == "good"]
    assert good["density"].sum() == pytest.approx(evaluation.of("good")["l0"].value.value)
    assert (good["dead"] == (good["density"] == 0)).all()
    assert evaluation.predictions >= 30
    assert evaluation.tokens > evaluation.predictions


def test_scores_by_depth_and_beside_another_model(evaluation):
    depth = evaluation.by_depth("explained_variance")
    assert depth["layer"].tolist() == sorted(depth["layer"])
    assert set(depth["layer"]) == {2, 3}
    beside = evaluation.against(evaluation, "itself")
    score = beside.of("good")["explained_variance"]
    assert score.control == "itself"
    assert score.beside == score.value
    assert not score.beats_control
    beaten = evaluation.beaten.set_index("dictionary")
    assert beaten.loc["good", "beaten"] > beaten.loc["transcoder", "beaten"]
    assert (beaten["asked"] >= beaten["beaten"]).all()
    assert len(joined([evaluation, evaluation]).scores) == 2 * len(evaluation.scores)


def test_the_same_seed_gives_the_same_table(tiny, windows, states):
    one = {"d": made(*[nearly(states[RESID])] * 2, states[RESID], 3, RESID)}
    first, second = (evaluate(tiny, one, windows[:7], predictions=0, seed=5, progress=False).scores for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert "kl" not in set(first["score"])
    other = evaluate(tiny, one, windows[:7], predictions=0, seed=6, progress=False).scores
    assert not first["control_value"].equals(other["control_value"])


def test_windows_are_spread_over_the_text(windows):
    few = spread(windows, 32)
    assert len(few) < len(windows)
    assert abs(sum(len(one.start) for one in few) - 32) <= 16
    assert len({one.document for one in few}) > 1
    assert spread(windows, 10**9) == windows


def test_predictions_come_from_a_dozen_windows(windows):
    few = shortened(windows, 36)
    assert len(few) == 12
    for one in few:
        assert one.measured == (0, 3)
        assert len(one.ids) == len(one.start) == len(one.end) == 3
    assert shortened(windows[:2], 6)[1].measured == (0, 3)
    assert shortened(windows, 10**9) == windows
    assert shortened([], 5) == []


def test_what_cannot_be_evaluated_is_refused(tiny, windows, states, refuses):
    with refuses("no dictionary"):
        evaluate(tiny, {}, windows)
    axes = nearly(states[RESID])
    with refuses("lost", "site"):
        evaluate(tiny, {"lost": made(axes, axes, states[RESID], 3, None)}, windows)
    with refuses("another model"):
        narrow = made(torch.randn(8, 16), torch.randn(8, 16), torch.zeros(2, 16), 3, RESID)
        evaluate(tiny, {"narrow": narrow}, windows, progress=False)
    with refuses("longer text"):
        evaluate(tiny, {"d": made(axes, axes, states[RESID], 3, RESID)}, [], progress=False)
    with refuses("tokens", "at least 1"):
        evaluate(tiny, {"d": made(axes, axes, states[RESID], 3, RESID)}, windows, tokens=0)
    with refuses("6 blocks"):
        evaluate(tiny, {"deep": made(axes, axes, states[RESID], 3, Site("resid", 9))}, windows, progress=False)


def test_questions_come_from_a_folder_or_are_our_own(tiny, windows, states, tmp_path):
    axes = nearly(states[RESID])
    one = {"d": made(axes, axes, states[RESID], 4, RESID)}
    rows = "".join(f"{'down by the sea' if i % 2 else 'in the old house'} {i},{i % 2}\n" for i in range(60))
    (tmp_path / "place.csv").write_text("prompt,target\n" + rows)
    found = evaluate(tiny, one, windows[:7], predictions=0, tasks=str(tmp_path), progress=False)
    (row,) = found.probes.to_dict("records")
    assert (row["task"], row["knows"]) == ("place", True)
    assert found.of("d")["probe_known"].value.value == 1
    assert len(evaluate_tasks("own")) == 35
    assert evaluate_tasks(None) == ()


def evaluate_tasks(tasks):
    return evaluate_module._tasks(tasks, False, 0)


@pytest.mark.thorough
def test_everything_is_measured_when_it_is_asked_for(tiny, windows, states):
    axes = nearly(states[RESID])
    one = {"d": made(axes, axes, states[RESID], 4, RESID)}
    found = evaluate(tiny, one, windows * 8, thorough=True, tasks=own_tasks(40)[:3], progress=False)
    names = set(found.of("d"))
    assert {"ablation_sparsity", "pattern_f1", "probe_loss", "kl"} <= names
    assert len(found.probes) == 3
    assert set(found.left_out) <= {"absorption of d"}
    assert "letters" in names or "cannot be read off" in found.left_out["absorption of d"]
    assert len(found.patterns) > 0
