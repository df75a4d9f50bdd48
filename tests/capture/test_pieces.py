"""A whole text in tokens: each where it stands, none dropped, and what a person sees of it."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from depthscope.capture.pieces import decoded, read_pieces
from depthscope.model.miniature import byte_tokenizer

TEXT = "A naïve 🦈 swam,\n\n  שלום 漢字"


@pytest.fixture(scope="module")
def with_bos(tokenizer: Any) -> Any:
    """The same tokenizer with a special token before and after each text."""
    other = copy.deepcopy(tokenizer)
    token = other.bos_token
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A {token}", special_tokens=[(token, other.bos_token_id)]
    )
    return other


def read(tokenizer: Any, text: str, max_length: int | None = None) -> Any:
    return read_pieces(tokenizer, text, max_length, "the model")


def test_pieces_are_the_text_as_it_stands(tokenizer: Any) -> None:
    found = read(tokenizer, "The lawyer is\n\na shark.")
    assert found.shown == ["The", " lawyer", " is", "\n", "\n", "a", " shark", "."]
    assert "".join(found.shown) == "The lawyer is\n\na shark."
    assert found.ids == tokenizer("The lawyer is\n\na shark.")["input_ids"]
    assert found.offsets[1] == (3, 10)
    assert not any(found.special)


def test_special_tokens_have_their_names_and_stand_nowhere(with_bos: Any, tokenizer: Any) -> None:
    found = read(with_bos, "A shark.")
    name = tokenizer.bos_token
    assert found.shown == [name, "A", " shark", ".", name]
    assert found.special == [True, False, False, False, True]
    # written out in the text it is text, whatever its id
    spelt = read(with_bos, f"A {name}")
    assert spelt.shown[-2:] == [name, name]
    assert spelt.special[-2:] == [False, True]


def test_a_character_of_several_tokens_is_shown_in_every_one_of_them(tokenizer: Any) -> None:
    found = read(tokenizer, "a 🦈!")
    parts = [piece for piece in found.shown if "🦈" in piece]
    count = len(parts)
    assert count > 1
    assert [piece[piece.index("⟨") :] for piece in parts] == [f"⟨{k}/{count}⟩" for k in range(1, count + 1)]
    assert parts[0].startswith(" 🦈")
    assert found.shown[-1] == "!"


def test_neighbours_of_several_tokens_each_are_told_apart() -> None:
    found = read(byte_tokenizer(), "é🦈")
    assert found.shown == ["é⟨1/2⟩", "é⟨2/2⟩", *(f"🦈⟨{k}/4⟩" for k in range(1, 5))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# this tokenizer has no token for some control characters and for the first byte of characters beyond, and drops them
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"], max_codepoint=0x3FFFF), min_size=1, max_size=30).filter(
        str.strip
    )
)
def test_no_token_is_dropped_and_no_text_of_any_script_breaks_it(tokenizer: Any, text: str) -> None:
    found = read(tokenizer, text)
    assert len(found.ids) == len(found.shown) == len(found.offsets) == len(found.special)
    assert found.ids == tokenizer(text)["input_ids"]
    assert all(found.shown)
    covered = {i for start, end in found.offsets for i in range(start, end)}
    assert covered == set(range(len(text)))


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_nothing_is_refused(tokenizer: Any, text: str, refuses: Any) -> None:
    with refuses("empty", "at least one word"):
        read(tokenizer, text)


def test_what_is_no_text_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("bytes", "string"):
        read(tokenizer, b"text")  # type: ignore[arg-type]
    with refuses("half a character"):
        read(tokenizer, "a \ud83e b")


def test_a_text_beyond_the_context_is_refused_with_its_length(tokenizer: Any, refuses: Any) -> None:
    assert len(read(tokenizer, "one two three", 3).ids) == 3
    with refuses("4 tokens", "at most 3", "shorten it"):
        read(tokenizer, "one two three four", 3)


def test_a_tokenizer_that_drops_everything_is_named(tokenizer: Any, refuses: Any) -> None:
    class Deaf:
        def __call__(self, text: str, **options: Any) -> Any:
            return {"input_ids": [1], "special_tokens_mask": [1], "offset_mapping": [(0, 0)]}

    with refuses("the model makes no token", "other words"):
        read(Deaf(), "words")


def test_single_tokens_are_decoded_with_the_space_before_them(tokenizer: Any) -> None:
    ids = tokenizer(" shark shark\n")["input_ids"]
    assert [decoded(tokenizer, ids)[i] for i in ids] == [" shark", " shark", "\n"]


def test_bytes_that_are_no_character_are_named(tokenizer: Any) -> None:
    ids = tokenizer("🦈")["input_ids"]
    words = decoded(tokenizer, ids)
    named = "".join(words[i] for i in ids)
    assert named == "".join(f"<0x{byte:02X}>" for byte in "🦈".encode())


def test_a_tokenizer_of_the_other_kind_keeps_its_spaces_too() -> None:
    class Metaspace:
        names = ("▁shark", "s", "▁▁", "<0xF0>")

        def batch_decode(self, rows: Any, **options: Any) -> list[str]:
            return ["shark", "s", " ", "\ufffd"]

        def convert_ids_to_tokens(self, ids: Any) -> list[str]:
            return [self.names[i] for i in ids]

    assert list(decoded(Metaspace(), range(4)).values()) == [" shark", "s", "  ", "<0xF0>"]


def test_texts_in_many_scripts_keep_their_pieces(tokenizer: Any) -> None:
    found = read(tokenizer, TEXT)
    pairs = zip(found.shown, found.offsets, strict=True)
    assert all(piece.startswith(TEXT[slice(*offsets)]) for piece, offsets in pairs)
