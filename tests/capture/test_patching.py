"""Interventions: one position changed in one pass, exact, and the same however the passes are put together."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from torch import nn

import depthscope as ds
from depthscope.capture.patching import GROUP, _can_stand_in, _exchanged, patch
from depthscope.capture.probes import plan_patches
from depthscope.instrument.carried import carried
from depthscope.model.miniature import byte_tokenizer, families, miniature
from depthscope.store.shards import Shards
from tests.conftest import tiny_llama
from tests.model.families import SETTINGS, build
from tests.model.planted import Alone, Mixing, Network, Plain, planted, stimuli, toy

TOKENIZER = byte_tokenizer()
KERNELS = 1e-4  # bits: float32 sums in another order in another shape
ROWS = [
    ("shark", "a", "The lawyer is a shark.", "Sue"),
    ("shark", "b", "The big fish over there is a shark.", "Swim"),
    ("wall", "a", "His silence became a wall, I am told, and a high one.", "Mute"),
    ("wall", "b", "The hedge became a wall.", "Stone"),
    ("storm", "a", "It was a storm!", "Row"),
    ("storm", "b", "The evening brought a storm.", "Rain"),
]
TABLE = pd.DataFrame(ROWS, columns=["item", "condition", "text", "probe"]).assign(target=lambda t: t["item"])


@pytest.fixture(scope="module")
def model() -> ds.Model:
    return ds.load(tiny_llama(len(TOKENIZER)), TOKENIZER)


def patched(model: ds.Model, table: Any = TABLE, **options: Any) -> xr.Dataset:
    return patch(model, table, "a", "b", progress=False, **options)


def small(name: str) -> ds.Model:
    return ds.load(miniature(next(f for f in families() if f.model_type == name)), TOKENIZER)


class Remembering(Plain):
    """Keeps what its attention gave, and adds to its own what another block kept."""

    kept: torch.Tensor

    def forward(self, state: torch.Tensor, other: torch.Tensor | None = None) -> Any:
        self.kept = self.attention(state)
        return super().forward(state) + (0 if other is None else 3 * other)


class Keeping(Network):
    """Its last block but one uses what the second block kept, in whichever pass it ran last."""

    reader, source = -2, 1

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            state = block(state, self.blocks[self.source].kept) if block is self.blocks[self.reader] else block(state)
        return state


class Neighbour(Keeping):
    reader, source = 2, 1


class First(Keeping):
    reader, source = 1, 0


class Last(Keeping):
    reader, source = 5, 4


def keeping(network: type[Network] = Keeping) -> ds.Model:
    return ds.load(toy(lambda: Remembering(Mixing(), Alone()), network), TOKENIZER)


# ---- against the definition ----------------------------------------------------------------------


def bits(network: Any, blocks: list[nn.Module], text: str, probe: str, changes: dict[int, torch.Tensor], place: int):
    """log2 P(probe | text), by one pass without padding in which states of one token are put in by hooks."""

    def entering(module: Any, args: Any, kwargs: Any) -> Any:
        state = args[0].clone()
        state[0, place] = changes[0]
        return (state, *args[1:]), kwargs

    def leaving(number: int) -> Any:
        def hook(module: Any, args: Any, output: Any) -> Any:
            state = (output[0] if isinstance(output, tuple) else output).clone()
            state[0, place] = changes[number]
            return (state, *output[1:]) if isinstance(output, tuple) else state

        return hook

    handles = [blocks[0].register_forward_pre_hook(entering, with_kwargs=True)] if 0 in changes else []
    handles += [blocks[i - 1].register_forward_hook(leaving(i)) for i in changes if i]
    ids = TOKENIZER(f"{text} {probe}")["input_ids"]
    start = len(TOKENIZER(f"{text} ")["input_ids"])
    with torch.inference_mode():
        logs = network(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    for handle in handles:
        handle.remove()
    return float(sum(logs[k - 1, ids[k]] for k in range(start, len(ids)))) / np.log(2)


def place_of(text: str, target: str) -> int:
    return text.encode().index(target.encode()) + len(target) - 1


def states_of(network: Any, blocks: list[nn.Module], text: str, place: int) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    handles = [blocks[0].register_forward_pre_hook(lambda m, args: found.append(args[0][0, place].clone()))]
    for block in blocks:
        handles.append(
            block.register_forward_hook(
                lambda m, a, out: found.append((out[0] if isinstance(out, tuple) else out)[0, place].clone())
            )
        )
    with torch.inference_mode():
        network(torch.tensor([TOKENIZER(text)["input_ids"]]))
    for handle in handles:
        handle.remove()
    return found


def assert_by_definition(model: ds.Model, result: xr.Dataset, table: pd.DataFrame, subtoken: str = "last") -> None:
    network, blocks = model.network, model.blocks
    spans = list(zip(result["first"].values, result["last"].values, strict=True))
    for item, rows in table.groupby("item", sort=False):
        texts, probes = (dict(zip(rows["condition"], rows[name], strict=True)) for name in ("text", "probe"))
        back = 0 if subtoken == "last" else len(item) - 1
        place = {c: place_of(text, item) - back for c, text in texts.items()}
        given = {c: states_of(network, blocks, texts[c], place[c]) for c in "ab"}
        for run in "ab":
            twin = given["b" if run == "a" else "a"]
            for probe in "ab":
                where = {"item": item, "run": run, "probe": probe}
                text, words = texts[run], probes[probe]
                own = bits(network, blocks, text, words, {}, place[run])
                assert float(result["intact"].sel(where)) == pytest.approx(own, abs=KERNELS)
                for k, (first, last) in enumerate(spans):
                    changes = {number: twin[number] for number in range(first, last + 1)}
                    expected = bits(network, blocks, text, words, changes, place[run])
                    assert float(result["patched"].sel(where)[k]) == pytest.approx(expected, abs=KERNELS)


@pytest.mark.parametrize("subtoken", ["last", "first"])
def test_every_number_is_what_the_definition_says(model: ds.Model, subtoken: Any) -> None:
    result = patched(model, subtoken=subtoken, windows=[(2, 4), (0, 6)])
    assert_by_definition(model, result, TABLE, subtoken)
    moved = np.abs(result["patched"] - result["intact"])
    assert (
        float(moved.isel(patch=slice(2, 5)).median()) > 10 * KERNELS
    )  # so that a state that is not exchanged would show


@pytest.mark.parametrize("family", ["gpt2", "gemma3", "bloom"])
def test_every_number_is_what_the_definition_says_in_other_families(family: str) -> None:
    model = ds.load(build(family, len(TOKENIZER)), TOKENIZER)
    assert_by_definition(model, patched(model, TABLE[:2]), TABLE[:2])


def test_the_dataset_is_labelled_and_in_the_order_of_the_table(model: ds.Model) -> None:
    result = patched(model, windows=[(2, 4)])
    assert result["intact"].dims == ("item", "run", "probe")
    assert result["patched"].dims == ("item", "run", "probe", "patch")
    assert result["item"].values.tolist() == result["group"].values.tolist() == ["shark", "wall", "storm"]
    assert result["run"].values.tolist() == result["probe"].values.tolist() == ["a", "b"]
    assert result["first"].values.tolist() == [0, 1, 2, 3, 4, 5, 6, 2]
    assert result["last"].values.tolist() == [0, 1, 2, 3, 4, 5, 6, 4]
    assert (result["intact"] < 0).all()
    assert (result["patched"] < 0).all()
    assert result.attrs["depth"] == 6
    assert result.attrs["fingerprint"] == model.fingerprint
    longest = max(TABLE["text"].str.len())
    assert len(TABLE.loc[TABLE["item"] == "wall", "text"].iloc[0]) == longest  # sorted by length it would come last


def test_pairs_of_one_item_are_kept_apart_under_its_name(model: ds.Model) -> None:
    table = TABLE.assign(pair=TABLE["item"], item="all")
    result = patched(model, table)
    assert result["item"].values.tolist() == ["all/shark", "all/wall", "all/storm"]
    assert set(result["group"].values) == {"all"}
    np.testing.assert_array_equal(result["patched"], patched(model)["patched"])


def test_no_pair_is_taken_for_another(model: ds.Model) -> None:
    table = TABLE[:4].assign(item=["a", "a", "a/b", "a/b"], pair=["b/c", "b/c", "c", "c"])
    twins = sorted(plan_patches(model, table, "a", "b").twins, key=lambda one: one.place)
    assert [(one.label, one.group) for one in twins] == [("a/b/c", "a"), ("a\\/b/c", "a/b")]


def test_swapping_the_conditions_swaps_runs_and_probes(model: ds.Model) -> None:
    forth = patched(model)
    back = patch(model, TABLE, "b", "a", progress=False).sel(run=["a", "b"], probe=["a", "b"])
    np.testing.assert_allclose(back["patched"], forth["patched"], atol=KERNELS)
    np.testing.assert_allclose(carried(back)["effect"], carried(forth)["effect"], atol=KERNELS)


# ---- exact ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SETTINGS, "deepseek_v4", "gemma3n_text", "rwkv", "planted", "keeping"])
def test_patching_a_state_with_itself_changes_no_bit_and_the_short_cut_is_exact(name: str) -> None:
    if name in SETTINGS:
        model = ds.load(build(name, len(TOKENIZER)), TOKENIZER)
    else:
        model = {"planted": planted, "keeping": keeping}.get(name, lambda: small(name))()
    one = plan_patches(model, TABLE[:2], "a", "b").twins[0].readings
    assert _can_stand_in(model, one[:1]) == (name not in ("gemma3n_text", "keeping"))
    result = patched(model, TABLE[:2])
    assert result.attrs["same"] == 0.0
    for number in (0, model.depth // 2, model.depth - 1):  # without the short cut
        given = torch.stack(_target_states(model, one), 1)[[2, 3, 0, 1]]
        whole = -_exchanged(model, one, given, (number, number)).reshape(2, 2)
        np.testing.assert_array_equal(result["patched"].values[0, :, :, number], whole)
    assert float(np.abs(result["patched"] - result["intact"]).max()) > 0


def _target_states(model: ds.Model, rows: Any) -> list[torch.Tensor]:
    from depthscope.capture.batches import pad

    ids, mask = pad([row.target.ids for row in rows], 0, model.device)
    found: list[torch.Tensor] = []
    places = torch.arange(len(rows)), torch.tensor([row.target.positions[0] for row in rows])
    with model.listening(lambda _, state: found.append(state[places])):
        model.run_trunk(ids, mask)
    return found


def test_texts_that_are_alike_up_to_the_target_exchange_nothing(model: ds.Model) -> None:
    table = TABLE[:2].assign(text=["It is a shark, they said.", "It is a shark."])
    result = patched(model, table)
    np.testing.assert_allclose(
        result["patched"], result["intact"].expand_dims(patch=result.sizes["patch"]).transpose(..., "patch"), atol=1e-4
    )
    assert float(carried(result)["effect"].max()) == pytest.approx(0, abs=1e-4)


def test_state_zero_is_the_embedding_which_twins_share(model: ds.Model) -> None:
    result = patched(model)  # rotary positions: the same letter has the same state 0 wherever it stands
    np.testing.assert_array_equal(result["patched"].isel(patch=0), result["intact"])


def test_the_last_state_of_the_target_reaches_no_later_token(model: ds.Model) -> None:
    result = patched(model)
    np.testing.assert_array_equal(result["patched"].isel(patch=-1), result["intact"])


# ---- the short cut -------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [Keeping, Neighbour, First, Last])
def test_the_short_cut_is_declined_where_later_blocks_use_what_earlier_ones_kept(network: type[Network]) -> None:
    model = keeping(network)
    one = plan_patches(model, TABLE, "a", "b").twins[0].readings[:1]
    assert not _can_stand_in(model, one)
    assert_by_definition(model, patched(model), TABLE)


def test_where_the_short_cut_is_taken_the_blocks_below_do_not_run(model: ds.Model) -> None:
    ran = [0] * model.depth
    plain = [0] * model.depth

    def count(counter: list[int], i: int) -> Any:
        return lambda module, args, output: counter.__setitem__(i, counter[i] + 1)

    handles = [block.self_attn.register_forward_hook(count(ran, i)) for i, block in enumerate(model.blocks)]
    patched(model, token_budget=10**6)
    for handle in handles:
        handle.remove()
    handles = [block.self_attn.register_forward_hook(count(plain, i)) for i, block in enumerate(model.blocks)]
    one = plan_patches(model, TABLE, "a", "b").twins[0].readings[:1]
    _can_stand_in(model, one)
    for handle in handles:
        handle.remove()
    # undisturbed, state for itself, and the exchanges of states 0 .. i, for which block i + 1 runs
    assert [a - b for a, b in zip(ran, plain, strict=True)] == [3 + i for i in range(model.depth)]


def test_nothing_is_left_on_the_network(model: ds.Model) -> None:
    network: Any = model.network
    before = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()]
    patched(model)
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()] == before
    assert not any("forward" in vars(module) for module in network.modules())


# ---- however the passes are put together ---------------------------------------------------------


def test_a_batch_gives_what_each_item_gives_alone(model: ds.Model) -> None:
    together = patched(model)
    for item in ("shark", "wall", "storm"):
        alone = patched(model, TABLE[TABLE["item"] == item])
        for name in ("intact", "patched"):
            np.testing.assert_allclose(together[name].sel(item=[item]), alone[name], atol=KERNELS)


@pytest.mark.parametrize("budget", [1, 300, 10**6])
def test_results_do_not_depend_on_the_token_budget(model: ds.Model, budget: int) -> None:
    there, here = patched(model), patched(model, token_budget=budget)
    for name in ("intact", "patched"):
        np.testing.assert_allclose(here[name], there[name], atol=KERNELS)
    assert here.attrs["same"] == 0


def test_a_killed_run_resumes_to_identical_results(model: ds.Model, tmp_path: Path) -> None:
    table = stimuli(GROUP + 3)
    options = {"progress": False, "windows": [(1, 3)]}
    shards = Shards(tmp_path / "shards")
    whole = patch(model, table, "marked", "plain", **options, shards=shards)
    assert shards.count() == 2
    kept = (tmp_path / "shards" / "batch-000000.npz").read_bytes()
    (tmp_path / "shards" / "batch-000001.npz").unlink()
    again = patch(model, table, "marked", "plain", **options, shards=shards)
    xr.testing.assert_identical(whole, again)
    assert (tmp_path / "shards" / "batch-000000.npz").read_bytes() == kept
    xr.testing.assert_identical(whole, patch(model, table, "marked", "plain", **options))


def test_finished_shards_are_loaded_without_an_exchange(model: ds.Model, tmp_path: Path) -> None:
    shards = Shards(tmp_path / "shards")
    first = patched(model, shards=shards)
    ran: list[tuple[int, ...]] = []
    network: Any = model.network
    handle = network.lm_head.register_forward_hook(lambda module, args, output: ran.append(output.shape))
    second = patched(model, shards=shards)
    handle.remove()
    xr.testing.assert_identical(first, second)
    assert len(ran) < 3 * model.depth  # those that ask whether the short cut may be taken, of one text


def test_the_plan_counts_what_will_run(model: ds.Model) -> None:
    plan = plan_patches(model, TABLE, "a", "b", windows=[(2, 4)])
    assert plan.spans == (*((i, i) for i in range(7)), (2, 4))
    letters = sum(
        len(TOKENIZER(f"{text} {probe}")["input_ids"])
        for _, rows in TABLE.groupby("item")
        for text in rows["text"]
        for probe in rows["probe"]
    )
    assert plan.tokens == letters * 9
    assert plan.without == []
    assert [t.label for t in plan.twins] == ["storm", "shark", "wall"]  # the shortest first
    for twins in plan.twins:
        for one in twins.readings:
            word = TOKENIZER.decode([one.target.ids[k] for k in one.continuation.covering]).strip()
            rows = TABLE[TABLE["item"] == twins.label].set_index("condition")
            assert word == rows.loc["ab"[one.probe], "probe"]
            assert one.target.positions == [place_of(rows.loc["ab"[one.run], "text"], twins.label)]


# ---- what a user can do wrong --------------------------------------------------------------------


def test_stimuli_without_probes_are_refused(model: ds.Model, refuses: Any) -> None:
    with refuses("no column 'probe'", "a short continuation"):
        patched(model, TABLE.drop(columns="probe"))


@pytest.mark.parametrize("nothing", ["", "  ", None, float("nan")])
def test_an_item_without_one_of_its_probes_is_left_out_and_named(model: ds.Model, nothing: Any) -> None:
    table = TABLE.copy()
    table.loc[3, "probe"] = nothing
    result = patched(model, table)
    assert result["item"].values.tolist() == ["shark", "storm"]
    assert result.attrs["without_probe"] == "wall"
    assert plan_patches(model, table, "a", "b").without == ["wall"]
    np.testing.assert_allclose(result["patched"], patched(model)["patched"].sel(item=["shark", "storm"]), atol=KERNELS)


def test_items_without_any_probe_are_refused(model: ds.Model, refuses: Any) -> None:
    with refuses("no item has a probe in both a and b"):
        patched(model, TABLE.assign(probe=""))


def test_other_conditions_and_lone_texts_are_passed_over(model: ds.Model) -> None:
    more = pd.DataFrame(
        [("shark", "c", "A shark.", ""), ("key", "a", "A key.", "Lock")], columns=["item", "condition", "text", "probe"]
    )
    table = pd.concat([TABLE, more.assign(target=more["item"])], ignore_index=True)
    xr.testing.assert_identical(patched(model, table), patched(model))


def test_an_encoder_is_refused(refuses: Any) -> None:
    family = next(f for f in families() if (f.model_type, f.stack) == ("bert", "encoder"))
    model = ds.load(miniature(family), TOKENIZER, stack="encoder")
    with refuses("an encoder sees what follows", "nothing to patch"):
        patched(model)


def test_a_model_without_a_head_is_refused(refuses: Any) -> None:
    network: Any = tiny_llama(len(TOKENIZER))
    with refuses("no language-model head", "nothing to patch"):
        patched(ds.load(network.model, TOKENIZER))


def test_a_mean_of_several_tokens_is_refused(model: ds.Model, refuses: Any) -> None:
    with refuses("subtoken='mean'", "last or first"):
        patched(model, subtoken="mean")


def test_a_model_whose_texts_must_run_one_by_one_is_refused(refuses: Any) -> None:
    network: Any = tiny_llama(len(TOKENIZER))
    model = ds.load(network, TOKENIZER)
    network.config.quantization_config = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    assert model.alone
    with refuses("under int8 texts run one by one", "another scheme"):
        patched(model)


@pytest.mark.parametrize("window", [(-1, 2), (3, 7), (4, 2)])
def test_a_window_beyond_the_states_is_refused(model: ds.Model, window: tuple[int, int], refuses: Any) -> None:
    with refuses(f"window {window[0]} to {window[1]}", "the states are 0 to 6"):
        patched(model, windows=[window])


def test_a_text_whose_last_token_is_also_the_probe_s_first_is_refused(refuses: Any) -> None:
    # words joined by a hyphen, say, in a tokenizer that knows "shark Swim" as one token
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = ("<unk>", "It is a", "That was a", " shark", " shark Sue", " shark Swim")
    words = {word: number for number, word in enumerate(known)}
    joined = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    joined.pre_tokenizer = pre_tokenizers.Split(" shark", "merged_with_next")
    model = ds.load(tiny_llama(len(TOKENIZER)), PreTrainedTokenizerFast(tokenizer_object=joined, unk_token="<unk>"))
    table = TABLE[:2].assign(text=["It is a shark", "That was a shark"])
    with refuses("item 'shark'", "its probe begins in the token of the target", "full stop"):
        patched(model, table)


def test_a_text_that_its_probe_makes_too_long_is_refused(model: ds.Model, refuses: Any) -> None:
    with refuses("item 'shark'", "exceed the model's context of 128"):
        patched(model, TABLE.assign(probe="on and on " * 12))
