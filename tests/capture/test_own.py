"""Activations of one's own: what ``trace`` gives of the same states, and what is refused because it cannot be right."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import depthscope as ds
from depthscope.capture import stack
from tests.conftest import tiny_llama
from tests.model.families import SETTINGS, build

KEPT = ("gram", "initial_dot", "state_norm", "participation", "update_norm")


def own(states: Any, table: Any = None, **options: Any) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ds.from_states(states, table, progress=False, **options)


def hidden(model: ds.Model, traj: xr.Dataset) -> list[torch.Tensor]:
    """``output_hidden_states`` of the targets, one tensor (text, feature) for each state."""
    rows = []
    for text, token in zip(traj["text"].values, traj["token_index"].values, strict=True):
        ids = torch.tensor([model.tokenizer(str(text))["input_ids"]])
        network: Any = model.network
        with torch.inference_mode():
            rows.append(
                [h[0, int(token)] for h in network(ids, output_hidden_states=True, use_cache=False).hidden_states]
            )
    return [torch.stack(states) for states in zip(*rows, strict=True)]


def agrees(found: xr.Dataset, traj: xr.Dataset, depth: int | None = None, tolerance: float = 1e-6) -> None:
    depth = depth or traj.sizes["layer"]
    expected = traj.isel(layer=slice(depth), other_layer=slice(depth), state=slice(depth + 1))
    for name in KEPT:
        assert found[name].dims == expected[name].dims
        scale = float(np.abs(expected[name]).max())
        np.testing.assert_allclose(found[name], expected[name], rtol=tolerance, atol=tolerance * scale, err_msg=name)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    starts = {
        "metaphor": ("The new lawyer is a", "His promise was the old"),
        "literal": ("The big fish saw a", "We sold one"),
    }
    rows = [
        {"item": word, "condition": condition, "text": f"{some[i % 2]} {word}.", "target": word, "rank": i}
        for i, word in enumerate(("shark", "wall", "storm", "key", "cage"))
        for condition, some in starts.items()
    ]
    return pd.DataFrame(rows).rename(columns={"rank": "arousal"})


@pytest.fixture(scope="module")
def traj(tiny: ds.Model, table: pd.DataFrame) -> xr.Dataset:
    return ds.trace(tiny, table, keep="states", progress=False)


@pytest.fixture(scope="module")
def states(traj: xr.Dataset) -> np.ndarray:
    return traj["states"].values


def test_whatever_holds_the_states_gives_what_trace_gives(
    traj: xr.Dataset, states: np.ndarray, table: pd.DataFrame, tmp_path: Any
) -> None:
    zarr = pytest.importorskip("zarr")
    stored = zarr.create_array(tmp_path / "s.zarr", shape=states.shape, chunks=(3, 4, 32), dtype="float32")
    stored[:] = states
    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    for number in range(7):
        group.create_array(f"state_{number}", data=np.ascontiguousarray(states[:, number]))
    layers = list(states.swapaxes(0, 1))
    cache = {f"blocks.{k}.hook_resid_post": layers[k + 1] for k in reversed(range(6))}
    cache |= {
        "hook_embed": 0 * layers[0],
        "blocks.0.hook_resid_pre": layers[0],
        "blocks.0.attn.hook_pattern": np.ones(3),
    }
    holders = {
        "numpy": states,
        "torch": torch.tensor(states),
        "zarr": stored,
        "a group": group,
        "a list": layers,
        "a tuple of tensors": tuple(map(torch.tensor, layers)),
        "numbers": {k: layers[k] for k in (3, 1, 2, 0, 6, 5, 4)},
        "names": {f"hidden_states.{k}": layer for k, layer in enumerate(layers)},
        "blocks and what enters": {f"model.layers.{k}": layers[k + 1] for k in range(6)} | {"embed": layers[0]},
        "a cache": cache,
    }
    for name, holder in holders.items():
        found = own(holder, table)
        agrees(found, traj)
        assert found.attrs["last"].startswith("raw"), name
        xr.testing.assert_allclose(
            ds.cse(found).drop_vars(ds.cse(found).coords), ds.cse(traj).drop_vars(ds.cse(traj).coords)
        )
        assert found["arousal"].values.tolist() == table["arousal"].tolist()


def test_states_of_a_trace_bring_their_labels_along(traj: xr.Dataset) -> None:
    for held in (traj, traj["states"], traj["states"].transpose("state", "feature", "stimulus")):
        found = own(held)
        agrees(found, traj)
        assert found["item"].values.tolist() == traj["item"].values.tolist()
        assert ds.cse(found).dims == ("item", "condition", "layer")
        np.testing.assert_allclose(found["surprisal"], traj["surprisal"])


def test_everything_that_takes_trajectories_takes_them(
    traj: xr.Dataset, states: np.ndarray, table: pd.DataFrame
) -> None:
    found = own(states, table[["item", "condition"]])
    ours, theirs = (ds.contrast(ds.cse(one), "metaphor", "literal", resamples=20) for one in (found, traj))
    np.testing.assert_allclose(ours.table["t"], theirs.table["t"], rtol=1e-5)
    for one in (
        ds.shares,
        ds.scalogram,
        lambda t: ds.cse(t, signal="state"),
        lambda t: ds.contributions(t, "metaphor", "literal"),
    ):
        np.testing.assert_allclose(one(found), one(traj), rtol=1e-5, atol=1e-9)
    for name, values in ds.baselines(found).items():
        np.testing.assert_allclose(values, ds.baselines(traj)[name], rtol=1e-4, atol=1e-6)
    assert ds.surrogate(found, "walk")["gram"].shape == found["gram"].shape
    curve = ds.specification_curve(found.isel(layer=slice(4), other_layer=slice(4)), ours, permutations=5)
    assert len(curve.table) > 10
    assert "own states" in found.depthscope._repr_html_()


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_a_last_state_behind_the_norm_is_noticed_and_left_out(
    family: str, tokenizer: Any, table: pd.DataFrame, refuses: Any
) -> None:
    model = ds.load(build(family, len(tokenizer)), tokenizer)
    _check_normed(model, table, refuses)


def test_and_of_the_real_model(embedded: ds.Model, table: pd.DataFrame, refuses: Any) -> None:
    _check_normed(embedded, table, refuses)


def _check_normed(model: ds.Model, table: pd.DataFrame, refuses: Any) -> None:
    traj = ds.trace(model, table, progress=False)
    normed = hidden(model, traj)
    with refuses("last state looks as if it stood behind the final norm", "last='normed'", "last='raw'"):
        own(normed, table)
    found = own(normed, table, last="normed")
    depth = model.depth - 1
    agrees(found, traj, depth, 1e-3)  # float32 kernels in another shape
    ours, theirs = ds.cse(found), ds.cse(traj, layers=(1, depth))
    np.testing.assert_allclose(ours, theirs, atol=2e-5)
    np.testing.assert_allclose(ours["relative_depth"], theirs["relative_depth"])
    assert "left out" in found.attrs["last"]
    assert found.attrs["depth"] == model.depth
    with pytest.warns(UserWarning, match="stood behind the final norm"):
        taken = ds.from_states(normed, table, last="raw", progress=False)
    assert "final norm" in taken.attrs["doubts"]
    # what the warning is about
    assert float(np.abs(ds.cse(taken) - ds.cse(traj)).max()) > 1e-3
    # and of their differences nothing can be told: it is asked
    updates = np.diff(np.stack([one.numpy() for one in normed], 1), axis=1)
    with refuses("last='normed'"):
        own(updates, table, kind="updates")
    np.testing.assert_allclose(ds.cse(own(updates, table, kind="updates", last="normed")), theirs, atol=2e-5)


def test_updates_are_measured_as_plain_arrays_are(
    states: np.ndarray, traj: xr.Dataset, table: pd.DataFrame, refuses: Any
) -> None:
    updates = np.diff(states.astype(np.float64), axis=1)
    found = own(updates, table, kind="updates", last="raw")
    for options in ({}, {"signal": "direction"}, {"signal": "norm"}):
        plain = ds.cse(updates, **options)
        np.testing.assert_allclose(ds.cse(found, **options).stack(row=("item", "condition")).values.T, plain, atol=1e-9)
    with refuses("signal='state'", "initial="):
        ds.cse(found, signal="state")
    assert found["initial_dot"].isnull().all()
    agrees(own(updates, table, kind="updates", initial=states[:, 0]), traj)
    turned = {"axes": ("layer", "feature", "stimulus"), "initial": states[:, 0].T}
    agrees(own(updates.transpose(1, 2, 0), table, kind="updates", **turned), traj)


def test_what_is_not_what_it_is_taken_for_is_refused(states: np.ndarray, table: pd.DataFrame, refuses: Any) -> None:
    updates = np.diff(states, axis=1)
    with refuses("look like updates", "kind='states' or 'updates'"):
        own(updates, table, last="raw")
    with refuses("look like states"):
        own(states, table, kind="updates", last="raw")
    for wrong in (states.swapaxes(0, 1), states.swapaxes(1, 2), states.transpose(2, 0, 1)):
        with refuses("axes="):
            own(wrong, last="raw")
        with refuses("axes="):
            own(list(wrong.swapaxes(0, 1)), last="raw")
    # said in so many words it is taken, and told
    with pytest.warns(UserWarning, match="taken as you say"):
        found = ds.from_states(
            updates, table, kind="states", last="raw", axes=("stimulus", "state", "feature"), progress=False
        )
    assert "look like updates" in found.attrs["doubts"]


def test_axes_stand_in_any_order(traj: xr.Dataset, states: np.ndarray, table: pd.DataFrame) -> None:
    agrees(own(states.swapaxes(0, 1), table, axes=("state", "stimulus", "feature")), traj)
    agrees(own(states.transpose(2, 1, 0), table, axes=("feature", "layer", "stimulus")), traj)
    agrees(own(list(states), table, axes=("stimulus", "state", "feature")), traj)
    agrees(own(list(states.transpose(1, 2, 0)), table, axes=("state", "feature", "stimulus")), traj)
    crossed = states.reshape(5, 2, 7, 32)
    plain = own(crossed, axes=("item", "condition", "state", "feature"))
    np.testing.assert_allclose(plain["gram"], traj["gram"], rtol=1e-6, atol=1e-6)
    assert ds.cse(plain)["condition"].values.tolist() == ["0", "1"]
    labels = {"item": list("abcde"), "condition": ["x", "y"]}
    named = own(xr.DataArray(crossed, labels, dims=("item", "condition", "state", "feature")))
    assert ds.contrast(ds.cse(named), "x", "y").n == 5
    free = own(crossed, axes=("layout", "version", "state", "feature"))
    assert ds.cse(free).dims == ("layout", "version", "layer")
    single = own(states[0], last="raw")
    np.testing.assert_allclose(single["gram"][0], traj["gram"][0], rtol=1e-6, atol=1e-6)


def test_one_token_of_each_row_stands_for_it(
    tiny: ds.Model, table: pd.DataFrame, traj: xr.Dataset, refuses: Any
) -> None:
    tokenizer = tiny.tokenizer
    rows = [tokenizer(text)["input_ids"] for text in table["text"]]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    network: Any = tiny.network
    with torch.inference_mode():
        output = network(ids, output_hidden_states=True, use_cache=False)
    tokens = traj["token_index"].values
    for holder in (output, output.hidden_states, [h.numpy() for h in output.hidden_states]):
        agrees(own(holder, table, tokens=tokens, last="normed"), traj, 5, 1e-4)
    every = own(output, last="normed")
    assert ds.cse(every).dims == ("stimulus", "token", "layer")
    np.testing.assert_allclose(every["gram"].values[3, tokens[3]], traj["gram"].values[3, :5, :5], rtol=1e-3, atol=1e-4)
    for wrong, why in (
        (-1, "counted from 0"),
        (longest, "counted from 0"),
        ([1, 2], "for each of the 10 rows"),
        (0.5, "whole"),
    ):
        with refuses("tokens=", why):
            own(output, table, tokens=wrong, last="normed")
    with refuses("one row after the other", "tokens="):
        own(output, table, last="normed")
    with refuses("tokens= chooses"):
        own(traj["states"].values, tokens=1)


def test_a_store_is_read_a_part_at_a_time(
    states: np.ndarray, table: pd.DataFrame, traj: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Store:
        """An array that says what is read of it."""

        shape, dtype, chunks = states.shape, states.dtype, (2, 7, 32)
        asked: list[int]

        def __getitem__(self, index: Any) -> np.ndarray:
            part = states[index]
            self.asked.append(len(part))
            return part

    store = Store()
    store.asked = []
    monkeypatch.setattr(stack, "READ_BYTES", 5 * 7 * 32 * 8)  # five rows, and so two chunks
    agrees(own(store, table), traj)
    assert max(store.asked) == 4
    assert sum(store.asked[1:]) == 10


def test_half_precision_and_whole_numbers_are_read_as_they_are(states: np.ndarray, table: pd.DataFrame) -> None:
    half = torch.tensor(states).bfloat16()
    np.testing.assert_array_equal(
        own(half, table, last="raw")["gram"], own(half.double().numpy(), table, last="raw")["gram"]
    )
    whole = np.round(states * 100).astype(np.int16)
    np.testing.assert_array_equal(own(whole, last="raw")["gram"], own(whole.astype(float), last="raw")["gram"])


BROKEN: list[tuple[str, Any, tuple[str, ...]]] = [
    ("a word", lambda s: "states.npy", ("cannot be read as states",)),
    ("nothing", lambda s: None, ("cannot be read as states",)),
    ("complex", lambda s: s.astype(complex), ("no real numbers",)),
    ("words", lambda s: s.astype(str), ("no real numbers",)),
    ("no layers", lambda s: [], ("no states in the list",)),
    ("a list of numbers", lambda s: [1.0, 2.0], ("one array per layer",)),
    ("four axes", lambda s: s[None], ("say which axis is which",)),
    ("no rows", lambda s: s[:0], ("empty",)),
    ("no features", lambda s: s[..., :0], ("empty",)),
    ("uneven layers", lambda s: [s[:, 0], s[:-1, 1]], ("array 1 has shape (9, 32)",)),
    ("two layers", lambda s: s[:, :3], ("2 layers are too few",)),
    ("a gap", lambda s: {k: s[:, k] for k in (0, 1, 2, 4, 5, 6)}, ("3 missing",)),
    ("from 1", lambda s: {k + 1: s[:, k] for k in range(7)}, ("0 missing", "what enters the first block")),
    ("outputs of blocks", lambda s: {f"layers.{k}": s[:, k] for k in range(7)}, ("may be the state that enters",)),
    ("two kinds", lambda s: {f"state{k}": s[:, 0] for k in range(7)} | {"attn3": s[:, 0]}, ("of several kinds",)),
    ("no numbers", lambda s: {"a": s[:, 0], "b": s[:, 1]}, ("cannot be put in order",)),
    ("no first", lambda s: {f"blocks.{k}.hook_resid_post": s[:, k] for k in range(6)}, ("no blocks.0.hook_resid_pre",)),
    ("trajectories", lambda s: xr.Dataset({"gram": 1, "state_norm": 2}), ("without their states",)),
    (
        "NaN",
        lambda s: np.where(np.arange(7)[:, None] == 3, np.nan, s),
        ("item 'shark', condition 'metaphor'", "state 3"),
    ),
    ("one NaN", lambda s: np.where((np.arange(10) == 4)[:, None, None], np.inf, s), ("item 'storm'", "state 0")),
]


@pytest.mark.parametrize(("what", "broken", "words"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_what_cannot_be_read_is_refused_in_a_sentence(
    what: str, broken: Any, words: tuple[str, ...], states: np.ndarray, table: pd.DataFrame, refuses: Any
) -> None:
    with refuses(*words):
        own(broken(states), table, last="raw")


def test_tables_that_do_not_fit_are_refused(states: np.ndarray, table: pd.DataFrame, refuses: Any) -> None:
    for wrong, words in (
        (table[:-1], ("9 rows", "10")),
        (table.drop(columns=["condition", "text"]), ("no column condition",)),
        (table.assign(text="nothing of it"), ("not in the text",)),
        (table[["item", "condition"]].assign(item=["x", *table["item"][1:]], condition=""), ("has no condition",)),
        (table[["item", "condition"]].assign(gram=1), ("cannot be called gram",)),
        (table[["item", "condition"]].assign(item="x"), ("occurs twice",)),
        (7, ("is no table",)),
    ):
        with refuses(*words):
            own(states, wrong)
    rows = table[["item", "condition"]].to_dict("records")
    assert ds.cse(own(states, (row for row in rows))).sizes["item"] == 5
    with refuses("axes=('state', 'feature')", "do not fit"):
        own(states, axes=("state", "feature"))
    with refuses("do not fit"):
        own(states, axes=("stimulus", "token", "feature"))
    with refuses("a name of the results"):
        own(states, axes=("part", "state", "feature"))
    with refuses("kind='deltas'"):
        own(states, kind="deltas")
    with refuses("initial= is the state"):
        own(states, initial=states[:, 0])
    with refuses("initial= has the shape (3, 32)"):
        own(np.diff(states, axis=1), kind="updates", initial=states[:3, 0])


def test_more_layers_than_features_are_asked_about(refuses: Any) -> None:
    narrow = np.random.default_rng(0).normal(size=(6, 20, 8)).cumsum(1)
    with refuses("20 states of 8 features", "axes="):
        own(narrow, last="raw")
    with pytest.warns(UserWarning, match="more layers than features"):
        ds.from_states(narrow, last="raw", axes=("stimulus", "state", "feature"), progress=False)


@pytest.mark.coverage
@pytest.mark.parametrize("family", SETTINGS)
def test_no_family_is_taken_for_what_it_is_not(family: str, tokenizer: Any, table: pd.DataFrame) -> None:
    """A raw last state is never refused, one behind the norm never taken."""
    model = ds.load(build(family, len(tokenizer)), tokenizer)
    traj = ds.trace(model, table, keep="states", progress=False)
    assert own(traj["states"]).attrs["last"].startswith("raw")
    with pytest.raises(ds.DepthscopeError, match="final norm"):
        own(hidden(model, traj), table)


def test_the_model_can_be_called_by_its_name(states: np.ndarray, table: pd.DataFrame) -> None:
    found = own(states, table, model="ours-7b")
    assert ds.cse(found).attrs["model"] == "ours-7b"
    assert found.attrs["width"] == tiny_llama(8).config.hidden_size


NAMED = np.random.default_rng(0).normal(size=(6, 13, 64)).cumsum(1)


@pytest.mark.parametrize(
    "name",
    ["resid_post_{}", "layer_{}_hidden", "block{}.residual_output", "h.{}.resid_out", "blocks.{}.hook_resid_mid"],
)
def test_outputs_of_blocks_by_name_lack_the_state_that_enters_the_first(name, refuses):
    with refuses("use whole numbers as names", "0 for the state that enters"):
        ds.from_states({name.format(i): NAMED[:, i + 1] for i in range(12)}, last="raw")


def test_numbers_of_states_are_heeded(refuses):
    whole = xr.DataArray(NAMED, dims=("stimulus", "state", "feature"), coords={"state": np.arange(13)})
    for wrong in (slice(None, None, -1), slice(None, None, 2), slice(3, None), [0, 1, 2, 3, 5, 6, 7, 8, 9]):
        with refuses("the axis 'state'"):
            ds.from_states(whole.isel(state=wrong), last="raw")
    with refuses("axes="):
        ds.from_states(whole, last="raw", axes=("state", "stimulus", "feature"))
    assert ds.from_states(whole, last="raw").sizes["layer"] == 12


@pytest.mark.parametrize(
    ("make", "kind"),
    [(lambda s: torch.nested.nested_tensor(list(s)), "nested"), (lambda s: s.to_sparse(), "sparse_coo")],
)
def test_tensors_that_are_no_arrays_are_refused_in_a_sentence(make: Any, kind: str, refuses: Any) -> None:
    states = torch.ones(3, 8, 16)
    for given in (make(states), [make(states)] * 8):
        with refuses(f"a {kind} tensor", "dense"):
            ds.from_states(given, last="raw")


def test_labels_of_the_states_and_of_the_table_must_agree(refuses):
    rows = [{"item": i, "condition": c} for i in "ab" for c in "xy"]
    own = {"item": ("stimulus", list("bbaa")), "condition": ("stimulus", list("xyxy"))}
    states = xr.DataArray(NAMED[:4], dims=("stimulus", "state", "feature"), coords=own)
    with refuses("bring their own 'item'", "into one order"):
        ds.from_states(states, rows, last="raw")


def test_what_is_masked_or_complex_is_no_state(refuses):
    masked = np.ma.masked_array(NAMED, mask=False)
    masked[2] = np.ma.masked
    with refuses("masked"):
        ds.from_states(masked, last="raw")
    with refuses("complex"):
        ds.from_states(torch.tensor(NAMED) * (1 + 1j), last="raw")


UPDATES = np.diff(NAMED, axis=1)
ROWS = [{"item": i, "condition": c} for i in "xyz" for c in "ab"]
CROSSED = ("item", "condition", "layer", "feature")


def start_of(updates: Any, initial: Any, **options: Any) -> np.ndarray:
    return own(updates, kind="updates", last="raw", initial=initial, **options)["initial_dot"].values


def test_what_enters_the_first_block_stands_along_the_axes_of_the_updates(refuses: Any) -> None:
    start = NAMED[:, 0]
    expected = np.einsum("nf,nlf->nl", start, UPDATES)
    crossed, turned = UPDATES.reshape(3, 2, 12, 64), start.reshape(3, 2, 64).swapaxes(0, 1)
    named = xr.DataArray(start, dims=("stimulus", "feature"))
    swapped = xr.DataArray(turned, dims=("condition", "item", "feature"))
    tokens = np.repeat(UPDATES[:, None], 2, axis=1)
    axes = ("stimulus", "token", "layer", "feature")
    for found in (
        start_of(UPDATES, named.T),
        start_of(UPDATES, xr.DataArray(start)),
        start_of(crossed, swapped, axes=CROSSED),
        start_of(xr.DataArray(crossed, dims=CROSSED), swapped),
        start_of(tokens, np.stack([start, 0 * start], axis=1), axes=axes, tokens=0),
        start_of(tokens, start, axes=axes, tokens=1),
    ):
        np.testing.assert_allclose(found.reshape(6, 12), expected)
    for wrong in (start.T, start[:, None], start[:3]):
        with refuses("initial= has the shape", "stimulus 6, feature 64"):
            start_of(UPDATES, wrong)
    for states in (crossed, xr.DataArray(crossed, dims=CROSSED)):
        with refuses("initial= has the shape (2, 3, 64)", "item 3, condition 2"):
            start_of(states, turned, axes=CROSSED)
    with refuses("initial= has the axes ('text', 'hidden')", "call them alike"):
        start_of(UPDATES, xr.DataArray(start, dims=("text", "hidden")))
    with refuses("NaN or infinity in row 0, feature 63"):
        start_of(UPDATES, np.where(np.arange(64) == 63, np.nan, start))


def test_labels_of_what_enters_the_first_block_are_heeded(refuses: Any) -> None:
    items = {"item": ("stimulus", list("xxyyzz")), "feature": range(64)}
    updates = xr.DataArray(UPDATES, items, ("stimulus", "layer", "feature"))
    start = xr.DataArray(NAMED[:, 0], items, ("stimulus", "feature"))
    assert start_of(updates, start).shape == (6, 12)
    with refuses("initial= has other 'item'", "one order"):
        start_of(updates, start[::-1])
    with refuses("initial= has other 'feature'"):
        start_of(updates, start[:, ::-1])
    with refuses("initial= brings its own 'item'"):
        start_of(UPDATES, start[::-1], table=ROWS)


@pytest.mark.parametrize("factor", [1e200, 1e307, 1e-160, 1e-200])
def test_numbers_whose_squares_are_lost_are_refused(factor: float, refuses: Any) -> None:
    size = "large" if factor > 1 else "small"
    for states in (NAMED * factor, torch.tensor(NAMED * factor)):
        with refuses("states: item 'x', condition 'a'", f"so {size} that double precision", "multiply"):
            own(states, ROWS, last="raw")
    for updates in (UPDATES * factor, torch.tensor(UPDATES * factor)):
        with refuses("row 0", f"so {size} that double precision", "multiply"):
            ds.cse(updates)
    # only the row that it is about
    with refuses("stimulus 2"):
        own(np.where((np.arange(6) == 2)[:, None, None], NAMED * factor, NAMED), last="raw")


def test_what_is_judged_has_no_unit(states: np.ndarray, table: pd.DataFrame) -> None:
    """Neither is a last state taken for something else because it is large, nor is anything lost."""
    whole = states.astype(np.float64)
    plain = own(whole, table)
    for factor in (2.0**-450, 2.0**450):
        found = own(whole * factor, table)
        assert found.attrs["last"] == plain.attrs["last"]
        np.testing.assert_array_equal(found["gram"] / factor**2, plain["gram"])


def test_where_a_number_is_none_is_said_before_anything_is_asked(refuses: Any) -> None:
    broken = NAMED.copy()
    broken[2, 3, 5] = np.nan
    for wrong in (broken, np.where(np.isnan(broken), np.inf, broken)):
        with refuses("states: item 'y', condition 'a': NaN or infinity in state 3, feature 5", "leave the row out"):
            own(wrong, ROWS)
    with refuses("stimulus 2: NaN or infinity in update 3, feature 5"):
        own(np.diff(broken, axis=1), kind="updates")
    with pytest.warns(RuntimeWarning, match="overflow"):
        half = (NAMED * 1e4).astype(np.float16)
    with refuses("item 'x', condition 'a'", "float16 did not hold it", "float32"):
        own(half, ROWS)


def test_outputs_without_the_states_say_how_to_ask_for_them(tiny: ds.Model, refuses: Any) -> None:
    from transformers.modeling_outputs import Seq2SeqLMOutput

    network: Any = tiny.network
    with torch.inference_mode():
        output = network(torch.tensor([[1, 2, 3]]))
    with refuses("no hidden states", "output_hidden_states=True"):
        own(output)
    with refuses("0 layers are too few"):
        own((torch.zeros(2, 3),))
    with refuses("decoder_hidden_states or its encoder_hidden_states"):
        own(Seq2SeqLMOutput(logits=torch.zeros(2, 3)))
    with refuses("every step of generate()"):
        own(tuple(tuple(torch.zeros(1, 1, 8) for _ in range(7)) for _ in range(2)))


LABELS = {
    "from 1": range(1, 14),
    "as words, from 1": [f"h{k}" for k in range(1, 14)],
    "backwards": [float(k) for k in reversed(range(13))],
    "as words, backwards": [f"layer_{k}" for k in reversed(range(13))],
    "shares, backwards": np.linspace(1, 0, 13),
    "with NaN": [*range(12), np.nan],
    "a gap among words": ["embed", *(f"{k}_post" for k in range(11)), "12_post"],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_along_depth_that_leave_a_doubt_are_asked_about(labels: Any, refuses: Any) -> None:
    with refuses("the axis 'layer' is numbered"):
        own(xr.DataArray(NAMED, {"layer": labels}, ("stimulus", "layer", "feature")), last="raw")


def test_labels_along_depth_that_leave_none_are_taken() -> None:
    for labels in (
        range(13),
        np.linspace(0, 1, 13),
        ["embed", *(f"{k}_post" for k in range(12))],
        list("abcdefghijklm"),
    ):
        assert (
            own(xr.DataArray(NAMED, {"layer": labels}, ("stimulus", "layer", "feature")), last="raw").sizes["layer"]
            == 12
        )
    for first in (0, 1):  # updates are counted from 1, and by some from 0, as blocks are
        labels = {"layer": range(first, first + 12)}
        assert start_of(xr.DataArray(UPDATES, labels, ("stimulus", "layer", "feature")), NAMED[:, 0]).shape == (6, 12)
        by_name = {f"layers.{k + first}": UPDATES[:, k] for k in range(12)}
        assert start_of(by_name, NAMED[:, 0]).shape == (6, 12)
        assert start_of({k + first: UPDATES[:, k] for k in range(12)}, NAMED[:, 0]).shape == (6, 12)


def test_names_that_contradict_what_is_said_are_refused(refuses: Any) -> None:
    posts = {f"blocks.{k}.hook_resid_post": NAMED[:, k + 1] for k in range(12)}
    updates = {k: UPDATES[:, k] for k in range(12)}
    for wrong, why in (
        ({"blocks.0.hook_resid_pre": NAMED[:, 0], **posts}, "are states by their names"),
        ({f"hidden_states.{k}": NAMED[:, k] for k in range(13)}, "are states by their names"),
        ({f"layers.{k}": one for k, one in updates.items()} | {"embed": NAMED[:, 0]}, "say initial="),
        ({k: one for k, one in updates.items() if k != 5}, "5 missing; the update of every block"),
        ({k + 2: one for k, one in updates.items()}, "1 missing"),
    ):
        with refuses(why):
            own(wrong, kind="updates", last="raw")
    first, second = (xr.DataArray(NAMED[:, k], dims=("stimulus", "feature")) for k in (0, 1))
    with refuses("array 1 has the axes ('feature', 'stimulus')"):
        own([first, second.T])
    with refuses("array 1 has other 'stimulus'"):
        own([first.assign_coords(stimulus=range(6)), second.assign_coords(stimulus=range(6)[::-1])])
