"""The script for the GPU, run whole on a tiny network: nobody should find out on the machine that it does not run."""

import re

import pytest
import torch

from benchmarks import sae_h200


def test_the_tiny_run_prints_every_row_of_the_table(capsys):
    assert sae_h200.main(["--tiny", "--device", "cpu"]) == 0
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert f"torch {torch.__version__}" in head
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[1].split(":")[0].split(",")[0] for row in cells] == [
        "the plain pass of these blocks",
        # the parameters are those of encoder, decoder and two biases, moved nine times in four bytes
        f"{36 * (2 * 256 * 64 + 256 + 64) / 1e9:.3g} GB of parameters and Adam at {cells[1][1].split()[-2]} TB/s",
        "the encoder's product alone",
        "its bound",
        "the sum of its parts",
        "weights",
    ]
    for row in cells:
        assert all(re.fullmatch(r"[\d.,e-]+ (tokens/s|s|ms|MiB)", cell) for cell in row[2:4]), row
        assert row[5] == ""  # no goal is met or missed by a tiny network


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so(capsys):
    assert sae_h200.main([]) == 2
    assert "--tiny" in capsys.readouterr().err


def test_there_are_words_for_all_that_is_timed():
    """More than four buffers, although the first token of a window is left out; whole batches in each."""
    small, full = sae_h200.SMALL, sae_h200.FULL
    tokens = sum(len(text.split()) for text in sae_h200.corpus(small, 4).texts.values())
    assert tokens * (1 - 1 / small.window) > 4 * small.buffer
    for size in (small, full):
        assert size.buffer % size.batch == 0
        assert size.layer < size.network["num_hidden_layers"]
