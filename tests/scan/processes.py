"""A scan in processes of its own: a network that is read at once, a server to fork from, and how a process ended."""

import multiprocessing
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

# not only where they are used: a process of its own begins with all that is imported here
import transformers.models.llama.modeling_llama  # noqa: F401

from depthscope.cli.main import main
from tests.scan.conftest import SMALL, prose, saved

SMALLEST = {**SMALL, "part_tokens": 36}  # a part is a window: as many moments as there are windows


@pytest.fixture(scope="module")
def tokenizer():
    """Of a few hundred entries: each process and each scan reads all of them, and tens of thousands take a second."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        [prose(seed, 300) for seed in range(19)], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(tokenizer_object=backend)


@pytest.fixture(scope="module")
def network(tokenizer, tmp_path_factory) -> Path:
    """Six blocks with random weights."""
    return saved(tokenizer, tmp_path_factory.mktemp("model") / "tiny")


def words(network, corpus, out, **more: object) -> list[str]:
    options = {"model": network, "corpus": corpus, "out": out, **SMALLEST, **more}
    given = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items() if name != "progress"]
    return ["scan", "--no-progress", *(word for pair in given for word in pair)]


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Any]]:
    """``start(function, ...)``: a real process, forked from one that has imported torch, which takes seconds, once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "depthscope.scan.study", "pyarrow.parquet"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        patch.setenv("OMP_NUM_THREADS", "1")  # the server has no threads that a fork would lose

        def call(function: Callable[..., None], *given: object) -> Any:
            process = context.Process(target=function, args=given)
            process.start()
            return process

        yield call


def command(folder: Path, line: list[str], limits: dict[int, int]) -> None:
    """The command line in this process, with limits; what it says goes to files, how it ended is its exit status."""
    with (
        (folder / "said").open("w") as out,
        (folder / "complained").open("w") as err,
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        for which, limit in limits.items():
            resource.setrlimit(which, (limit, limit))
        status = main(line)
    os._exit(status)


def fork(do: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            do()
            status = 0
        finally:
            os._exit(status)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
