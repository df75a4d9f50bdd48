"""``depthscope run sae`` from end to end on a tiny model, and ``depthscope sae show`` of what it wrote."""

import pytest

from depthscope.studies.sae import demo
from depthscope.studies.sae.demo import run_sae
from depthscope.studies.sae.showing import show_sae
from tests.running import record_of, strict_json


@pytest.fixture(scope="module")
def made(tiny, books, tmp_path_factory):
    place = tmp_path_factory.mktemp("demo") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "SHOWN", 400)
        patch.setattr(demo, "MEASURED", 300)
        patch.setattr(demo, "PREDICTED", 64)
        return run_sae(tiny, place, corpus=books, latents=32, k=4, tokens=2560, threads=1, progress=False)


def test_a_run_has_dictionaries_numbers_and_a_page_of_features(made):
    assert list(made.dictionaries["dictionary"]) == ["layer-2", "layer-3", "layer-4"]
    assert (made.folder / "features.html").stat().st_size > 10_000
    assert record_of(made.folder)["status"] == "finished"
    page = (made.folder / "report.html").read_text(encoding="utf-8")
    for title in ("Training", "What is left out", "On text that was held out", "Features"):
        assert f"{title}</h2>" in page
    assert any("features" in str(line) for line in made.told)


def test_no_document_is_both_learnt_from_and_held_out():
    learnt, held = demo._texts(None)
    assert not set(learnt.texts) & set(held.texts)
    assert len(held.texts) >= 20
    assert sum(map(len, learnt.texts.values())) > 150_000


def test_one_feature_is_a_page(made, tiny, books, tmp_path):
    shown = show_sae(
        made.folder, tmp_path / "one.html", model=tiny, corpus=books, layer=3, feature=5, tokens=200, progress=False
    )
    page = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert "latent 5" in page
    assert shown.document["features"]


def test_what_autointerp_tools_read_is_written_beside(made, tiny, books, tmp_path):
    show_sae(
        made.folder,
        tmp_path / "all.html",
        model=tiny,
        corpus=books,
        layer=3,
        tokens=400,
        export=tmp_path / "export",
        progress=False,
    )
    assert list((tmp_path / "export" / "delphi").rglob("*.safetensors"))
    assert list((tmp_path / "export" / "neurons").glob("*.jsonl"))


def test_the_command_shows_the_middle_layer_by_default(
    depthscope, made, model_folder, books, tmp_path, tiny, monkeypatch
):
    from depthscope.studies.sae import showing

    monkeypatch.setattr(showing, "model_of", lambda *_: tiny)
    outcome = depthscope(
        "sae", "show", made.folder, "--corpus", books, "--tokens", "200", "--feature", "3", "--out", tmp_path / "f.html",
        "--no-progress", "--json",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    assert strict_json(outcome.out)["page"] == str(tmp_path / "f.html")
    assert "layer-3" in (tmp_path / "f.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "words"),
    [(("--out", "f.txt"), (".html",)), (("--layer", "9"), ("9",)), (("--feature", "64"), ("64",))],
    ids=["no page", "no such layer", "no such latent"],
)
def test_bad_input_is_one_sentence(depthscope, made, books, tmp_path, tiny, monkeypatch, more, words):
    from depthscope.studies.sae import showing

    monkeypatch.setattr(showing, "model_of", lambda *_: tiny)
    given = [
        "sae",
        "show",
        made.folder,
        "--corpus",
        books,
        "--tokens",
        "200",
        "--out",
        tmp_path / "f.html",
        "--no-progress",
    ]
    sentence = depthscope(*given, *more).sentence
    assert all(word in sentence for word in words), sentence
