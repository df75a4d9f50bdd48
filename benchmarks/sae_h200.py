"""On a GPU: a sparse autoencoder of 131,072 latents trained on a network of the shape of Llama-2-7B, against its bound.

``python -m benchmarks.sae_h200`` prints the table, in about five minutes; ``--tiny`` runs the same code on a tiny network, on
any processor. States come from random weights and random words, through the stream that ``depthscope sae train`` reads.

The bound of training on N tokens is the sum of two times that nothing here can be without: the forward pass of the network's
own blocks up to the layer, plain, over the windows of these tokens; and 36 bytes for each parameter of the dictionary, at the
bandwidth of a copy. These are, in float32: the parameter read forwards, its gradient written backwards, and of Adam the
parameter, its gradient and both moments read, and all but the gradient written. The product of states and encoder, the choice
of the largest, and every state that is read are not in it.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

import depthscope as ds
from benchmarks.device import LLAMA, TINY, copy_bandwidth, network, peak, settle, time_text
from benchmarks.measure import HEADER, Row, mebibytes, processor, wall_seconds
from depthscope.capture.parts import Cut
from depthscope.capture.sites import Site
from depthscope.capture.stream import Order, Stream
from depthscope.capture.taps import Taps
from depthscope.corpus.memory import TextCorpus
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.trainer import Trainer

# float32 numbers that are moved for each parameter of a dictionary in a step
MOVED = 9
REPEATS = 5


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes
    ----------
    network : dict
        Values of a LlamaConfig.
    layer : int
        Whose states are learnt from.
    latents, k : int
    batch : int
        Tokens of a step.
    buffer : int
        Of the stream: a multiple of the batch.
    window : int
        Tokens that the network reads at once, of which the first is left out.
    copied : int
        Bytes of the copy by which the bandwidth is measured.
    """

    network: dict[str, Any]
    layer: int
    latents: int
    k: int
    batch: int
    buffer: int
    window: int
    copied: int


FULL = Size(LLAMA, 16, 2**17, 64, 2**14, 2**16, 1024, 2**32)
SMALL = Size(TINY, 4, 256, 8, 128, 512, 33, 2**20)


def spoken(size: Size) -> Any:
    """A tokenizer whose words are numbers."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {f"w{i}": i for i in range(size.network["vocab_size"])}
    made = Tokenizer(models.WordLevel(words, unk_token="w0"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="w0")


def corpus(size: Size, buffers: int) -> TextCorpus:
    """Random words, more than so many buffers hold: documents of eight windows each."""
    random = torch.Generator().manual_seed(0)
    each = 8 * size.window
    texts = {}
    for number in range(buffers * size.buffer // (each - 8) + 2):
        ids = torch.randint(1, size.network["vocab_size"], (each,), generator=random).tolist()
        texts[f"{number}"] = " ".join(f"w{i}" for i in ids)
    return TextCorpus("random words", texts)


class Measured:
    """A network, a dictionary of it, and the stream between them."""

    def __init__(self, size: Size, device: str) -> None:
        self.size, self.device = size, device
        self.model = ds.load(network("LlamaConfig", size.network, device), spoken(size))
        self.site = Site("resid", size.layer)
        self.taps = Taps(self.model, [self.site])
        order = Order(Cut(size.window, 0, 2**20, True), size.batch, size.buffer)
        # the first buffer is the beginning's; two are timed
        self.stream = Stream(self.taps, corpus(size, 4), order, 3 * size.buffer // size.batch)
        plan = Plan(self.site, size.latents, TopK(size.k))
        self.trainer = Trainer([plan], self.stream, device=device, product=torch.bfloat16 if device == "cuda" else None)
        self.settle = settle(device)

    @property
    def windows(self) -> list[Any]:
        """Those of one batch."""
        return list(islice(self.stream.windows(), -(-self.size.batch // (self.size.window - 1))))

    def forwards(self) -> tuple[float, float]:
        """Seconds for the states of a batch: as the stream has them, and the blocks alone."""
        windows, layers = self.windows, self.model.network.layers
        ids = torch.stack([torch.as_tensor(window.ids) for window in windows]).to(self.device)
        passes = [len(read.windows) for read in self.taps.read(windows)]
        beginning = torch.nn.ModuleList(list(layers)[: self.size.layer])

        def plain() -> None:
            self.model.network.layers = beginning
            try:
                with torch.inference_mode():
                    for some in ids.split(max(passes)):
                        self.model.network(input_ids=some, use_cache=False)
            finally:
                self.model.network.layers = layers

        def heard() -> None:
            for _ in self.taps.read(windows):
                pass

        heard_seconds, plain_seconds = wall_seconds(heard, plain, repeats=REPEATS, settle=self.settle)
        return heard_seconds, plain_seconds

    def together(self) -> tuple[float, dict[str, torch.Tensor]]:
        """Seconds of a step from tokens to parameters, over two buffers, and a batch."""
        batches: Iterator[Any] = self.stream.batches()
        steps = self.stream.steps // 3
        self.trainer.begin()
        for number in range(steps):
            self.trainer.step(next(batches), number, 3 * steps)
        self.settle()
        begin = time.perf_counter()
        for number in range(steps, 3 * steps):
            batch = next(batches)
            self.trainer.step(batch, number, 3 * steps)
        self.settle()
        return (time.perf_counter() - begin) / (2 * steps), batch

    def alone(self, batch: dict[str, torch.Tensor]) -> float:
        """Seconds of a step on states that are there."""
        (taken,) = wall_seconds(
            lambda: self.trainer.step(batch, 0, 1),
            repeats=REPEATS,
            settle=self.settle,
        )
        return taken

    def product(self, batch: dict[str, torch.Tensor]) -> float:
        """Seconds of the product of states and encoder alone, as much of it at once as the trainer holds."""
        (learner,) = self.trainer.learners.values()
        kind = self.trainer.product or torch.float32
        states, encoder = batch[self.site].to(kind), learner.dictionary.encoder.detach().to(kind).T
        rows = max(1, 2**28 // self.size.latents)
        held = states.new_empty((min(rows, len(states)), self.size.latents))

        def work() -> None:
            for some in states.split(rows):
                torch.mm(some, encoder, out=held[: len(some)])

        (taken,) = wall_seconds(work, repeats=REPEATS, settle=self.settle)
        return taken

    @property
    def parameters(self) -> int:
        (learner,) = self.trainer.learners.values()
        return sum(value.numel() for value in learner.parameters.values())


def rows(size: Size, device: str) -> Iterator[Row]:
    """What is printed, as it is measured."""
    measured = Measured(size, device)
    both, batch = measured.together()
    step, product = measured.alone(batch), measured.product(batch)
    heard, plain = measured.forwards()
    bandwidth = copy_bandwidth(size.copied, device)
    moved = MOVED * 4 * measured.parameters
    least = moved / bandwidth
    full = size.latents == FULL.latents
    blocks = f"{size.layer} blocks of width {size.network['hidden_size']}, {size.batch:,} tokens"

    def speed(seconds: float) -> str:
        return f"{size.batch / seconds:,.0f} tokens/s"

    yield Row(
        f"states behind {blocks}", "the plain pass of these blocks", speed(heard), speed(plain), plain / heard, "", True
    )
    dictionary = f"n {size.latents:,}, k {size.k}, batch {size.batch:,}"
    moving = f"{moved / 1e9:.3g} GB of parameters and Adam at {bandwidth / 1e12:.3g} TB/s"
    yield Row(f"step of a dictionary, {dictionary}", moving, time_text(step), time_text(least), least / step, "", True)
    yield Row("the same", "the encoder's product alone", time_text(step), time_text(product), product / step, "", True)
    bound = plain + least
    yield Row(
        f"training from tokens, {blocks}, {dictionary}",
        "its bound: plain pass + bytes of the dictionary",
        speed(both),
        speed(bound),
        bound / both,
        "bound / time >= 0.5" if full else "",
        bound / both >= 0.5,
    )
    parts = heard + step
    yield Row(
        "the same",
        "the sum of its parts, measured apart",
        time_text(both),
        time_text(parts),
        both / parts,
        "<= 1.15" if full else "",
        both / parts <= 1.15,
    )
    held = sum(tensor.nbytes for tensor in measured.model.network.parameters()) + 4 * 4 * measured.parameters
    much = peak(lambda: measured.trainer.step(batch, 0, 1), device, held)
    yield Row(
        "peak memory of a step, the network and a buffer beside it",
        "weights, and parameters, gradients and moments in float32",
        mebibytes(much),
        mebibytes(held),
        much / held,
        "",
        True,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sae_h200", description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), help="by default cuda, with --tiny the processor")
    parser.add_argument("--tiny", action="store_true", help="a tiny network: is the script ready?")
    parser.add_argument("--batch", type=int, help="tokens of a step, if 16,384 do not fit")
    chosen = parser.parse_args(arguments)
    device = chosen.device or ("cpu" if chosen.tiny else "cuda")
    if device == "cuda" and not torch.cuda.is_available():
        print("torch finds no CUDA device here: try --tiny", file=sys.stderr)
        return 2
    import transformers

    size = SMALL if chosen.tiny else FULL
    if chosen.batch:
        size = Size(**{**vars(size), "batch": chosen.batch, "buffer": 4 * chosen.batch})
    name = torch.cuda.get_device_name() if device == "cuda" else processor()
    print(f"{name}; torch {torch.__version__}, transformers {transformers.__version__}, depthscope {ds.__version__}\n")
    print(HEADER)
    for row in rows(size, device):
        print(row.markdown(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
