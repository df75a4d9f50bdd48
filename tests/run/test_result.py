"""Whatever study it was, its result ends alike in a terminal and shows itself in a notebook."""

import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from depthscope.studies.contrast.results import Compared
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.contrast.study import run_metaphor
from depthscope.studies.corpora.study import Corpora
from depthscope.studies.models.study import Models


@pytest.fixture(scope="module")
def done(model_folder, stimuli, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    stimuli.to_csv(folder / "pairs.csv", index=False)
    settings = Settings(
        model=str(model_folder),
        stimuli=str(folder / "pairs.csv"),
        evidence="none",
        contrast={"permutations": 100, "resamples": 20},
        threads=1,
    )
    return run_metaphor(settings, folder / "<b>run</b>", progress=False)


def test_the_last_lines_say_how_long_it_took_and_where_it_is(done):
    *_, empty, seconds, where = done.told
    assert empty == ""
    assert re.fullmatch(r"load [\d.]+ s, trace [\d.]+ s, .*; \d+ s in all", seconds)
    assert where == f"run folder: {done.folder} (begin with report.html)"


def test_a_notebook_shows_the_answer_and_the_figure(done):
    html = done._repr_html_()
    for sentence in done.record.answer:
        assert sentence.split("`")[0] in html
    assert "&lt;b&gt;run&lt;/b&gt;/report.html" in html
    assert "<b>run" not in html
    assert re.search(r'<img alt="[^"]{40,}" src="data:image/png;base64,', html)
    assert not plt.get_fignums()  # or the notebook shows it twice


def test_it_draws_itself_onto_the_users_axes(done):
    figure, (left, right) = plt.subplots(1, 2)
    assert done.plot(right) is right
    assert right.lines
    assert not left.lines
    plt.close(figure)


@pytest.mark.parametrize("kind", [Models, Corpora])
def test_studies_of_several_runs_draw_their_forest(kind, tmp_path):
    row = Compared("g", "one", 9, 0.5, 0.1, 0.9, 0.01, 0.9, 0.1, 0.0, 0.2, True, "p = .010")
    found = kind(tmp_path, SimpleNamespace(), [row])
    figure, ax = plt.subplots()
    assert found.plot(ax) is ax
    assert [text.get_text() for text in ax.texts if "one" in text.get_text()] == ["one (n = 9)"]
    plt.close(figure)
