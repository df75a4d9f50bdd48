"""``depthscope sae sweep``: the law over what was trained, or a sentence that says why there is none."""

import pytest

from depthscope.studies.sae.sweep import losses, sweep_sae
from tests.studies.sae.test_study import SMALL

FEW = {key: value for key, value in SMALL.items() if key not in ("latents", "k")}


def test_all_sizes_are_trained_in_one_pass_and_a_law_joins_them(tiny, books, tmp_path):
    run = sweep_sae(tiny, books, tmp_path / "run", layers=[3], latents=[16, 32, 64], k=[2, 4, 8], rate=0.01, **FEW)
    points = losses(run.training)
    assert list(points.columns) == ["latents", "k", "loss"]
    assert len(points) == 9
    assert points.groupby("k")["loss"].mean().is_monotonic_decreasing
    table = (run.folder / "law.csv").read_text(encoding="utf-8")
    assert "beta_n" in table
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Scaling law" in page
    assert float(run.scaling.predict(64, 8)["loss"].item()) == pytest.approx(points["loss"].min(), rel=0.2)


@pytest.mark.parametrize(
    ("more", "words"),
    [({"layers": [2, 3]}, ("layers", "one")), ({"layers": [3], "latents": [16], "k": [2, 4]}, ("six parameters", "8"))],
    ids=["several layers", "too few sizes"],
)
def test_what_tells_no_law_is_refused(tiny, books, tmp_path, refuses, more, words):
    with refuses(*words):
        sweep_sae(tiny, books, tmp_path / "run", **{"latents": [16, 32, 64], "k": [2, 4, 8], **more}, **FEW)
