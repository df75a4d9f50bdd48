"""The table of families: counts, remarks that fit, and Markdown that holds together."""

import pytest

from depthscope.studies.coverage.results import Covered
from depthscope.studies.coverage.words import LONGEST, count, coverage_document, remark

ROWS = [
    Covered("decoder", "gpt2", "GPT2LMHeadModel", None, "works", "transformer.h"),
    Covered("decoder", "rwkv", "RwkvForCausalLM", None, "works", "rwkv.blocks", "rescaled"),
    Covered("decoder", "xlnet", "XLNetLMHeadModel", None, "refused", "", "a | b <x>"),
    Covered("decoder", "dots", "Dots", None, "not built", "", "too large"),
    Covered("encoder-decoder", "t5", "T5ForConditionalGeneration", "encoder", "works", "block"),
]


def test_the_counts_say_what_is_known() -> None:
    assert count(ROWS) == "3 of 4 work, 1 is refused with the reason; 1 more could not be built small"
    assert count(ROWS[:2]) == "2 of 2 work"


def test_the_document_has_a_table_for_each_kind_that_was_tried() -> None:
    text = coverage_document(ROWS, "transformers 1.2", "depthscope models coverage")
    assert (
        "Measured with transformers 1.2, by\n\n<!-- not run: minutes -->\n```sh\ndepthscope models coverage\n```"
        in text
    )
    assert f"**{count(ROWS)}.**" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Causal language models",
        "## Encoder-decoders (`stack='encoder'` and `stack='decoder'`)",
    ]
    assert "| gpt2 | GPT2LMHeadModel | works | `transformer.h` |  |" in text
    # of columns that are empty in all rows of a table nothing is shown
    assert "| t5 (encoder) | T5ForConditionalGeneration | works | `block` |\n" in text


def test_what_means_something_in_markdown_is_escaped() -> None:
    text = coverage_document(ROWS, "", "")
    assert "| a \\| b &lt;x> |" in text


@pytest.mark.parametrize(
    ("sentence", "short"),
    [
        (
            "no chain of blocks found in HrmText: L.layers (not once each); H.layers (neither); name the list of blocks "
            'yourself with blocks=, e.g. blocks="model.layers" (--blocks on the command line)',
            "no chain of blocks: L.layers (not once each)",
        ),
        (
            "no chain of blocks found in Cpm: layers (its state has the shape (2, 40, 64)); others (why); name the list of "
            "blocks yourself",
            "no chain of blocks: layers (its state has the shape (2, 40, 64))",
        ),
        (
            "no chain of blocks found in Albert: it has no list of modules",
            "no chain of blocks: it has no list of modules",
        ),
        (
            "in memory: Blip does not run on text alone, so it cannot be measured; it says: Blip.forward() missing 1 "
            "required positional argument: 'pixel_values'",
            "does not run on text alone: missing 1 required positional argument: 'pixel_values'",
        ),
        (
            "in memory: padding changes the states of the text before it (relative difference 1), so FNet gives other "
            "numbers in a batch than alone, and cannot be measured",
            "padding changes the states of the text before it (relative difference 1)",
        ),
        (
            "Dots cannot be built small: Class validation error for validator 'validate_architecture': ValueError: in must "
            "match out",
            "in must match out",
        ),
        ("could not load /home/me/venv/lib/python3.11/site-packages/timm/x.so: no", "could not load x.so: no"),
        (
            "in memory: the last state at a.b does not give the model's logits through its final norm and head (relative "
            "difference 2), so these blocks do not carry the whole stream; name the list of blocks yourself with blocks=",
            "the last state does not give the model's logits (relative difference 2)",
        ),
        (
            "in memory: FSMTEncoder has no token embeddings, so it is no language model",
            "has no token embeddings",
        ),
        ("two\n  lines", "two lines"),
        ("parallel streams, taken as one vector", "parallel streams, taken as one vector"),
    ],
)
def test_a_remark_is_the_reason_alone(sentence: str, short: str) -> None:
    assert remark(sentence) == short


def test_a_long_reason_ends_at_a_word() -> None:
    short = remark("word " * 100)
    assert len(short) <= LONGEST
    assert short.endswith("word ...")
