"""Logits at single tokens are the network's own, or none at all."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM, LlamaModel

import depthscope as ds
from depthscope.capture.record import record
from depthscope.capture.tokens import Tokenized
from depthscope.model.head import logits_at
from tests.conftest import tiny_llama
from tests.model.families import SETTINGS, build
from tests.model.toy import Toy

VOCABULARY = 97
IDS = torch.arange(36).reshape(3, 12)
ROWS, POSITIONS = torch.tensor([2, 0, 0, 1]), torch.tensor([11, 5, 0, 5])
TARGET = Tokenized([5, 17, 3, 44, 80], [4], 2, False, [3, 4])


class Headed(Toy):
    """Says which module its head is, as transformers' networks do."""

    def get_output_embeddings(self) -> Any:
        return self.out


@pytest.mark.parametrize("family", list(SETTINGS))
def test_chosen_logits_are_those_of_the_full_pass(family: str) -> None:
    network = build(family, VOCABULARY)
    with torch.inference_mode():
        full = network(IDS).logits
        chosen = logits_at(network, {"input_ids": IDS}, ROWS, POSITIONS)
    assert chosen.shape == (4, VOCABULARY)
    torch.testing.assert_close(chosen, full[ROWS, POSITIONS], rtol=0, atol=1e-6 * float(full.abs().max()))


def test_the_head_sees_the_chosen_tokens_only_and_no_hook_stays() -> None:
    network: Any = tiny_llama(VOCABULARY)
    seen: list[torch.Size] = []
    handle = network.lm_head.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    logits_at(network, {"input_ids": IDS}, ROWS, POSITIONS)
    handle.remove()
    assert seen == [(1, 4, VOCABULARY)]
    assert not network.lm_head._forward_pre_hooks
    assert network(IDS).logits.shape == (3, 12, VOCABULARY)


def test_the_models_own_pass_gives_them_at_any_time(tiny: ds.Model) -> None:
    assert tiny.predicts
    assert tiny.checks["head"].startswith("logits read at single tokens differ by at most")
    full = tiny.run(IDS, None, torch.arange(3).repeat_interleave(12), torch.arange(12).repeat(3))
    torch.testing.assert_close(tiny.run(IDS, None, ROWS, POSITIONS), full.view(3, 12, -1)[ROWS, POSITIONS])


def test_a_network_that_names_its_head_is_read(tokenizer: Any) -> None:
    assert ds.load(Headed(), tokenizer).predicts


def assert_missing(network: Any, tokenizer: Any, reason: str) -> None:
    """The model is accepted, its record says why there is no surprisal, and there is none."""
    model = ds.load(network, tokenizer)
    assert not model.predicts
    assert model.checks["head"].startswith("no surprisal: ")
    assert reason in model.checks["head"]
    assert "\n" not in model.checks["head"]
    arrays = record(model, [TARGET, TARGET])
    assert torch.from_numpy(arrays["surprisal"]).isnan().tolist() == [True, True]
    assert (arrays["state_norm"] > 0).all()


def test_a_network_without_a_head_gives_none(tokenizer: Any) -> None:
    assert_missing(LlamaModel(tiny_llama(VOCABULARY).config).eval(), tokenizer, "no language-model head")


def test_a_network_that_does_not_say_which_module_its_head_is_gives_none(tokenizer: Any) -> None:
    assert_missing(Toy(), tokenizer, "no language-model head")


def test_a_head_that_is_computed_without_its_module_gives_none(tokenizer: Any) -> None:
    class Functional(Headed):
        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.linear(self.norm(state), self.out.weight)

    assert_missing(Functional(), tokenizer, "called 0 times")


def test_a_head_that_is_called_twice_gives_none(tokenizer: Any) -> None:
    class Twice(Headed):
        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            return self.out(self.norm(state)) + 0 * self.out(self.norm(state))

    assert_missing(Twice(), tokenizer, "called 2 times")


def test_a_head_that_receives_all_tokens_in_one_row_gives_none(tokenizer: Any) -> None:
    class Flat(Headed):
        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            return self.out(self.norm(state).flatten(0, 1)).view(*state.shape[:2], -1)

    assert_missing(Flat(), tokenizer, "one vector per token")


def test_logits_that_are_forced_into_the_shape_of_the_batch_give_none(tokenizer: Any) -> None:
    class Reshaping(Headed):
        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            return self.out(self.norm(state)).view(len(state), -1, VOCABULARY)

    assert_missing(Reshaping(), tokenizer, "single tokens")


def test_logits_that_depend_on_those_of_other_tokens_give_none(tokenizer: Any) -> None:
    class Centred(Headed):
        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            logits = self.out(self.norm(state))
            return logits + logits.flatten(0, -2).cumsum(0).view_as(logits)

    model = ds.load(Centred(), tokenizer)
    assert not model.predicts
    assert "differ by" in model.checks["head"]


def test_what_goes_wrong_once_the_network_was_changed_is_no_number(tokenizer: Any) -> None:
    network = Headed()
    model = ds.load(network, tokenizer)
    network.forward = lambda input_ids, **_: SimpleNamespace(logits=torch.zeros(*input_ids.shape, VOCABULARY))  # type: ignore[method-assign]
    with pytest.raises(LookupError, match="called 0 times"):
        model.run(IDS, None, ROWS, POSITIONS)


def test_a_soft_cap_and_a_scale_outside_of_the_head_still_act(tokenizer: Any) -> None:
    class Capped(LlamaForCausalLM):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            output = super().forward(*args, **kwargs)
            output.logits = 3 * torch.tanh(2 * output.logits / 3)
            return output

    network = Capped(tiny_llama(VOCABULARY).config).eval()
    assert ds.load(network, tokenizer).predicts
    with torch.inference_mode():
        chosen = logits_at(network, {"input_ids": IDS}, ROWS, POSITIONS)
        torch.testing.assert_close(chosen, network(IDS).logits[ROWS, POSITIONS])
