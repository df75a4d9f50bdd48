"""Whatever other people's code raises over odd files becomes one sentence."""

from pathlib import Path
from typing import Any

import pytest

import depthscope as ds
from depthscope.model.foreign import one_sentence
from tests.model.saved import configure


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_act": "nonsense"},
        {"rope_parameters": {"rope_type": "nonsense", "rope_theta": 1e4}},
        {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}},
        {"rope_parameters": [1]},
        *({"num_attention_heads": value} for value in (5, 0, -1, "4")),
        {"num_hidden_layers": None},
        {"head_dim": 7},
        {"vocab_size": 0},
        {"pad_token_id": 10**9},
        *({"dtype": value} for value in ("nonsense", 5, ["float32"])),
        *({"model_type": value} for value in ("nonsense", [], 5, "vit")),
        {"quantization_config": 5},
        {"attn_implementation": "flash_attention_2"},
        {"auto_map": 5},
        {"transformers_weights": 5},
    ],
    ids=str,
)
def test_odd_values_of_a_configuration_are_refused(values: dict[str, Any], copied: Path, refuses: Any) -> None:
    with refuses(str(copied)):
        ds.load(configure(copied, **values))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", [b"[]", b"null", b"5", b"{", b"", b"\xff\xfe\x00"])
def test_files_that_are_no_settings_are_refused(name: str, content: bytes, copied: Path, refuses: Any) -> None:
    (copied / name).write_bytes(content)
    with refuses(str(copied)):
        ds.load(copied)


def test_an_empty_tokenizer_is_refused(copied: Path, refuses: Any) -> None:
    (copied / "tokenizer.json").write_text("{}")
    with refuses(str(copied)):
        ds.load(copied)


@pytest.mark.parametrize("value", [5, ["a"], {"x": 1}, 1.5])
def test_odd_special_tokens_are_refused(value: Any, copied: Path, refuses: Any) -> None:
    with refuses(str(copied)):
        ds.load(configure(copied, "tokenizer_config.json", bos_token=value))


def test_an_unknown_option_is_named(stored: Path, refuses: Any) -> None:
    with refuses(str(stored), "no option 'nonsense'"):
        ds.load(stored, nonsense=5)


@pytest.mark.parametrize(
    "options",
    [{"attn_implementation": "flash_attention_2"}, {"attn_implementation": "nonsense"}, {"device_map": "nonsense"}],
)
def test_options_that_do_not_work_here_are_refused(options: dict[str, Any], stored: Path, refuses: Any) -> None:
    with refuses(str(stored)):
        ds.load(stored, **options)


@pytest.mark.parametrize("problem", [KeyboardInterrupt, SystemExit, MemoryError])
def test_interruptions_and_lack_of_memory_stay_what_they_are(problem: type[BaseException]) -> None:
    with pytest.raises(problem), one_sentence("model"):
        raise problem


@pytest.mark.parametrize(
    "problem", [KeyError("factor"), RecursionError(), TypeError("odd"), AssertionError(), OSError("gone")]
)
def test_every_other_error_is_a_sentence_with_its_reason(problem: Exception, refuses: Any) -> None:
    with refuses("model: ", "It says: ", *(str(word) for word in problem.args)), one_sentence("model"):
        raise problem
