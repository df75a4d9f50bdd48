"""In half precision only what rounding explains is let through; leaks the size of a few roundings are refused."""

from typing import Any

import pytest
import torch

import depthscope as ds
from depthscope.model.judge import OTHER_SHAPE
from depthscope.model.miniature import byte_tokenizer, families, miniature
from tests.conftest import tiny_llama
from tests.model.toy import Block, Toy

HALVES = [torch.bfloat16, torch.float16]
PRECISIONS = [*HALVES, torch.float32]
# shares of another token's state
LEAKS = [
    *((torch.bfloat16, share) for share in (1e-1, 1e-2, 1e-3)),
    *((torch.float16, share) for share in (1e-2, 1e-4)),
    (torch.float32, 1e-4),
]
TOKENIZER = byte_tokenizer()


class Shaken(Block):
    """Rounds as kernels do that sum in another order: the last digit is another one in another shape."""

    def forward(self, state: torch.Tensor) -> Any:
        count = torch.arange(1, state.shape[1] + 1, dtype=state.dtype, device=state.device)
        given = state + torch.tanh(self.mix(state.cumsum(1) / count[:, None]))
        generator = torch.Generator().manual_seed(state.shape[1])
        step = 2 * torch.rand(state.shape[1:], generator=generator, dtype=torch.float64) - 1
        return (given.double() * (1 + torch.finfo(state.dtype).eps * step)).to(state.dtype)


class Roomy(Toy):
    block = Shaken
    share = 0.0


class SeesPadding(Roomy):
    """Every token sees a little of the last one, masked or not."""

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        return super().flow(state + self.share * state[:, -1:])


class SeesTheNext(Roomy):
    """Every token but the last sees a little of the next one."""

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        return super().flow(torch.cat([state[:, :-1] + self.share * state[:, 1:], state[:, -1:]], 1))


class SeesTheMean(Roomy):
    """Every token sees a little of all."""

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        return super().flow(state + self.share * state.mean(1, keepdim=True))


class Grouped(Shaken):
    """Rounds as experts do: by which tokens they take together."""

    def forward(self, state: torch.Tensor) -> Any:
        given = super().forward(state)
        generator = torch.Generator().manual_seed(int(1e6 * float(state.double().sum().abs())))
        step = 2 * torch.rand(state.shape[1:], generator=generator, dtype=torch.float64) - 1
        return (given.double() * (1 + torch.finfo(state.dtype).eps * step / 2)).to(state.dtype)


class Experts(Roomy):
    block = Grouped


class Bypass(Roomy):
    def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
        return super().head(state + self.share * embedded, embedded)


def load(kind: type[Roomy], dtype: torch.dtype, share: float = 0.0, **options: Any) -> ds.Model:
    network = kind()
    network.share = share
    return ds.load(network.to(dtype), TOKENIZER, **options)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_what_only_rounds_otherwise_in_another_shape_is_accepted(dtype: torch.dtype) -> None:
    checks = load(Roomy, dtype).checks
    assert checks["padding"].startswith("padding changes states by at most")
    if dtype in HALVES:
        times = float(checks["padding"].split(", ")[1].split()[0])
        assert 0.1 < times < OTHER_SHAPE
        assert "of the update there" in checks["rounding"]
    else:
        assert "rounding" not in checks


@pytest.mark.parametrize(("dtype", "share"), LEAKS)
def test_small_leaks_are_refused(dtype: torch.dtype, share: float, refuses: Any) -> None:
    for kind in (SeesTheNext, SeesTheMean):
        with refuses(kind.__name__, "tokens change the states of those before them"):
            load(kind, dtype, share)
    with refuses("padding changes the states"):
        load(SeesPadding, dtype, share, stack="encoder")
    with refuses("does not give the model's logits"):
        load(Bypass, dtype, share)


@pytest.mark.parametrize("dtype", HALVES)
def test_what_half_precision_cannot_tell_is_settled_in_float32(dtype: torch.dtype) -> None:
    network = Experts().to(dtype)
    before = {name: (weight.data_ptr(), weight.clone()) for name, weight in network.state_dict().items()}
    checks = ds.load(network, TOKENIZER).checks
    assert checks["causal"].endswith("(in float32)")
    assert "of the update there" in checks["rounding"]
    for name, weight in network.state_dict().items():  # the very weights that it came with
        assert weight.data_ptr() == before[name][0]
        assert weight.dtype == dtype
        assert torch.equal(weight, before[name][1])

    class Leaking(SeesTheMean):
        block = Grouped
        share = 0.002

    leaking = Leaking().to(dtype)
    with pytest.raises(ds.DepthscopeError, match="tokens change the states of those before them"):
        ds.load(leaking, TOKENIZER)


def test_what_does_not_run_in_float32_stays_in_doubt_and_is_refused(refuses: Any) -> None:
    class Insists(Experts):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            return super().flow(state.bfloat16())

    with refuses("may be rounding or a leak", "dtype='float32'"):
        ds.load(Insists().bfloat16(), TOKENIZER)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", ["bert", "modernbert", "roc_bert"])
def test_an_encoder_is_no_decoder_in_half_precision_either(name: str, dtype: torch.dtype, refuses: Any) -> None:
    network = miniature(next(f for f in families() if f.model_type == name and f.stack == "encoder")).to(dtype)
    with refuses("tokens change the states of those before them"):
        ds.load(network, TOKENIZER)
    assert not ds.load(network, TOKENIZER, stack="encoder").predicts


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3_text", "mixtral", "mamba", "qwen2", "rwkv"])
def test_families_in_half_precision(name: str, dtype: torch.dtype) -> None:
    family = next(f for f in families() if f.model_type == name)
    model = ds.load(miniature(family).to(dtype), TOKENIZER)
    assert model.dtype == dtype
    assert model.predicts


def test_where_a_fixed_bound_is_enough_nothing_more_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from depthscope.model.rounding import Rounding

    monkeypatch.setattr(Rounding, "_pass", None)
    ds.load(tiny_llama(len(TOKENIZER)), TOKENIZER)
