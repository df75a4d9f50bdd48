"""The probability of a word, against all continuations that a tiny vocabulary can form, added up one by one."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import depthscope as ds
from depthscope.capture.word import Words
from tests.capture.tokenizers import fast, wordlevel
from tests.conftest import tiny_llama

# one way to write each word: ``a`` and ``b`` begin words, ``c`` goes on, a quotation mark may hold a beginning
PIECES = ["<s>", "Ġa", "Ġb", "c", "a", ".", "-a", "-", "'t", "n", "Ġn"]
MERGES = [("Ġ", "a"), ("Ġ", "b"), ("-", "a"), ("'", "t"), ("Ġ", "n")]
LETTERS = ["Ġ", "b", "'", "t"]


@pytest.fixture(scope="module")
def tiny_words() -> ds.Model:
    """A random network over some dozen tokens, with logits far enough apart that a wrong sum shows."""
    entries = [*PIECES, *LETTERS]
    backend = Tokenizer(models.BPE({piece: i for i, piece in enumerate(entries)}, MERGES))
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_next")
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [backend.pre_tokenizer, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    network: Any = tiny_llama(len(entries), blocks=4)
    with torch.no_grad():
        network.lm_head.weight.mul_(40)
    return ds.load(network, PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="<s>"))


def distribution(model: ds.Model) -> Any:
    @cache
    def after(ids: tuple[int, ...]) -> np.ndarray[Any, Any]:
        with torch.inference_mode():
            logits = model.network(torch.tensor([ids])).logits[0, -1].double().numpy()
        weight = np.exp(logits - logits.max())
        return weight / weight.sum()

    return after


def texts_of(model: ds.Model) -> list[str]:
    return [model.tokenizer.decode([i], clean_up_tokenization_spaces=False) for i in range(len(model.tokenizer))]


def ends_word(model: ds.Model, texts: list[str], token: int) -> bool:
    """Written out for this vocabulary: everything but letters, and the t of n't."""
    return token == model.tokenizer.bos_token_id or (texts[token][0] not in "abcnt" and texts[token] != "'t")


def word_bits(model: ds.Model, text: str, word: str) -> float:
    table = pd.DataFrame([("i", "c", text, word)], columns=["item", "condition", "text", "target"])
    return float(ds.trace(model, table, surprisal="word", progress=False)["surprisal"][0])


def ids_of(model: ds.Model, text: str) -> tuple[int, ...]:
    return tuple(model.tokenizer(text)["input_ids"])


@pytest.mark.parametrize(("context", "word"), [("bc", "a"), ("a b", "bc"), ("bc a", "bcc"), ("a.", "ac")])
def test_a_word_is_as_likely_as_all_continuations_in_which_it_stands(
    tiny_words: ds.Model, context: str, word: str
) -> None:
    after, texts = distribution(tiny_words), texts_of(tiny_words)
    before, own = ids_of(tiny_words, context), ids_of(tiny_words, f" {word}")
    assert ids_of(tiny_words, f"{context} {word}.") == (*before, *own, texts.index("."))
    whole = stands = 0.0
    closed = not context[-1].isalpha()

    def walk(ids: tuple[int, ...], weight: float) -> None:
        """Every continuation, up to the token that shows whether the word is this one."""
        nonlocal whole, stands
        said = ids[len(before) :]
        for token, p in enumerate(after(ids)):
            now = (*said, token)
            ended = ends_word(tiny_words, texts, token)
            if not said and not closed and not ended:
                continue  # the word before it goes on
            if not said:
                whole += weight * p
            if said == own and ended:
                stands += weight * p
            elif now == own[: len(now)]:
                walk((*ids, token), weight * p)

    walk(before, 1.0)
    assert word_bits(tiny_words, f"{context} {word}.", word) == pytest.approx(-np.log2(stands / whole), rel=1e-5)


def test_the_probabilities_of_all_words_add_up_to_one(tiny_words: ds.Model) -> None:
    """Of words of up to two tokens, with what is left to longer ones."""
    after, texts = distribution(tiny_words), texts_of(tiny_words)
    words = Words(tiny_words.tokenizer, len(texts))
    for context in ("a bc", "b a"):
        ids = ids_of(tiny_words, context)
        ended = words._after(context).numpy()
        begins = [i for i in range(len(texts)) if ended[i]]
        assert begins == [i for i in range(len(texts)) if ends_word(tiny_words, texts, i)]
        total = 0.0
        for first in begins:
            p = after(ids)[first] / after(ids)[ended].sum()
            closes = words._after("" if first == tiny_words.tokenizer.bos_token_id else texts[first]).numpy()
            total += p * after((*ids, first))[closes].sum()
            total += p * after((*ids, first))[~closes].sum()  # those of two tokens and more begin so
        assert total == pytest.approx(1, abs=1e-9)


def test_characters_that_share_the_first_token_are_given_not_predicted(tiny_words: ds.Model) -> None:
    after, texts = distribution(tiny_words), texts_of(tiny_words)
    before, joined = ids_of(tiny_words, "a b"), texts.index("-a")
    assert ids_of(tiny_words, "a b-ac.") == (*before, joined, texts.index("c"), texts.index("."))
    given = stands = 0.0
    for token, p in enumerate(after(before)):  # every continuation that begins with the hyphen
        if not texts[token].startswith("-"):
            continue
        given += p
        if token == joined:
            second = (*before, joined)
            third = (*second, texts.index("c"))
            q = after(second)[texts.index("c")]
            stands += p * q * sum(r for i, r in enumerate(after(third)) if ends_word(tiny_words, texts, i))
    assert word_bits(tiny_words, "a b-ac.", "ac") == pytest.approx(-np.log2(stands / given), rel=1e-5)
    table = pd.DataFrame([("i", "c", "a b-ac.", "ac")], columns=["item", "condition", "text", "target"])
    traj = ds.trace(tiny_words, table, progress=False)
    # the last token stands for it, and no other token of the state reaches beyond; surprisal does
    assert (bool(traj["token_exceeds"][0]), bool(traj["state_exceeds"][0])) == (True, False)


def test_a_target_that_ends_inside_a_token_has_no_answer(tiny_words: ds.Model) -> None:
    table = pd.DataFrame([("i", "c", "a b-a.", 2, 4)], columns=["item", "condition", "text", "start", "end"])
    found = ds.trace(tiny_words, table, surprisal="word", progress=False)
    assert np.isnan(found["surprisal"]).all()
    assert bool(found["token_exceeds"][0])
    assert np.isfinite(ds.trace(tiny_words, table, progress=False)["surprisal"]).all()


def test_what_is_chosen_is_recorded_and_the_default_stays(tiny: ds.Model, pairs: pd.DataFrame, refuses: Any) -> None:
    tokens, word = (ds.trace(tiny, pairs, surprisal=how, progress=False) for how in ("tokens", "word"))  # type: ignore[arg-type]
    assert (tokens.attrs["surprisal_of"], word.attrs["surprisal_of"]) == ("tokens", "word")
    np.testing.assert_array_equal(tokens["gram"], word["gram"])
    np.testing.assert_array_equal(tokens["surprisal"], ds.trace(tiny, pairs, progress=False)["surprisal"])
    assert np.isfinite(word["surprisal"]).all()
    assert (word["surprisal"] != tokens["surprisal"]).all()
    with refuses("surprisal='words'", "tokens, word"):
        ds.trace(tiny, pairs, surprisal="words", progress=False)  # type: ignore[arg-type]


def test_words_of_scripts_without_spaces_end_anywhere(tiny: ds.Model) -> None:
    words = Words(tiny.tokenizer, tiny.vocabulary)
    go_on = words._kinds.numpy() == 2
    np.testing.assert_array_equal(words._after("他是鲨鱼").numpy(), ~go_on)
    np.testing.assert_array_equal(words._after("(").numpy(), ~go_on)
    ids = {piece: tiny.tokenizer.convert_tokens_to_ids(piece) for piece in ("Ġwall", "wall", ".", "'s", "'t", "Ġ(")}
    ended = words._after("shark")
    assert {piece: bool(ended[i]) for piece, i in ids.items()} == {
        **{"Ġwall": True, "wall": False, ".": True, "'s": True, "'t": False, "Ġ(": True}
    }


def test_where_every_token_is_a_word_nothing_is_to_be_corrected() -> None:
    model = ds.load(tiny_llama(40), fast(wordlevel()))
    table = pd.DataFrame(
        [("i", "c", "The lawyer is a shark.", "shark")], columns=["item", "condition", "text", "target"]
    )
    tokens, word = (ds.trace(model, table, surprisal=how, progress=False) for how in ("tokens", "word"))  # type: ignore[arg-type]
    np.testing.assert_allclose(tokens["surprisal"], word["surprisal"], rtol=1e-6)  # float32


def test_an_expected_word_is_less_surprising_without_the_space_before_it(embedded: ds.Model) -> None:
    """The trained model knows when a word has ended: what is corrected is small beside the word, and on both sides."""
    table = pd.DataFrame(
        [("i", "c", "The capital of France is Paris.", "Paris")], columns=["item", "condition", "text", "target"]
    )
    tokens, word = (
        float(ds.trace(embedded, table, surprisal=how, progress=False)["surprisal"][0])
        for how in ("tokens", "word")  # type: ignore[arg-type]
    )
    assert abs(tokens - word) < 1


def test_an_apostrophe_ends_a_word_where_the_next_is_attached_and_goes_on_with_it_elsewhere() -> None:
    names = ["Ġa", "'s", "’S", "'re", "'red", "'hui", "’B", "'t", "'", "'2"]
    backend = Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, []))
    backend.decoder = decoders.Sequence([decoders.Replace("Ġ", " "), decoders.Fuse()])
    ended = Words(PreTrainedTokenizerFast(tokenizer_object=backend), len(names))._after("aujourd").numpy()
    assert [name for name, free in zip(names, ended, strict=True) if free] == ["Ġa", "'s", "’S", "'re", "'", "'2"]
