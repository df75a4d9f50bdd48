"""Absorption of first letters: codes in which it is planted, and codes without."""

import string

import numpy as np
import pytest
from scipy import sparse

from depthscope.studies.sae.evaluation.absorption import absorption, words_of

LETTERS = "abcdefgh"
PER, WIDTH = 40, 64


def planted(share, seed=0):
    """States of a letter's direction, a word's own and noise. A latent for each letter; at ``share`` of the words that begin
    with ``c`` it is silent, and a latent of their own has the direction of the letter in it.
    """
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    words = [
        f"{letter}{''.join(rng.choice(list(string.ascii_lowercase), 5))}" for letter in LETTERS for _ in range(PER)
    ]
    own = {word: axes[8 + i % 40] for i, word in enumerate(words)}
    letter_of = [LETTERS.index(word[0]) for word in words]
    states = np.array([4 * axes[k] + own[word] for k, word in zip(letter_of, words, strict=True)])
    states += 0.05 * rng.normal(size=states.shape)
    decoder = np.concatenate([axes, np.zeros((WIDTH, WIDTH))])
    values = np.zeros((len(words), 2 * WIDTH))
    absorbed = np.zeros(len(words), dtype=bool)
    for i, k in enumerate(letter_of):
        if k == 2 and rng.random() < share:
            absorbed[i] = True
            place = WIDTH + i % 40
            mixed = 4 * axes[2] + own[words[i]]
            decoder[place] = mixed / np.linalg.norm(mixed)
            values[i, place] = np.linalg.norm(mixed)
        else:
            values[i, k], values[i, 8 + i % 40] = 4, 1
    return words, states, sparse.csc_matrix(values), decoder, absorbed


def test_what_is_planted_is_found():
    words, states, values, decoder, _ = planted(0.4)
    table = absorption(words, states, values, decoder, np.zeros(WIDTH)).letters.set_index("letter")
    assert list(table.index) == list(LETTERS)
    assert table.loc["c", "latents"].split()[0] == "2"
    assert table.loc["c", "absorbed"] == pytest.approx(0.4, abs=0.2)
    assert table.loc["c", "absorbed"] == table.loc["c", "missed"]
    others = table.drop("c")
    assert (others["absorbed"] == 0).all()
    assert (others["missed"] == 0).all()
    assert (table["chance"] == 0).all()
    assert (table["known"] > 0.9).all()


def test_nothing_is_absorbed_where_every_latent_fires():
    words, states, values, decoder, _ = planted(0.0)
    scores = {one.name: one.value for one in absorption(words, states, values, decoder, np.zeros(WIDTH)).scores()}
    assert scores["absorbed"].value == scores["missed"].value == 0
    assert scores["letters"].value == 1


def test_a_latent_that_fires_at_every_word_stands_for_no_letter():
    words, states, values, decoder, _ = planted(0.0)
    code = sparse.csc_matrix(np.ones(values.shape) * (np.arange(values.shape[1]) == 50))
    found = absorption(words, states, code, decoder, np.zeros(WIDTH))
    assert not found.stands.any()
    assert [(one.name, one.value.value) for one in found.scores()] == [("letters", 0)]


def test_silence_alone_is_no_absorption():
    """Latents that say nothing of the letter in its place: missed, not absorbed."""
    words, states, values, decoder, absorbed = planted(0.4)
    code = values.tolil()
    for row in np.flatnonzero(absorbed):
        code[row] = 0
        code[row, 8 + row % 40] = 1
    found = absorption(words, states, code.tocsc(), decoder, np.zeros(WIDTH)).letters.set_index("letter")
    assert found.loc["c", "missed"] > 0.2
    assert found.loc["c", "absorbed"] == 0


def test_a_letter_that_the_probe_does_not_know_is_passed_over(refuses):
    words, states, values, decoder, _ = planted(0.0)
    noise = np.random.default_rng(1).normal(size=states.shape)
    with refuses("cannot be read off"):
        absorption(words, noise, values, decoder, np.zeros(WIDTH))


def test_words_come_from_the_vocabulary(tokenizer):
    words = words_of(tokenizer)
    assert 1500 < len(words) <= 3000
    assert len({word[0].lower() for word in words}) == 26
    assert all(word.isalpha() and len(word) > 2 for word in words)
    for word in words[:20]:
        assert len(tokenizer(f" {word}")["input_ids"]) == 1


class Pieces:
    """A tokenizer of word pieces."""

    def __init__(self, pieces):
        self.pieces = pieces

    def __len__(self):
        return len(self.pieces)

    def convert_ids_to_tokens(self, ids):
        return [self.pieces[i] for i in ids]


def test_word_pieces_have_words_too(refuses):
    assert words_of(Pieces(["house", "##ing", "garden", "[CLS]", "of"])) == ["house", "garden"]
    with refuses("no token"):
        words_of(Pieces(["了", "1"]))
