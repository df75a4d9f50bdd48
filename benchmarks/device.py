"""On a GPU: every token measured against the bare forward pass, and the energies against what the device can do.

``python -m benchmarks.device`` prints the table; ``--small`` runs the same code on tiny networks, on any processor.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

import depthscope as ds
from benchmarks.measure import HEADER, Row, mebibytes, peak_bytes, processor, wall_seconds
from depthscope.arrays import depth_gram, joined
from depthscope.capture.every import Reduction, every_state
from depthscope.instrument.filters import FilterBank, filter_bank
from depthscope.instrument.measures import plan, together

LLAMA = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
}
# GptOssConfig's own defaults are those of the larger model
GPT_OSS = {
    "vocab_size": 201088,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "num_hidden_layers": 24,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "num_local_experts": 32,
    "num_experts_per_tok": 4,
    "sliding_window": 128,
    "max_position_embeddings": 131072,
}
TINY = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes
    ----------
    networks : dict
        By name: the class of configuration in transformers, and its values.
    texts, tokens : int
        Of the batch.
    at_once : int
        Texts that depthscope runs together: it holds every state of theirs.
    trajectories : (tokens, depth, width)
        Of the states whose energies are taken.
    copied, side : int
        Bytes of the copy, and rows and columns of the matrices, by which the device is measured.
    """

    networks: dict[str, tuple[str, dict[str, Any]]]
    texts: int
    tokens: int
    at_once: int
    trajectories: tuple[int, int, int]
    copied: int
    side: int


FULL = Size(
    {"Llama-2-7B-shaped": ("LlamaConfig", LLAMA), "GPT-oss-20B-shaped": ("GptOssConfig", GPT_OSS)},
    texts=8,
    tokens=2048,
    at_once=2,
    trajectories=(8 * 2048, 32, 4096),
    copied=2**32,
    side=8192,
)
SMALL = Size(
    {
        "tiny Llama": ("LlamaConfig", TINY),
        "tiny GPT-oss": (
            "GptOssConfig",
            {**GPT_OSS, **TINY, "head_dim": 16, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8},
        ),
    },
    texts=4,
    tokens=32,
    at_once=2,
    trajectories=(64, 8, 64),
    copied=2**20,
    side=64,
)


Of = Callable[[Iterable[torch.Tensor]], torch.Tensor]


def cse_of(depth: int) -> Of:
    """CSE of updates (token, L, feature), in float64, as a scan takes it: (token, L)."""
    return together([plan("cse", depth)])


def measured(model: ds.Model, ids: torch.Tensor, at_once: int, of: Of) -> torch.Tensor:
    """A measure of the updates of every token of ``ids`` (text, token): (text x token, L), float32, on the CPU."""
    reduction = Reduction(of, columns=model.depth)
    found = []
    for some in ids.split(at_once):
        rows, positions = (axis.flatten() for axis in torch.meshgrid(*map(torch.arange, some.shape), indexing="ij"))
        states = every_state(model, some, torch.ones_like(some), rows.to(some.device), positions.to(some.device))
        found.append(reduction(states).cpu())
        del states  # before the next ones are held
    return torch.cat(found)


def energies(states: torch.Tensor, bank: FilterBank) -> torch.Tensor:
    """Scalograms of the states ``h_0 .. h_L`` of N tokens, (N, L + 1, d): (N, scale x L), float32, on their device."""
    columns = len(bank.scale) * bank.depth

    def of(chunks: Iterable[torch.Tensor]) -> torch.Tensor:
        return bank.energy(joined([depth_gram(updates, overwrite=True) for updates in chunks])).flatten(1)

    return Reduction(of, columns)(states)


@dataclass(frozen=True)
class Bound:
    """What the energies of N tokens cannot do without: bytes moved, and operations.

    Bytes: the states read once as they lie in memory, the energies written once, in float32. Operations, a multiplication
    and an addition each: the Gram matrices as matrix products, L x L from L x d, and the product of their distinct entries
    with the filters. Nothing in between is counted: no update, no change of precision, no centring.
    """

    moved: int
    operations: int

    def seconds(self, bandwidth: float, rate: float) -> float:
        """At ``bandwidth`` bytes and ``rate`` operations a second, both at the same time."""
        return max(self.moved / bandwidth, self.operations / rate)


def bound(tokens: int, depth: int, width: int, scales: int, element: int) -> Bound:
    """Of ``tokens`` trajectories of ``depth + 1`` states of ``width`` features of ``element`` bytes."""
    moved = tokens * ((depth + 1) * width * element + scales * depth * 4)
    gram = 2 * depth * depth * width
    filtered = 2 * (depth * (depth + 1) // 2) * scales * depth
    return Bound(moved, tokens * (gram + filtered))


def network(kind: str, values: dict[str, Any], device: str) -> Any:
    """Random weights in bf16, made where they are to be: no wider copy exists at any time. Without a head."""
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, kind)(**values)
    with torch.device(device):
        return transformers.AutoModel.from_config(config, dtype=torch.bfloat16).eval()


def tokenizer() -> Any:
    """One that knows no word: the tokens here are numbers, and load asks for a tokenizer."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>")), unk_token="<unk>"
    )


def forwards(size: Size, device: str) -> list[Row]:
    """Every token of a batch measured, against the forward pass alone."""
    rows = []
    for name, (kind, values) in size.networks.items():
        rows += _forward(name, ds.load(network(kind, values, device), tokenizer()), size, device)
        if device == "cuda":
            torch.cuda.empty_cache()
    return rows


def _forward(name: str, model: ds.Model, size: Size, device: str) -> list[Row]:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, model.vocabulary, (size.texts, size.tokens), generator=generator).to(device)

    cse = cse_of(model.depth)

    def ours() -> Any:
        return measured(model, ids, size.at_once, cse)

    def plain() -> Any:
        with torch.inference_mode():
            return model.network(input_ids=ids, use_cache=False).last_hidden_state

    weights = sum(tensor.nbytes for tensor in (*model.network.parameters(), *model.network.buffers()))
    slow, fast = wall_seconds(ours, plain, settle=settle(device))
    much, little = peak(ours, device, weights), peak(plain, device, weights)
    attention = getattr(model.network.config, "_attn_implementation", "its own")
    work = (
        f"every token measured, {name} ({attention} attention), random weights, bf16, {size.texts} x {size.tokens} "
        f"tokens, {size.at_once} texts at a time"
    )
    against = "plain forward without head, all texts at once"
    return [
        _row(size, work, f"{against}: time", time_text(slow), time_text(fast), slow / fast, 1.08),
        _row(size, work, f"{against}: peak memory", mebibytes(much), mebibytes(little), much / little, 1.10),
    ]


def scalograms(size: Size, device: str) -> list[Row]:
    """The energies of all tokens against their bound."""
    count, depth, width = size.trajectories
    generator = torch.Generator(device).manual_seed(0)
    states = torch.empty(count, depth + 1, width, dtype=torch.bfloat16, device=device)
    states.normal_(generator=generator).cumsum_(1)
    bank = filter_bank(depth)
    least = bound(count, depth, width, len(bank.scale), states.element_size())
    bandwidth = copy_bandwidth(size.copied, device)
    rate = matrix_rate(size.side, device)
    (taken,) = wall_seconds(lambda: energies(states, bank), settle=settle(device))
    possible = least.seconds(bandwidth, rate)
    work = f"energies of {count} tokens, {depth} layers x {width}, {len(bank.scale)} scales, bf16 states"
    against = (
        f"its bound: {least.moved / 1e9:.3g} GB at {bandwidth / 1e12:.3g} TB/s copied, "
        f"{least.operations / 1e9:.3g} GFLOP at {rate / 1e12:.3g} TFLOP/s (float64 matrix product)"
    )
    share = possible / taken
    goal = "bound / time >= 0.5" if size is FULL else ""
    return [Row(work, against, time_text(taken), time_text(possible), share, goal, share >= 0.5)]


def copy_bandwidth(size: int, device: str) -> float:
    """Bytes a second, read and written, of a copy of ``size`` bytes within the device's memory."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    (taken,) = wall_seconds(lambda: target.copy_(source), settle=settle(device))
    return 2 * size / taken


def matrix_rate(side: int, device: str) -> float:
    """Operations a second of a product of two square matrices in float64."""
    left, right = torch.randn(2, side, side, dtype=torch.float64, device=device)
    (taken,) = wall_seconds(lambda: left @ right, settle=settle(device))
    return float(2 * side**3 / taken)


def _row(size: Size, work: str, against: str, ours: str, theirs: str, ratio: float, most: float) -> Row:
    # the goals are for the full size: on tiny networks the fixed cost of a call is all there is
    goal = f"<= {most:.2f}" if size is FULL else ""
    return Row(work, against, ours, theirs, ratio, goal, ratio <= most)


def settle(device: str) -> Callable[[], Any]:
    return torch.cuda.synchronize if device == "cuda" else lambda: None


def peak(work: Callable[[], Any], device: str, weights: int) -> int:
    """Bytes held at once while ``work`` runs, the weights among them."""
    if device == "cpu":
        return weights + peak_bytes(work)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    work()
    torch.cuda.synchronize()
    return int(torch.cuda.max_memory_allocated())


def time_text(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


WORKS = {"forward": forwards, "energy": scalograms}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny networks: is the script ready?")
    parser.add_argument("--only", choices=WORKS, help="these rows alone")
    chosen = parser.parse_args(arguments)
    if chosen.device == "cuda" and not torch.cuda.is_available():
        print("torch finds no CUDA device here: try --device cpu --small", file=sys.stderr)
        return 2
    import transformers

    cuda = chosen.device == "cuda"
    name = torch.cuda.get_device_name() if cuda else processor()
    size = SMALL if chosen.small else FULL
    print(f"{name}; torch {torch.__version__}, transformers {transformers.__version__}, depthscope {ds.__version__}\n")
    print(HEADER)
    for work in [chosen.only] if chosen.only else WORKS:
        for row in WORKS[work](size, chosen.device):
            print(row.markdown(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
