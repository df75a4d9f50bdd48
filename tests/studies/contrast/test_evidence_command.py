"""What can be asked beyond the contrast: options, refusals, and a run with all of it, disturbed or not."""

import re
import shlex
import shutil

import numpy as np
import pandas as pd
import pytest

import depthscope as ds
from depthscope.cli.main import main
from depthscope.instrument.specifications import AXES
from depthscope.report.codebook import GIVEN, NAME, OPEN
from depthscope.statistics.mixed import mixed_model
from depthscope.studies.contrast import study as metaphor
from depthscope.studies.contrast.gathering import EFFORTS, Effort
from tests.running import FEW, OWN, columns_told, lines_of, record_of, results_of

SMALL = Effort(swaps=10, surrogates=2, untrained=2, joint=20, studies=2, mixed=1)
STAGES = ["load", "trace", "analyse", "controls", "confounds", "nulls", "specifications", "power", "mixed", "report"]


@pytest.fixture(scope="module", autouse=True)
def little_effort():
    """Fewer draws, and four specifications for each token: all that is slow about a full run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EFFORTS, "full", SMALL)
        patch.setitem(EFFORTS, "quick", Effort(swaps=10, surrogates=1, untrained=0, joint=0, studies=0))
        for axis in AXES:
            if axis not in ("wavelet", "edges"):
                patch.setitem(AXES, axis, dict([next(iter(AXES[axis].items()))]))
        patch.setitem(AXES, "wavelet", {name: AXES["wavelet"][name] for name in ("paul(4)", "haar")})
        yield


@pytest.fixture(scope="module")
def table(stimuli, tmp_path_factory):
    path = tmp_path_factory.mktemp("stimuli") / "words.csv"
    stimuli[["item", "condition", "text", "target", "arousal", "kind"]].to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def words(table, model_folder):
    return [
        *("run", "metaphor", "--model", str(model_folder), "--stimuli", str(table), *FEW, "--token-budget", "64"),
        *("--evidence", "full", "--confound", "surprisal", "--confound", "arousal", "--confound", "n_subtokens"),
        *("--contrast", "metaphor-literal", "--contrast", "metaphor-complex"),
        *("--crossed", "kind", "--sample", "20", "--language", "en", "--bound", "0.3"),
    ]


@pytest.fixture(scope="module")
def finished(words, tmp_path_factory):
    out = tmp_path_factory.mktemp("full") / "run"
    assert main([*words, "--out", str(out)]) == 0
    return out


FILES = {
    *(
        "run.json",
        ".lock",
        "summary.md",
        "report.html",
        "cse.nc",
        "relative.nc",
        "layers.csv",
        "contrasts.csv",
        "clusters.csv",
    ),
    *("texts.csv", "codebook.csv", "relative.csv", "relative-layers.csv"),
    *("items.csv", "scalograms.csv", "evidence.csv", "covariates.csv", "balance.csv", "attenuation.csv"),
    *("nulls.csv", "null-effects.csv"),
    *("specifications.csv", "specifications-joint.csv", "specifications-relative.csv"),
    *("specifications-relative-joint.csv", "power.csv", "mixed.csv", "mixed-variances.csv"),
}
TRACES = {"trajectories", "untrained-0", "untrained-1", "subtoken-first", "subtoken-mean"}


def test_the_folder_of_a_full_run_holds_everything_and_nothing_else(finished):
    assert {path.name for path in finished.iterdir()} == {*FILES, "figures", *(f"{name}.zarr" for name in TRACES)}
    kinds = [
        f"{kind}-metaphor-minus-{c}" for kind in ("difference", "items", "scalograms") for c in ("literal", "complex")
    ]
    kinds += [
        "cse-by-condition",
        "relative",
        "evidence",
        "covariates",
        "reliability",
        "nulls",
        "specifications",
        "power",
    ]
    assert {path.name for path in (finished / "figures").iterdir()} == {f"{kind}.svg" for kind in kinds}


def test_the_codebook_has_a_line_for_every_column_and_none_that_is_stale(finished):
    columns, said = columns_told(finished, "metaphor"), lines_of("metaphor")
    # of several pairs an item, and what this table does not bring
    assert said - (columns - OWN) == {(OPEN, "pair")}
    book = pd.read_csv(finished / NAME, keep_default_na=False)
    given = book[(book["file"] == OPEN) & (book["meaning"] == GIVEN.meaning)]
    assert set(given["column"]) == {"arousal", "kind"}
    assert not set(zip(given["file"], given["column"], strict=True)) & said


def test_the_record_holds_what_was_asked_and_how_much_of_it(finished, words):
    record = record_of(finished)
    settings = record["settings"]
    assert settings["evidence"] == "full"
    assert settings["effort"] == vars(SMALL)
    assert settings["confounds"] == ["surprisal", "arousal", "n_subtokens"]
    assert settings["crossed"] == ["kind"]
    assert (settings["sample"], settings["language"], settings["contrast"]["bound"]) == (20, "en", 0.3)
    assert set(record["digests"]) == TRACES
    assert list(record["timings"]) == STAGES
    assert shlex.split(record["command"])[1:-2] == words


def test_every_contrast_is_in_the_tables_once(finished):
    asked = ["metaphor - literal", "metaphor - complex"]
    controls = ["complex - literal", "anomalous - literal", "metaphor - anomalous"]
    assert list(record_of(finished)["results"]) == asked + controls
    contrasts = pd.read_csv(finished / "contrasts.csv")
    assert list(contrasts["contrast"]) == [name for name in asked + controls for _ in range(10)]
    assert not contrasts.duplicated(["contrast", "layer"]).any()
    assert set(contrasts["n"]) == {20}
    text = (finished / "summary.md").read_text(encoding="utf-8")
    assert text.count("**metaphor - complex: ") == 1
    assert "**complex - literal: " not in text


def test_the_tables_of_the_evidence_agree_with_one_another(finished):
    evidence, contrasts = (pd.read_csv(finished / f"{name}.csv") for name in ("evidence", "contrasts"))
    controls = ["complex - literal", "metaphor - complex", "anomalous - literal", "metaphor - anomalous"]
    assert list(evidence["label"][:5]) == ["metaphor - literal", *controls]
    assert set(pd.read_csv(finished / "nulls.csv")["null"]) == {"order", "walk", "rotation", "untrained"}
    beyond = evidence[evidence["group"] == "metaphor - literal, beyond a null"]
    assert list(beyond["label"]) == ["order", "walk", "rotation", "untrained"]
    balance = pd.read_csv(finished / "balance.csv")
    assert set(balance["contrast"]) == {"metaphor - literal", "metaphor - complex", "metaphor - anomalous"}
    assert balance.set_index(["contrast", "covariate"])["not_adjusted"].dropna().to_dict() == {
        (name, "n_subtokens"): "the same in all conditions of every item" for name in dict.fromkeys(balance["contrast"])
    }
    curve = pd.read_csv(finished / "specifications.csv")
    assert len(curve) == 3 * 4
    free = pd.read_csv(finished / "specifications-relative.csv")
    assert free["quantity"].value_counts().to_dict() == {"relative": 3 * 4, "directions": 3 * 4}
    layers = pd.read_csv(finished / "relative-layers.csv").set_index(["quantity", "layer"])
    default = free.groupby("quantity").first()
    for name, row in default.iterrows():
        assert np.isclose(layers.loc[(name, row["layer"]), "dz"], row["dz"])
    main = contrasts[contrasts["contrast"] == "metaphor - literal"].set_index("layer")
    assert np.isclose(main.loc[curve.loc[0, "layer"], "dz"], curve.loc[0, "dz"])
    power = pd.read_csv(finished / "power.csv")
    assert set(power["share"]) == {0.0, 0.25, 0.5, 0.75, 1.0, 1.5}


def test_the_mixed_models_are_those_of_the_table_of_texts(finished):
    """What the folder says can be found again from its own texts, and stands on the page and in what opens the folder."""
    opened = ds.open_run(finished)
    found, variances, window = (
        opened.tables["mixed"],
        opened.tables["mixed-variances"],
        opened.record.resolved["window"],
    )
    assert list(found["model"]) == ["item", "item + kind + kind:condition"]
    for (_, row), crossed in zip(found.iterrows(), ([], ["kind"]), strict=True):
        again = mixed_model(opened.tables["texts"], "metaphor", "literal", crossed=crossed, layers=tuple(window))
        numbers = [getattr(again, name) for name in ("n", "difference", "error", "low", "high", "t", "df", "p")]
        assert list(row["n":"p"]) == pytest.approx(numbers, rel=1e-9)
        own = variances[variances["model"] == row["model"]].set_index("factor")
        assert own["sd"].to_dict() == pytest.approx(dict(again.sds), rel=1e-9)
        assert own["levels"].drop("residual").to_dict() == again.levels
    assert found["df"][1] == 1
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "Is it there with what texts share held random?" in page
    assert "item + kind + kind:condition" in page
    assert "**With what texts share held random (item + kind + kind:condition), is it there too?" in opened.summary


def test_every_question_has_its_sentence_in_the_summary(finished):
    text = (finished / "summary.md").read_text(encoding="utf-8")
    for words in (
        *("all else equal", "**Layer order shuffled", "**Random walks", "**Layers rotated", "random weights:**"),
        *("**Labels swapped by coin:**", "**Does it depend on an arbitrary choice?**", "**How many items?**"),
        *("swaps 10, surrogates 2, untrained 2, joint 20, studies 2", "--evidence full"),
    ):
        assert words in text, words
    assert not re.search(r"\bnan\b", text)


def stamps(out):
    return {path: path.stat().st_mtime_ns for path in out.glob("*.zarr/**/*") if path.is_file()}


def test_a_finished_full_run_run_again_gives_the_same_bytes_without_tracing(finished, words, tmp_path, depthscope):
    out = tmp_path / "again"
    shutil.copytree(finished, out)
    before = stamps(out)
    outcome = depthscope(*words, "--out", out)
    assert outcome.status == 0, outcome.err
    assert results_of(out) == results_of(finished)
    assert stamps(out) == before


@pytest.mark.thorough
def test_a_run_killed_among_untrained_networks_goes_on_to_the_same_bytes(
    finished, words, tmp_path, depthscope, monkeypatch
):
    out, real = tmp_path / "run", metaphor.untrained

    def stopping(model, seed):
        """The real network, with a Control-C in the third forward pass of the second one."""
        network, seen = real(model, seed), []
        assert network.tail  # found by passes of its own, before those that are counted

        def hook(*_):
            seen.append(1)
            if seed == 1 and len(seen) == 3:
                raise KeyboardInterrupt

        network.trunk.register_forward_pre_hook(hook)
        return network

    monkeypatch.setattr(metaphor, "untrained", stopping)
    outcome = depthscope(*words, "--out", out)
    assert outcome.status == 130
    assert "run the same command again" in outcome.err
    assert set(record_of(out)["digests"]) == {"trajectories", "untrained-0"}
    shards = {path.name: path.stat().st_mtime_ns for path in (out / "untrained-1.shards").iterdir()}
    assert len(shards) == 2
    before = stamps(out)

    monkeypatch.undo()
    assert depthscope(*words, "--out", out).status == 0
    assert {path: stamp for path, stamp in stamps(out).items() if path in before} == before
    assert results_of(out) == results_of(finished)
    assert not list(out.glob("*.shards"))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--evidence", "quick"], "evidence (full, now quick)"),
        (["--confound", "n_tokens"], "confounds (["),
        (["--crossed", "arousal"], "crossed (["),
        (["--sample", "19"], "sample (20, now 19)"),
        (["--bound", "0.4"], "contrast.bound (0.3, now 0.4)"),
    ],
)
def test_other_evidence_into_the_same_folder_is_refused_by_name(finished, words, depthscope, more, named):
    # nothing is crossed where there are no mixed models, which would be said first
    words = [word for word in words if "quick" not in more or word not in ("--crossed", "kind")]
    assert named in depthscope(*words, *more, "--out", finished).sentence


# --- a quick run, and refusals

FULL = ("--evidence", "full")


def test_quick_is_the_default_and_its_answer_is_printed(depthscope, table, model_folder, tmp_path):
    out = tmp_path / "run"
    outcome = depthscope(
        *("run", "metaphor", "--model", model_folder, "--stimuli", table, "--out", out, *FEW),
        *("--contrast", "(metaphor-literal)-(complex-anomalous)", "--confound", "surprisal"),
        *("--reliability", "surprisal=.8"),
    )
    assert outcome.status == 0, outcome.err
    record = record_of(out)
    assert record["settings"]["evidence"] == "quick"
    assert record["settings"]["reliability"] == {"surprisal": 0.8}
    assert set(record["digests"]) == {"trajectories"}
    assert "(metaphor - literal) - (complex - anomalous): cse, n = 24 items" in outcome.out
    assert "mean CSE over layers " in outcome.out
    assert "adjusted for surprisal" in outcome.out
    assert "Labels swapped by coin: something is found in " in outcome.out
    assert "**" not in outcome.out
    assert "specifications" not in {path.stem for path in out.glob("*.csv")}
    figures = {path.name for path in (out / "figures").glob("*.svg")}
    assert {"evidence.svg", "covariates.svg", "nulls.svg"} < figures
    assert not {"specifications.svg", "power.svg"} & figures


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--confound", "beauty"], ["confound 'beauty'", "no such column", "surprisal", "n_tokens", "arousal"]),
        (["--confound", "surprisal", "--confound", "kind"], ["confound 'kind'", "not a column of numbers", "arousal"]),
        (["--confound", "text"], ["confound 'text'", "not a column of numbers"]),
        (["--crossed", "kind"], ["--crossed kind: ", "--evidence full"]),
        ([*FULL, "--crossed", "verb"], ["--crossed verb: ", "no such column", "kind"]),
        ([*FULL, "--crossed", "condition"], ["--crossed condition: ", "cannot be crossed", "kind"]),
        (
            [*FULL, "--crossed", "kind", "--crossed", "target"],
            ["--crossed kind target: ", "'target' says", "'item' says"],
        ),
        (["--reliability", "beauty=.8"], ["--reliability beauty=0.8", "not adjusted for", "surprisal"]),
        (["--reliability", "surprisal=1.2"], ["--reliability surprisal=1.2", "above 0, up to 1"]),
        (["--reliability", "surprisal=.8", "--reliability", "surprisal=.7"], ["surprisal is given twice, 0.8 and 0.7"]),
        (["--reliability", "surprisal=.8", "--evidence", "none"], ["--reliability", "adjusts for nothing"]),
        (["--sample", "0"], ["--sample 0: ", "24 items", "from 1 to that"]),
        (["--sample", "25"], ["--sample 25: ", "24 items"]),
        (["--sample", "1"], ["metaphor - literal: 1 item(s) with all its conditions"]),
        (["--language", "tlh"], ["--language tlh: ", "no word frequencies", "en"]),
        (["--bound", "0"], ["--bound 0: ", "above 0"]),
        (
            ["--contrast", "(metaphor-literal)-(complex-irony)"],
            ["complex-irony", "metaphor, literal, complex, anomalous"],
        ),
        (["--contrast", "(metaphor-literal)"], ["'(metaphor-literal)'", "write it as a-b, or as (a-b)-(c-d)"]),
        (["--contrast", "(metaphor-literal)-(metaphor-literal)"], ["write it as a-b"]),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence_and_leaves_no_folder(depthscope, table, tmp_path, words, said):
    out = tmp_path / "run"
    # before the model is loaded: there is none of that name
    outcome = depthscope("run", "metaphor", "--model", "no/model", "--stimuli", table, "--out", out, *FEW, *words)
    for part in said:
        assert part in outcome.sentence
    assert "no/model" not in outcome.sentence
    assert not out.exists()


@pytest.mark.parametrize(
    ("study", "words"),
    [
        ("metaphor", ["--evidence", "some"]),
        ("metaphor", ["--sample", "few"]),
        ("metaphor", ["--bound", "small"]),
        ("corpora", ["--evidence", "all"]),
    ],
)
def test_a_word_that_is_no_choice_is_refused_with_those_there_are(depthscope, table, tmp_path, study, words):
    out = tmp_path / "run"
    needed = ["--folder", tmp_path] if study == "corpora" else ["--stimuli", table]
    outcome = depthscope("run", study, "--out", out, *needed, *words)
    assert outcome.status == 2
    assert f"argument {words[0]}: invalid" in outcome.err
    if words[0] == "--evidence":
        assert all(f"{level}" in outcome.err for level in ("none", "quick", "full"))
    assert not out.exists()


def test_corpora_need_a_folder_that_holds_them(depthscope, tmp_path):
    out = tmp_path / "run"
    assert "--folder" in depthscope("run", "corpora", "--out", out).err
    sentence = depthscope("run", "corpora", "--folder", tmp_path / "nowhere", "--out", out).sentence
    assert "set cardillo: " in sentence
    assert "nowhere: no such folder" in sentence
    assert (
        "nothing to compare"
        in depthscope("run", "corpora", "--folder", tmp_path, "--out", out, "--evidence", "none").sentence
    )
    assert not out.exists()


def test_help_lists_the_studies_and_their_options(depthscope):
    shown = depthscope("run", "--help").out
    assert "metaphor" in shown
    assert "corpora" in shown
    options = {study: depthscope("run", study, "--help").out for study in ("metaphor", "corpora")}
    for shown in options.values():
        for word in ("--evidence", "--confound", "--language", "--bound", "--contrast", "--folder", "--out"):
            assert f"{word} " in shown, word
        assert "{none,quick,full}" in shown
    assert "--sample N" in options["metaphor"]
    assert "--stimuli" in options["metaphor"]
    # the sets of the study over sets are given
    assert "--sample" not in options["corpora"]
    assert "--stimuli" not in options["corpora"]


def test_the_covariates_that_help_names_are_those_there_are(depthscope):
    from depthscope.studies.contrast.confounds import CONFOUNDS

    shown = " ".join(depthscope("run", "metaphor", "--help").out.split())
    assert ", ".join(CONFOUNDS) in shown
