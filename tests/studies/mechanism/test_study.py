"""From signature to mechanism on real networks: every file, exact sums, resumption, and every part that may be missing."""

import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as t
import xarray as xr

import depthscope as ds
from depthscope.store.datasets import digest, read_zarr
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.mechanism.study import run_mechanism
from depthscope.telling import plain
from tests.running import OWN, columns_told, lines_of, record_of
from tests.studies.conftest import WORDS

TERMS = "metaphor-literal"
FEW = {"permutations": 200, "resamples": 30}
# below 20 items there is no classifier; 12 with probes are two shards
ITEMS = WORDS[:13]
LATE = {"metaphor": "Her very old and quiet promise was at last a", "literal": "We saw a", "other": "Soups ran up a"}
PROBES = {"metaphor": "So was her love.", "literal": "It was made of stone.", "other": ""}
TABLES = {
    *("mechanism.csv", "contrasts.csv", "clusters.csv", "measures.csv", "correlations.csv"),
    *("scales.csv", "scale-clusters.csv", "scale-contributions.csv", "codebook.csv"),
    *("energy-map.csv", "energy-map-clusters.csv", "relative.csv", "relative-layers.csv"),
}
PARTS, PATCHING = {"parts.csv"}, {"patching.csv", "patching-clusters.csv"}


def table_of(words, pairs=1, **probes):
    rows = [
        (word, str(pair), condition, f"{'Then ' * pair}{start} {word}{',' * (i % 3)} again.", word, PROBES[condition])
        for i, word in enumerate(words)
        for pair in range(pairs)
        for condition, start in LATE.items()
    ]
    table = pd.DataFrame(rows, columns=["item", "pair", "condition", "text", "target", "probe"])
    return table if pairs > 1 else table.drop(columns="pair")


def written(table, folder):
    path = folder / "words.csv"
    table.to_csv(path, index=False)
    return str(path)


def asked(model, stimuli, **more):
    return Settings(model=str(model), stimuli=stimuli, contrasts=(TERMS,), threads=1, contrast=FEW, **more)


@pytest.fixture(scope="module", autouse=True)
def threads():
    """A run sets the threads of torch for the whole process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@contextmanager
def passes(model):
    """Counts forward passes."""
    seen = []
    handle = model.trunk.register_forward_pre_hook(lambda *_: seen.append(1))
    try:
        yield seen
    finally:
        handle.remove()


@pytest.fixture(scope="module")
def settings(model_folder, tmp_path_factory):
    table = table_of(ITEMS)
    table.loc[(table["item"] == ITEMS[0]) & (table["condition"] == "literal"), "probe"] = " "
    return asked(model_folder, written(table, tmp_path_factory.mktemp("stimuli")), token_budget=512)


@pytest.fixture(scope="module")
def told_first():
    """What was said before the work began, and what stood in the folder then."""
    return []


@pytest.fixture(scope="module")
def whole(settings, model, told_first, tmp_path_factory):
    """A run that nobody disturbed: what it found, and how many passes it took."""
    out = tmp_path_factory.mktemp("whole") / "run"

    def say(line):
        told_first.append((line, sorted(path.name for path in out.iterdir())))

    with passes(model) as seen:
        run = run_mechanism(settings, out, command="the words", progress=False, say=say, model=model)
    return run, len(seen)


def bytes_of(out):
    """Everything that must not depend on interruptions."""
    files = [*out.glob("*.csv"), *out.glob("*.nc"), *out.glob("*.md"), *(out / "figures").iterdir()]
    record = record_of(out)
    found = {path.name: path.read_bytes() for path in files}
    return found | {name: record[name] for name in ("settings", "digests", "results", "identity", "status")}


def stamps(out, pattern):
    return {path: path.stat().st_mtime_ns for path in out.glob(pattern) if path.is_file()}


def rows_of(out):
    return pd.read_csv(out / "mechanism.csv").set_index("key")


def test_the_folder_holds_everything_and_nothing_else(whole):
    out = whole[0].folder
    folders = {"figures", "trajectories.zarr", "patching.zarr"}
    files = {"run.json", ".lock", "summary.md", "report.html", "cse.nc", "relative.nc", *TABLES, *PARTS, *PATCHING}
    assert {path.name for path in out.iterdir()} == folders | files
    names = ("scales", "energy-map", "relative", "parts", "patching", "baselines")
    assert {path.name for path in (out / "figures").iterdir()} == {f"{name}.svg" for name in names}


def test_every_figure_that_is_written_is_shown_in_the_summary(whole):
    text = (whole[0].folder / "summary.md").read_text(encoding="utf-8")
    for path in (whole[0].folder / "figures").iterdir():
        assert f"(figures/{path.stem}.png)" in text, path.name
    assert "the words" in text


def test_parts_add_up_to_the_contrast_of_the_stored_cse(whole):
    run, _ = whole
    rows = rows_of(run.folder)
    assert run.found.found is not None  # the conditions are far apart
    parts = rows.loc[["attention", "mlp", "interaction"]]
    assert parts["value"].sum() == pytest.approx(rows.loc["cse", "value"], rel=1e-4, abs=1e-8)
    h = xr.open_dataarray(run.folder / "cse.nc").load()
    main = ds.contrast(h, TERMS, **FEW)
    effect = main.over(*run.found.window)
    expected = [effect.difference, effect.difference_low, effect.difference_high, effect.p, effect.dz]
    np.testing.assert_allclose(rows.loc["cse", ["value", "low", "high", "p", "dz"]].astype(float), expected)
    for layer, some in pd.read_csv(run.folder / "parts.csv").groupby("layer"):
        inside = some[some["part"].isin(["attention", "mlp", "cross"])]["difference"].sum(min_count=3)
        np.testing.assert_allclose(inside, main.table["difference"].sel(layer=layer), rtol=1e-3, atol=1e-7)


def test_parts_of_relative_cse_add_up_to_it_and_the_slope_is_not_split(whole):
    run, _ = whole
    rows = rows_of(run.folder)
    parts = rows.loc[["relative_attention", "relative_mlp", "relative_interaction"]]
    assert parts["value"].sum() == pytest.approx(rows.loc["relative", "value"], rel=1e-4, abs=1e-8)
    traj = read_zarr(run.folder / "trajectories.zarr")
    effect = ds.contrast(ds.cse(traj, relative=True), TERMS, **FEW).over(*run.found.window)
    assert rows.loc["relative", "value"] == pytest.approx(effect.difference)
    slope = ds.contrast(ds.slope(traj)["directions"], TERMS, **FEW).over(*run.found.window)
    assert rows.loc["directions", ["value", "dz"]].tolist() == pytest.approx([slope.difference, slope.dz])
    table = pd.read_csv(run.folder / "parts.csv")
    inside = table[table["part"].str.endswith(", relative to norms")].groupby("layer")["difference"].sum(min_count=3)
    by_layer = pd.read_csv(run.folder / "relative-layers.csv").query("quantity == 'relative'").set_index("layer")
    np.testing.assert_allclose(inside, by_layer["difference"].loc[inside.index], rtol=1e-3, atol=1e-7)
    text = (run.folder / "summary.md").read_text(encoding="utf-8")
    assert "the slope that directions give is not split, for the logarithm of a sum is no sum over parts." in text


def test_clusters_of_the_log_ratio_hang_on_no_weight(whole):
    run, _ = whole
    traj = read_zarr(run.folder / "trajectories.zarr")
    stored = pd.read_csv(run.folder / "energy-map-clusters.csv")
    for norm in ("L1", "L2"):
        found = ds.contrast(ds.energy_map(traj, energy_norm=norm), TERMS, **FEW).clusters_dataframe()
        np.testing.assert_allclose(stored["mass"], found["mass"], rtol=1e-6)
        assert stored["cells"].tolist() == found["cells"].tolist()


def test_the_scales_add_up_to_it_as_well(whole):
    out = whole[0].folder
    assert pd.read_csv(out / "scale-contributions.csv")["difference"].sum() == pytest.approx(
        rows_of(out).loc["cse", "value"], rel=1e-4
    )


def test_the_rows_of_the_exchange_are_those_of_the_public_function(whole, settings, model):
    run, _ = whole
    first, last = run.found.window
    table = pd.read_csv(settings.stimuli)
    table = table[table["item"].isin([*ITEMS[:1], *ITEMS[-4:]])]
    some = ds.patch(model, table, "metaphor", "literal", windows=[run.found.window], token_budget=512, progress=False)
    stored = read_zarr(run.folder / "patching.zarr")
    assert ITEMS[0] not in stored["item"].values
    assert (int(stored["first"][-1]), int(stored["last"][-1])) == (first, last)
    for name in ("intact", "patched"):
        there = stored[name].sel(item=some["item"].values)
        np.testing.assert_allclose(there, some[name], rtol=1e-3, atol=1e-3)
    own = xr.DataArray([1.0, -1.0], {"run": stored["run"].values}, dims="run")
    change = (stored["patched"] - stored["intact"]) * own  # of either probe, towards what fits the twin
    effect = (change.sel(probe="literal") - change.sel(probe="metaphor")).mean(["item", "run"])
    rows = rows_of(run.folder)
    assert rows.loc["patch_together", "value"] == pytest.approx(float(effect[-1]), abs=1e-9)
    inside = slice(first, last + 1)  # state l stands at place l
    assert rows.loc["patch_cluster", "value"] == pytest.approx(float(effect[inside].mean()), abs=1e-9)
    assert rows.loc["patch_cluster", "n"] == len(ITEMS) - 1
    assert run.found.exchange.same == 0


def test_what_has_no_probe_is_named(whole):
    text = (whole[0].folder / "summary.md").read_text(encoding="utf-8")
    assert f"Without probes in both conditions, left out of the exchange: {ITEMS[0]}." in text


def test_only_the_two_conditions_are_traced(whole):
    stored = read_zarr(whole[0].folder / "trajectories.zarr")
    assert set(stored["condition"].values) == {"metaphor", "literal"}
    assert stored.sizes["stimulus"] == 2 * len(ITEMS)
    assert {"part_gram", "lens_entropy"} <= set(stored)


def test_the_cost_is_said_before_anything_is_traced(whole, told_first):
    ((line, there),) = told_first[:1]
    assert there == [".lock", "run.json"]
    stored = read_zarr(whole[0].folder / "trajectories.zarr")
    assert f"ahead: {int(stored['n_tokens'].sum()):,} tokens of texts" in line
    assert f"{2 * len(ITEMS) * 10} states through the head" in line
    assert "with a state exchanged" in line
    assert "tokens/s about 1 min" in line


def test_settings_are_recorded(whole):
    record = record_of(whole[0].folder)
    assert (record["study"], record["status"], record["command"]) == ("mechanism", "finished", "the words")
    settings = record["settings"]
    assert (settings["patch_items"], settings["evidence"], settings["contrasts"]) == (None, "none", [TERMS])
    assert settings["contrast"].items() >= FEW.items()
    assert settings["cse"]["wavelet"] == "paul(4)"
    assert set(record["digests"]) == {"trajectories", "patching"}
    assert list(record["timings"]) == ["load", "trace", "analyse", "baselines", "patch", "report"]
    assert record["results"]["mechanism"][0]["key"] == "cse"
    assert record["digests"]["patching"] == digest(read_zarr(whole[0].folder / "patching.zarr"))


def test_run_again_it_gives_the_same_bytes_without_a_pass_over_the_texts(whole, settings, model, tmp_path):
    run, count = whole
    out = tmp_path / "again"
    shutil.copytree(run.folder, out)
    before = stamps(out, "*.zarr/**/*")
    said = []

    def leave(line):
        said.append(line)
        seen.clear()  # what it takes to know the parts and the speed

    with passes(model) as seen:
        again = run_mechanism(settings, out, command="the words", progress=False, say=leave, model=model)
    assert len(seen) == 0 < count
    assert len(said) == 1
    assert bytes_of(out) == bytes_of(run.folder)
    assert stamps(out, "*.zarr/**/*") == before
    assert again.told[:-2] == run.told[:-2]


@pytest.mark.thorough
def test_killed_in_the_middle_of_patching_it_goes_on_to_the_same_bytes(whole, settings, model, tmp_path):
    run, count = whole
    out, shards = tmp_path / "run", "patching.shards/batch-*.npz"
    words = ["run", "mechanism", "--model", settings.model, "--stimuli", settings.stimuli, "--out", str(out)]
    words += ["--contrast", TERMS, "--permutations", "200", "--resamples", "30", "--threads", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "depthscope", *words, "--token-budget", "512", "--no-progress"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not stamps(out, shards):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate()
    finally:
        process.kill()
    assert process.returncode == -signal.SIGKILL
    finished, traced = stamps(out, shards), stamps(out, "trajectories.zarr/**/*")
    assert len(finished) == 1
    assert said.startswith("ahead: ")  # said at once, not kept until the end
    assert record_of(out)["status"] == "running"

    def look(line):
        assert stamps(out, shards) == finished

    with passes(model) as seen:
        run_mechanism(settings, out, command="the words", progress=False, say=look, model=model)
    assert len(seen) < count - 20  # nothing was paid for twice
    assert stamps(out, "trajectories.zarr/**/*") == traced
    assert bytes_of(out) == bytes_of(run.folder)
    assert not list(out.glob("*.shards"))


def test_pairs_of_one_item_count_once_and_a_model_without_parts_is_measured_as_a_whole(tokenizer, tmp_path):
    torch.manual_seed(4)
    config = t.OpenAIGPTConfig(vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=6, n_head=4)
    model = ds.load(t.OpenAIGPTLMHeadModel(config).eval(), tokenizer)
    table = table_of(ITEMS[:6], pairs=2)
    # a probe in one of the two conditions is none
    table.loc[(table["item"].isin(ITEMS[:2])) & (table["condition"] == "metaphor"), "probe"] = ""
    out = tmp_path / "run"
    settings = asked("post-norm", written(table, tmp_path))
    run = run_mechanism(settings, out, patch_items=3, progress=False, model=model)
    assert run.found.main.n == 6
    assert not (out / "parts.csv").exists()
    assert not (out / "figures" / "parts.svg").exists()
    text = (out / "summary.md").read_text(encoding="utf-8")
    assert "Attention and MLP are not separated: " in text
    assert "a norm or a gate acts on the stream itself" in text
    assert "figures/parts" not in text
    assert list(rows_of(out).index[:1]) == ["cse"]
    assert not {"attention", "mlp", "interaction"} & set(rows_of(out).index)
    stored = read_zarr(out / "patching.zarr")
    assert stored.sizes["item"] == 6
    drawn = set(stored["group"].values)
    assert len(drawn) == 3
    assert not drawn & set(ITEMS[:2])
    assert set(pd.read_csv(out / "patching.csv")["n"]) == {3}
    assert run.found.exchange.by_layer.n == 3
    assert record_of(out)["settings"]["patch_items"] == 3


def test_an_encoder_has_no_exchange_and_says_why(tokenizer, tmp_path):
    torch.manual_seed(2)
    small = {"hidden_size": 32, "num_hidden_layers": 6, "num_attention_heads": 4, "intermediate_size": 64}
    model = ds.load(t.BertModel(t.BertConfig(vocab_size=len(tokenizer), **small)).eval(), tokenizer, stack="encoder")
    out, said = tmp_path / "run", []
    settings = asked("bert", written(table_of(ITEMS[:6]), tmp_path), load={"stack": "encoder"}, keep="states")
    run = run_mechanism(settings, out, progress=False, say=said.append, model=model)
    text = (out / "summary.md").read_text(encoding="utf-8")
    assert "No states were exchanged: " in text
    assert "an encoder sees what follows" in text
    assert "The model is an encoder" in text
    assert " 0 states through the head; at" in said[0]
    assert run.found.exchange is None
    assert not (out / "patching.csv").exists()
    assert not (out / "figures" / "patching.svg").exists()
    stored = read_zarr(out / "trajectories.zarr")
    assert "states" in stored
    assert "lens_entropy" not in stored


class LeftEarlyError(Exception):
    """Raised by whoever is told the cost."""


@pytest.fixture
def cost(tmp_path, tiny):
    """The line that is said first, and nothing after it."""

    def call(table, patch_items=None, **more):
        def leave(line):
            raise LeftEarlyError(line)

        with pytest.raises(LeftEarlyError) as left:
            run_mechanism(
                asked("tiny", written(table, tmp_path), **more),
                tmp_path / f"run-{len(list(tmp_path.iterdir()))}",
                patch_items=patch_items,
                progress=False,
                say=leave,
                model=tiny,
            )
        return str(left.value)

    return call


def test_the_cost_of_fewer_items_is_less_and_of_none_is_none(cost):
    table = table_of(ITEMS[:6])

    def exchanged(line):
        return int(line.split(" with a state")[0].split()[-1].replace(",", ""))

    every, three, many = (exchanged(cost(table, n)) for n in (None, 3, 99))
    assert every == many
    assert three / every == pytest.approx(3 / 6, rel=0.2)
    assert "with a state exchanged" not in cost(table, 0)


def test_a_budget_of_one_token_is_still_a_speed(cost):
    assert cost(table_of(ITEMS[:2]), 0, token_budget=1).startswith("ahead: ")


def test_one_item_with_probes_is_no_test(cost):
    table = table_of(ITEMS[:3])
    table.loc[table["item"].isin(ITEMS[:2]), "probe"] = ""
    assert "with a state exchanged" not in cost(table)


def test_pairs_that_a_causal_model_cannot_tell_apart_and_a_signal_without_parts_leave_the_rest(tiny, tmp_path):
    """Two of four items have probes, and the same text up to the target: nothing of theirs is tested."""
    table = table_of(ITEMS[:4])
    same = table["item"].isin(ITEMS[:2]) & table["condition"].isin(["metaphor", "literal"])
    table.loc[same, "text"] = [f"We saw a {word} of {i}." for i, word in enumerate(table.loc[same, "item"])]
    table.loc[~same, "probe"] = ""
    settings, out = asked("tiny", written(table, tmp_path), cse={"signal": "norm"}), tmp_path / "run"
    run = run_mechanism(settings, out, progress=False, model=tiny)
    assert run.found.main.n == 2
    assert run.found.exchange is None
    told = plain(run.told)
    assert "No states were exchanged: of the items with probes, fewer than 2 are tested" in told
    assert "Attention and MLP are not separated: signal='norm' is no sum of" in told
    assert {path.name for path in out.glob("*.csv")} == TABLES
    assert record_of(out)["status"] == "finished"


@pytest.mark.parametrize("number", [-1, 1])
def test_a_number_of_items_that_is_no_test_is_refused(number, tmp_path, refuses):
    out = tmp_path / "run"
    with refuses(f"patch_items={number}", "at least 2", "0 for none"):
        run_mechanism(asked("tiny", written(table_of(ITEMS[:4]), tmp_path)), out, patch_items=number)
    assert not out.exists()


def test_a_difference_of_differences_is_refused(tmp_path, refuses):
    table = pd.concat([table_of(ITEMS[:4]), table_of(ITEMS[:4]).replace({"other": "rest"}).query("condition=='rest'")])
    settings = Settings(stimuli=written(table, tmp_path), contrasts=("(metaphor-literal)-(other-rest)",))
    out = tmp_path / "run"
    with refuses("compares two conditions", "a-b"):
        run_mechanism(settings, out)
    assert not out.exists()


def test_another_number_of_items_is_another_run(whole, settings, model, refuses):
    with refuses("patch_items (None, now 3)", "choose another --out"):
        run_mechanism(settings, whole[0].folder, patch_items=3, progress=False, model=model)


@pytest.fixture(scope="module")
def by_head(tiny, tmp_path_factory):
    out = tmp_path_factory.mktemp("heads") / "run"
    settings = asked("tiny", written(table_of(ITEMS[:6]), tmp_path_factory.mktemp("stimuli")))
    run = run_mechanism(settings, out, patch_items=0, heads=True, progress=False, model=tiny)
    return run, settings


def test_heads_have_a_table_a_figure_a_paragraph_and_a_place_in_the_record(by_head):
    run, _ = by_head
    out = run.folder
    frame = pd.read_csv(out / "heads.csv")
    assert len(frame) == 6 * 4
    assert set(zip(frame["layer"], frame["head"], strict=True)) == {(k, h) for k in range(1, 7) for h in range(1, 5)}
    assert (frame["p_holm"] >= frame["p"]).all()
    assert (frame["difference"].abs().diff().dropna() <= 0).all()  # the largest first
    assert (out / "figures" / "heads.svg").exists()
    text = (out / "summary.md").read_text(encoding="utf-8")
    assert "(figures/heads.png)" in text
    assert "4 in each block, added up by model.layers.0.self_attn.o_proj" in text
    assert "Heads of attention" in (out / "report.html").read_text(encoding="utf-8")
    assert record_of(out)["settings"]["heads"] is True
    stored = read_zarr(out / "trajectories.zarr")
    assert {"part_gram", "head_dot", "head_square"} <= set(stored)


def test_the_codebook_has_a_line_for_every_column_and_none_that_is_stale(whole, by_head):
    columns = columns_told(whole[0].folder, "mechanism") | columns_told(by_head[0].folder, "mechanism")
    left = lines_of("mechanism") ^ (columns - OWN)
    assert {file for file, _ in left} == {
        "classifier.csv"
    }  # of 20 items and more: tests/studies/mechanism/test_baselines.py


def test_heads_rest_and_mlps_add_up_to_the_difference_over_the_window(by_head):
    run, _ = by_head
    found = run.found
    whole = found.main.over(*found.window).difference
    assert sum(e.difference for e in found.heads.sums.values()) == pytest.approx(whole, rel=1e-4, abs=1e-8)
    frame = pd.read_csv(run.folder / "heads.csv")
    assert frame["difference"].sum() == pytest.approx(found.heads.sums["heads"].difference, rel=1e-6)
    # without the head that contributes most, the difference is another
    stored = read_zarr(run.folder / "trajectories.zarr")
    layer, head = frame.loc[0, ["layer", "head"]].astype(int)
    left = ds.cse_without_heads(stored).sel(attention_block=layer, attention_head=head, layer=slice(*found.window))
    difference = float((left.sel(condition="metaphor") - left.sel(condition="literal")).mean())
    assert frame.loc[0, "without"] == pytest.approx(difference, rel=1e-6)


def test_a_run_with_heads_is_another_run_and_one_without_is_as_it_was(by_head, whole, settings, model, tiny, refuses):
    run, own = by_head
    assert "heads" not in record_of(whole[0].folder)["settings"]
    with refuses("heads", "choose another --out"):
        run_mechanism(own, run.folder, patch_items=0, progress=False, model=tiny)
    with refuses("heads='yes'", "give True"):
        run_mechanism(own, run.folder, heads="yes", progress=False, model=tiny)


def test_a_model_without_heads_is_split_into_parts_and_says_why(tokenizer, tmp_path):
    torch.manual_seed(3)
    small = {"hidden_size": 32, "state_size": 4, "num_hidden_layers": 6}
    network = t.MambaForCausalLM(t.MambaConfig(vocab_size=len(tokenizer), **small, pad_token_id=None)).eval()
    out = tmp_path / "run"
    run = run_mechanism(
        asked("mamba", written(table_of(ITEMS[:6]), tmp_path)),
        out,
        patch_items=0,
        heads=True,
        progress=False,
        model=ds.load(network, tokenizer),
    )
    assert run.found.heads is None
    assert (out / "parts.csv").exists()
    assert not (out / "heads.csv").exists()
    text = (out / "summary.md").read_text(encoding="utf-8")
    assert "Heads are not separated: " in text
    assert "are no heads, whose numbers share the weights of the tokens" in text
