import json
import re
import shutil
from contextlib import suppress
from html import unescape

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from depthscope.report.page.brief import brief
from depthscope.store.datasets import read_netcdf, write_netcdf
from depthscope.store.record import RunRecord
from depthscope.store.sealed import REPORT
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.contrast.study import run_metaphor
from depthscope.studies.reports import page_of, report, write_reports
from depthscope.version import __version__
from tests.report.page.conftest import hostile_table
from tests.running import seal_again


@pytest.fixture
def copy(run_folder, tmp_path):
    """A run folder to do things to."""
    return shutil.copytree(run_folder, tmp_path / "copy")


def section_keys(folder):
    return [section.key for section in page_of(folder).sections]


def test_every_run_ends_in_its_page_and_the_page_can_be_made_again(run_folder, copy):
    made = (copy / REPORT).read_bytes()
    (copy / REPORT).unlink()
    assert report(copy) == copy / REPORT
    assert (copy / REPORT).read_bytes() == made == (run_folder / REPORT).read_bytes()


def test_reading_order(copy):
    keys = section_keys(copy)
    order = ["depth", "difference", "controls", "scalograms", "nulls", "confounds", "items", "left_out", "settings"]
    assert [key for key in keys if key in order] == order


def test_the_answer_and_the_words_are_those_of_the_summary(copy):
    page, summary = page_of(copy), (copy / "summary.md").read_text(encoding="utf-8")
    assert len(page.answer) == 2
    for sentence in page.answer:
        assert sentence in summary
    assert page.points
    assert all(f"- {point}\n" in summary for point in page.points)
    assert " ".join(page.explained) in summary
    for section in page.sections:
        if section.key in ("difference", "confounds", "nulls"):
            assert section.words
            assert all(words in summary for words in section.numbers or section.words)


def test_verdicts_are_short_and_their_numbers_stand_in_tables(run_folder):
    sections = {section.key: section for section in page_of(run_folder).sections}
    nulls = sections["nulls"]
    assert nulls.words == [brief(one) for one in nulls.numbers]
    assert not re.search(r"interval|\bdz\b", " ".join(nulls.words))
    (table,) = nulls.tables
    stored = pd.read_csv(run_folder / "null-effects.csv", keep_default_na=False, na_values=[""])
    assert [row[0].text for row in table.rows] == list(stored["null"]) == ["order", "walk", "rotation"]
    beyond = pd.read_csv(run_folder / "evidence.csv").set_index(["group", "label"])
    for row in stored.to_dict("records"):
        dz = beyond.loc[("metaphor - literal, beyond a null", row["null"]), "dz"]
        assert row["dz"] == pytest.approx(dz)
    assert {row[0].text for row in sections["controls"].tables[0].rows} == {"the contrast", "controls"}
    left, groups, _ = sections["confounds"].tables
    stored = pd.read_csv(run_folder / "attenuation.csv")
    assert [row[0].text for row in left.rows] == list(stored["contrast"])
    assert all(row[0].text.endswith(", all else equal") for row in groups.rows)
    assert [table.folded for table in sections["confounds"].tables] == [False, False, True]


def test_small_enough_for_a_letter(run_folder):
    assert (run_folder / REPORT).stat().st_size < 5_000_000


def test_what_the_folder_lacks_is_left_out(copy):
    whole = section_keys(copy)
    (copy / "nulls.csv").unlink()
    (copy / "null-effects.csv").unlink()
    (copy / "figures" / "nulls.svg").unlink()
    shutil.rmtree(copy / "trajectories.zarr")
    record = RunRecord.read(copy / "run.json")
    record.words.pop("nulls")
    record.write(copy / "run.json")
    assert section_keys(copy) == [key for key in whole if key != "nulls"]
    page = page_of(copy)
    noticed = next(one.words for one in page.sections if one.key == "left_out")
    assert noticed[-1].endswith("any more: `figures/nulls.svg`, `null-effects.csv`, `nulls.csv`, `trajectories.zarr`.")
    assert "plane" not in page.data["items"]
    shutil.rmtree(copy / "figures")
    (copy / "cse.nc").unlink()
    for table in copy.glob("*.csv"):
        table.unlink()
    record.words, record.answer = {}, []
    record.write(copy / "run.json")
    assert section_keys(copy) == ["left_out", "settings"]
    (gone,) = next(one.words for one in page_of(copy).sections if one.key == "left_out")
    assert gone.startswith(
        "Of the files that the run wrote, these are not in its folder any more: `attenuation.csv`, `balance.csv`"
    )
    assert "Settings" in report(copy).read_text(encoding="utf-8")


def test_records_of_older_versions_have_no_words(copy):
    stored = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    for name in ("title", "answer", "words"):
        del stored[name]
    del stored["resolved"]["window"]
    (copy / "run.json").write_text(json.dumps(stored), encoding="utf-8")
    page = page_of(copy)
    assert page.answer == []
    assert not page.points
    assert not page.explained
    assert page.title == "metaphor in copy"


def test_settings_versions_and_the_command_are_there(run_folder):
    text = unescape((run_folder / REPORT).read_text(encoding="utf-8"))
    assert "depthscope run metaphor --model '<b>tiny</b>'" in text
    for words in ("contrast.permutations", "cse.wavelet", "transformers", "stimuli", "hidden_states"):
        assert f"<dt>{words}</dt>" in text


def test_every_item_is_there_with_its_texts_and_numbers(run_folder):
    table, data = hostile_table(), page_of(run_folder).data["items"]
    h = read_netcdf(run_folder / "cse.nc", "cse")
    assert {item["name"] for item in data["items"]} == set(table["item"])
    for item in data["items"]:
        for condition, text, numbers in zip(data["conditions"], item["texts"], item["cse"], strict=True):
            row = table[(table["item"] == item["name"]) & (table["condition"] == condition)].iloc[0]
            assert "".join(text["parts"]) == row["text"]
            assert text["parts"][1] == row["target"]
            stored = h.sel(item=item["name"], condition=condition).values
            assert np.allclose([np.nan if v is None else v for v in numbers], stored, atol=6e-5, equal_nan=True)


def test_numbers_of_the_table_are_means_over_the_window(run_folder):
    record = RunRecord.read(run_folder / "run.json")
    first, last = record.resolved["window"]
    h = read_netcdf(run_folder / "cse.nc", "cse").sel(layer=slice(first, last)).mean("layer")
    (table,) = next(one for one in page_of(run_folder).sections if one.key == "items").tables
    sizes = []
    for row in table.rows:
        means = h.sel(item=row[0].text)
        gap = float(means.sel(condition="metaphor") - means.sel(condition="literal"))
        assert row[2].sort == pytest.approx(gap)
        sizes.append(abs(gap))
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "run.json").unlink(), ("no run folder", "give run folders")),
        (lambda f: (f / "run.json").write_text("{"), ("run.json",)),
        (lambda f: set_status(f, "running"), ("not finished", "its own command")),
        (lambda f: (f / "cse.nc").write_bytes(b"CDF\x01junk"), ("cse.nc", "damaged")),
        (lambda f: (f / "figures" / "evidence.svg").write_text("<html>"), ("evidence.svg", "damaged")),
        (lambda f: (f / "figures" / "evidence.svg").write_bytes(b"<svg \xff"), ("evidence.svg", "damaged")),
        (lambda f: (f / "clusters.csv").write_bytes(b'"\xff'), ("clusters.csv", "damaged")),
    ],
)
def test_damage_is_told_in_one_sentence(copy, refuses, spoil, words):
    spoil(copy)
    # as an older version left it, whose records do not tell what a file was
    with suppress(ValueError, OSError):
        edit_record(copy, files={})
    with refuses(*words):
        report(copy)


@pytest.mark.parametrize("name", ["cse.nc", "figures/evidence.svg", "clusters.csv", "items.csv"])
def test_what_changed_since_the_run_wrote_it_is_refused(copy, refuses, name):
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(content)
    before = (copy / REPORT).read_bytes()
    with refuses(str(copy / name), "changed since the run wrote it", "put the original back"):
        report(copy)
    assert (copy / REPORT).read_bytes() == before


def test_what_somebody_added_is_not_on_the_page(copy):
    made = (copy / REPORT).read_bytes()
    shutil.copy(copy / "figures" / "nulls.svg", copy / "figures" / "nulls-2.svg")
    (copy / "power.csv").write_text("rate,n\n1,2\n")
    (copy / "notes.txt").write_text("mine")
    assert report(copy).read_bytes() == made


def test_of_a_run_without_digests_it_is_said_that_nothing_can_be_checked(copy):
    edit_record(copy, files={})
    noticed = next(one.words for one in page_of(copy).sections if one.key == "left_out")
    assert "without digests of its files" in noticed[-1]


def test_a_drawing_of_somebody_else_is_drawn_without_what_would_run(copy):
    path = copy / "figures" / "evidence.svg"
    svg = path.read_text(encoding="utf-8")
    path.write_text(svg.replace("</svg>", "<script>MARK</script><a href='MARK'/></svg>"), encoding="utf-8")
    seal_again(copy)
    page = report(copy).read_text(encoding="utf-8")
    assert "MARK" not in page
    assert "holds what no drawing of ours does, and that is left out: <code>a</code>, <code>script</code>." in page


def test_a_link_out_of_the_folder_is_not_followed(copy, tmp_path, refuses):
    shutil.move(copy / "cse.nc", tmp_path / "elsewhere.nc")
    (copy / "cse.nc").symlink_to(tmp_path / "elsewhere.nc")
    with refuses("cse.nc", "a link leads out"):
        report(copy)


def edit_record(folder, **changes):
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def set_status(folder, status):
    record = RunRecord.read(folder / "run.json")
    record.status = status
    record.write(folder / "run.json")


def test_runs_below_a_folder_are_made_and_linked(copy, tmp_path):
    above = tmp_path / "above"
    one = shutil.copytree(copy, above / "a#b?c 50%")
    (one / REPORT).unlink()
    assert write_reports([above]) == ([one / REPORT], [], [])
    RunRecord("models", {}, status="finished", title="Two models").write(above / "run.json")
    assert write_reports([above]) == ([one / REPORT, above / REPORT], [], [])
    assert 'href="a%23b%3Fc%2050%25/report.html"' in (above / REPORT).read_text(encoding="utf-8")
    assert not page_of(above).about.endswith("depthscope")  # its versions are those of the runs below
    assert page_of(one).about.endswith(f"; depthscope {__version__}")


def test_one_that_is_no_run_keeps_no_other_from_its_page(copy, tmp_path):
    empty, nowhere = tmp_path / "empty", tmp_path / "nowhere"
    unfinished = shutil.copytree(copy, tmp_path / "above" / "unfinished")
    set_status(unfinished, "running")
    empty.mkdir()
    part = shutil.copytree(copy, tmp_path / "above" / "scheme")
    RunRecord("scheme", {}, status="finished").write(part / "run.json")
    written, _, problems = write_reports([empty, nowhere, tmp_path / "above", copy])
    assert written == [copy / REPORT]
    for problem, words in zip(problems, ("no run folder", "no such folder", "not finished"), strict=True):
        assert words in problem
        assert "\n" not in problem


def test_numbers_that_are_too_many_for_the_page_are_pointed_to(copy):
    with (copy / "items.csv").open("a") as table:
        table.write("a - b,x,1,0.5\n" * 60_000)
    seal_again(copy)
    report(copy)
    text = (copy / REPORT).read_text(encoding="utf-8")
    assert '<a href="items.csv">items.csv</a> (large, in the run folder)' in text


# what is left of a study when it has little to say


def small(model_folder, folder, table, **more):
    table.to_csv(folder / "t.csv", index=False)
    settings = Settings(
        model=str(model_folder),
        stimuli=str(folder / "t.csv"),
        **{"evidence": "none", "contrast": {"permutations": 50, "resamples": 20}, "threads": 1, **more},
    )
    run_metaphor(settings, folder / "run", progress=False)
    return folder / "run"


def test_one_contrast_and_nothing_else(model_folder, tmp_path, visit):
    table = hostile_table()
    folder = small(model_folder, tmp_path, table[table["condition"].isin(["metaphor", "literal"])])
    keys = [key for key in section_keys(folder) if key != "left_out"]
    assert keys == ["depth", "difference", "beside", "scalograms", "items", "settings"]
    with visit(folder / REPORT) as seen:
        assert seen.page.locator("figure").count() >= 3


def test_two_layers_in_the_mask_and_statistics_that_are_missing(model_folder, tmp_path, visit):
    table = hostile_table()
    # two items have no intervals; six layers leave two whose scales are free of edge effects
    few = table[table["item"].isin(["shark", "wall"])]
    folder = small(model_folder, tmp_path, few, cse={"layers": (1, 6)})
    measured = read_netcdf(folder / "cse.nc", "cse")
    assert int(np.isfinite(measured.values).any((0, 1)).sum()) == 2
    frame = pd.read_csv(folder / "contrasts.csv")
    assert frame["dz_low"].isna().all()
    with visit(folder / REPORT) as seen:
        assert "nan" not in seen.page.locator("main").inner_text().lower()
        seen.page.locator('[data-table="items"] tbody button').first.click()
        seen.page.wait_for_selector("#item-body .planes svg")


def test_no_item_is_left_to_test(copy, visit):
    h = read_netcdf(copy / "cse.nc", "cse")
    write_netcdf(h.where(h["condition"] != "literal"), copy / "cse.nc")
    seal_again(copy)
    report(copy)
    with visit(copy / REPORT) as seen:
        cells = seen.page.locator('[data-table="items"] tbody td:nth-child(3)').all_inner_texts()
        assert set(cells) == {"not tested"}


def test_a_measure_that_is_missing_everywhere(copy, visit):
    h = read_netcdf(copy / "cse.nc", "cse")
    write_netcdf(xr.full_like(h, np.nan), copy / "cse.nc")
    seal_again(copy)
    report(copy)
    with visit(copy / REPORT) as seen:
        assert seen.page.locator('[data-table="items"] tbody tr').count() == 13
        assert not re.search(r"\bnan\b", seen.page.locator("main").inner_text(), re.IGNORECASE)
