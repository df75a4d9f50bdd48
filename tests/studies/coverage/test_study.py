"""Families of models: one of every idea of an architecture on every run, all of them when asked (-m coverage)."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from depthscope.model.miniature import families
from depthscope.studies.coverage import study
from depthscope.studies.coverage.results import KINDS, Covered
from depthscope.studies.coverage.study import coverage
from depthscope.studies.coverage.words import named
from tests.model.toy import Block, Toy

DOCUMENT = Path(__file__).parents[3] / "docs" / "studies" / "coverage.md"


@pytest.fixture(scope="module")
def known() -> set[tuple[str, str]]:
    return {(family.kind, family.model_type) for family in families()}


def tried(kind: Any, name: str, known: set[tuple[str, str]], stack: str | None = None) -> Covered:
    if (kind, name) not in known:
        pytest.skip(f"transformers {metadata.version('transformers')} has no {name}")
    rows = [row for row in coverage([name], [kind], progress=False) if stack in (None, row.stack)]
    assert len(rows) == 1
    return rows[0]


OLD = int(metadata.version("transformers").split(".")[0]) < 5


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("gpt2", "transformer.h"),
        ("gptj", "transformer.h"),  # attention and MLP side by side
        ("falcon", "transformer.h"),
        ("olmo2", "model.layers"),  # norms behind
        ("gemma2", "model.layers"),  # and on both sides, caps on the logits
        ("gemma3_text", "model.layers"),
        ("mixtral", "model.layers"),
        ("gpt_oss", "model.layers"),
        ("deepseek_v3", "model.layers"),  # latent attention
        ("qwen3_next", "model.layers"),  # linear attention in some layers
        ("jamba", "model.layers"),
        ("falcon_h1", "model.layers"),
        ("zamba2", "model.layers"),  # layers with shared weights
        ("lfm2", "model.layers"),  # convolutions
        pytest.param(
            "recurrent_gemma", "model.layers", marks=pytest.mark.skipif(OLD, reason="it took one text at a time then")
        ),
        ("mamba", "backbone.layers"),
        ("mamba2", "backbone.layers"),
        ("xlstm", "backbone.blocks"),
        ("whisper", "model.decoder.layers"),
        ("bert", "bert.encoder.layer"),  # as a decoder
    ],
)
def test_decoders_of_every_kind_work(name: str, blocks: str, known: Any) -> None:
    row = tried("decoder", name, known)
    assert (row.outcome, row.note) == ("works", "")
    assert row.blocks == blocks


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("deepseek_v4", "parallel streams, taken as one vector"),
        ("gemma3n_text", "parallel streams, taken as one vector"),
        ("rwkv", "the network rescales its stream before blocks 7 (x 0.5), undone"),
        ("mllama", "1 of 8 modules do not run on text alone, passed over"),
    ],
)
def test_decoders_out_of_the_ordinary_work_and_say_so(name: str, note: str, known: Any) -> None:
    row = tried("decoder", name, known)
    assert (row.outcome, row.note) == ("works", note)


@pytest.mark.parametrize("name", ["qwen2_5_vl", "llava", "qwen2_audio"])
def test_decoders_inside_multimodal_models_work(name: str, known: Any) -> None:
    row = tried("multimodal", name, known)
    assert (row.outcome, row.note, row.stack) == ("works", "", None)
    assert "language_model" in row.blocks


@pytest.mark.parametrize("name", ["bert", "deberta-v2", "modernbert"])
def test_encoders_work(name: str, known: Any) -> None:
    assert tried("encoder", name, known).outcome == "works"


@pytest.mark.parametrize("name", ["t5", "bart"])
@pytest.mark.parametrize("stack", ["encoder", "decoder"])
def test_both_stacks_of_an_encoder_decoder_work(name: str, stack: str, known: Any) -> None:
    assert tried("encoder-decoder", name, known, stack).outcome == "works"


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("decoder", "prophetnet", "for 2 texts of 8 tokens its state has the shape (2, 24, 64)"),  # streams of n-grams
        ("decoder", "reformer", "does not give the model's logits"),  # two streams, reversible
        ("decoder", "xlnet", "tokens change the states of those before them"),
        ("decoder", "hrm_text", "its 8 modules do not run once each, in order"),  # loops
        ("decoder", "blt", "model.local_encoder.layers (followed by model.global_transformer.layers, no shorter)"),
        # Fourier mixing; before version 5 it had no place for a mask at all
        ("encoder", "fnet", "keyword argument 'attention_mask'" if OLD else "padding changes the states"),
        ("encoder", "albert", "it has no list of modules"),  # one block, many times
        ("encoder", "longformer", "its state has the shape (2, 512, 64)"),  # pads by itself
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_reason(kind: str, name: str, reason: str, known: Any) -> None:
    row = tried(kind, name, known)
    assert row.outcome == "refused"
    assert reason in row.note


def test_a_name_that_transformers_does_not_know_is_refused(refuses: Any) -> None:
    with refuses("gpt2-xl", "no such model type"):
        list(coverage(["gpt2", "gpt2-xl"]))


def test_a_family_of_another_kind_is_refused(refuses: Any) -> None:
    with refuses("gpt2", "encoder", "leave the kind out"):
        list(coverage(["gpt2"], ["encoder"]))


def test_threads_and_verbosity_are_left_as_they_were() -> None:
    from transformers.utils import logging

    def settings() -> tuple[int, int]:
        return torch.get_num_threads(), logging.get_verbosity()

    found = settings()
    try:
        torch.set_num_threads(2)
        logging.set_verbosity_info()
        rows = coverage(["gpt2"], progress=False)
        next(rows)
        assert settings() == (1, logging.ERROR)
        rows.close()  # as it is when somebody has seen enough
        assert settings() == (2, logging.INFO)
    finally:
        torch.set_num_threads(found[0])
        logging.set_verbosity(found[1])


GPT2 = next(family for family in families() if family.model_type == "gpt2")


def with_network(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Covered:
    """What is said of a network of our own, in the place of the miniature."""
    monkeypatch.setattr(study, "miniature", lambda family: network.eval())
    return study.try_family(GPT2)


class Wide(Toy):
    """Room for the bytes of the study's tokenizer."""

    def __init__(self) -> None:
        super().__init__(depth=8)
        self.embedding = nn.Embedding(512, self.embedding.embedding_dim)


def test_a_network_of_our_own_works(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_network(Wide(), monkeypatch).outcome == "works"


def test_a_network_that_minds_its_company_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sociable(Wide):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            return super().flow(state * state.shape[0])  # alone in every check but ours

    row = with_network(Sociable(), monkeypatch)
    assert row.outcome == "refused"
    assert row.note.startswith("a text gives other states in a batch than alone (by ")


def test_a_network_that_fails_on_longer_texts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(Wide):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            if state.shape[1] > 16:
                raise IndexError("position 17 of 16")
            return super().flow(state)

    row = with_network(Short(), monkeypatch)
    assert (row.outcome, row.note) == ("refused", "fails on plain text: position 17 of 16")


def test_blocks_that_do_nothing_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Idle(Wide):
        class Nothing(Block):
            def forward(self, state: torch.Tensor) -> Any:
                return state.clone()

        block = Nothing

    row = with_network(Idle(), monkeypatch)
    assert row.outcome == "refused"
    assert "constant" in row.note


def working(text: str) -> set[tuple[str, str]]:
    """(kind, name) of every row of the document that works."""
    found, kind = set(), ""
    titles = {title: kind for kind, title in KINDS.items()}
    for line in text.splitlines():
        if line.startswith("## "):
            kind = titles[line.removeprefix("## ")]
        elif match := re.match(r"\| (.+?) \| \w+ \| works \|", line):
            found.add((kind, match[1]))
    return found


def test_the_document_is_read_as_it_says() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"**{len(working(text))} of " in text


@pytest.mark.coverage
def test_no_family_that_worked_is_lost() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    now = {(row.kind, named(row)) for row in coverage(progress=False) if row.outcome == "works"}
    before = working(text)
    lost = sorted(before - now)
    if f"transformers {metadata.version('transformers')}," in text:
        assert not lost
    else:  # another release has other families
        present = {(family.kind, named(family)) for family in families()}
        assert len(lost) <= 0.1 * len(before & present), lost
