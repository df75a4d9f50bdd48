"""A chain of blocks that does not carry all that reaches the logits is refused."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

import depthscope as ds
from tests.model.toy import Block, Toy


def test_an_honest_network_passes_with_its_checks_on_record(tokenizer: Any) -> None:
    checks = ds.load(Toy(), tokenizer).checks
    assert checks["logits"].startswith("logits from the last state differ by at most")
    assert checks["trunk"].startswith("states without the head differ by at most")


def test_a_head_that_also_reads_the_embedding_is_refused(tokenizer: Any, refuses: Any) -> None:
    class Bypass(Toy):
        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            return super().head(state + 0.01 * embedded, embedded)

    with refuses("does not give the model's logits", "blocks="):
        ds.load(Bypass(), tokenizer)


def test_a_head_that_also_reads_an_early_block_is_refused(tokenizer: Any, refuses: Any) -> None:
    class Skip(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            first = self.blocks[0](state)
            state = first
            for block in list(self.blocks)[1:]:
                state = block(state)
            return state + 0.01 * first

    with refuses("does not give the model's logits"):
        ds.load(Skip(), tokenizer)


def test_a_second_stream_beside_the_first_is_refused(tokenizer: Any, refuses: Any) -> None:
    class Twin(Block):
        def forward(self, state: torch.Tensor, side: torch.Tensor) -> Any:
            return super().forward(state), side + torch.tanh(self.mix(side))

    class TwoStreams(Toy):
        block = Twin

        def flow(self, state: torch.Tensor) -> torch.Tensor:
            side = state
            for block in self.blocks:
                state, side = block(state, side)
            return state + side

    with refuses("does not give the model's logits"):
        ds.load(TwoStreams(), tokenizer)


def test_soft_capping_and_scales_after_the_head_are_no_obstacle(tokenizer: Any) -> None:
    class Capped(Toy):
        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            return 2 * torch.tanh(super().head(state, embedded) / 3)

    assert "differ by at most" in ds.load(Capped(), tokenizer).checks["logits"]


class Reporting(Toy):
    """Gives hidden states of its own, one per block."""

    shift = 0.0

    def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, output_hidden_states: bool = False) -> Any:
        states = [self.embedding(input_ids)]
        for block in self.blocks:
            states.append(block(states[-1]))
        reported = [state + self.shift for state in states]
        return SimpleNamespace(logits=self.head(states[-1], states[0]), hidden_states=reported)


def test_the_models_own_hidden_states_are_compared(tokenizer: Any) -> None:
    assert ds.load(Reporting(), tokenizer).checks["hidden_states"] == "states 0 to 5 equal the model's own"


def test_hidden_states_that_disagree_are_refused(tokenizer: Any, refuses: Any) -> None:
    class Contradicting(Reporting):
        shift = 0.01

    with refuses("state 0 at blocks is not the model's own hidden state 0", "blocks="):
        ds.load(Contradicting(), tokenizer)


def test_hidden_states_changed_in_place_are_refused(tokenizer: Any, refuses: Any) -> None:
    class Overwriting(Reporting):
        def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
            state = self.embedding(input_ids)
            states = [state]
            for block in self.blocks:
                state = state.copy_(block(state))  # all the states reported are one tensor, the last
                states.append(state)
            return SimpleNamespace(logits=self.head(state, state), hidden_states=states)

    with refuses("state 0 at blocks is not the model's own hidden state 0"):
        ds.load(Overwriting(), tokenizer)


def test_a_network_without_a_head_is_accepted_and_says_so(tokenizer: Any) -> None:
    class Headless(Toy):
        def forward(
            self, input_ids: torch.Tensor, attention_mask: Any = None, output_hidden_states: bool = False
        ) -> Any:
            return SimpleNamespace(last_hidden_state=self.flow(self.embedding(input_ids)))

    checks = ds.load(Headless(), tokenizer).checks
    assert checks["logits"].startswith("last hidden state from the last state differ by at most")
    assert checks["head"] == "no surprisal: the model has no language-model head"
    assert checks["hidden_states"].startswith("not compared")


def test_states_reported_after_each_block_are_the_model_s_own_too(tokenizer: Any) -> None:
    class After(Reporting):
        """As Mamba reports: what leaves each block, then the normalised end."""

        def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
            state = self.embedding(input_ids)
            states = []
            for block in self.blocks:
                state = block(state)
                states.append(state)
            states.append(self.norm(state))
            return SimpleNamespace(logits=self.head(state, state), hidden_states=states)

    assert ds.load(After(), tokenizer).checks["hidden_states"] == "states 1 to 6 equal the model's own"


def test_a_network_that_lets_padding_in_is_refused(tokenizer: Any, refuses: Any) -> None:
    class Blurred(Toy):
        """Every token sees the mean of all, padding included, as Fourier mixing does."""

        def flow(self, state: torch.Tensor) -> torch.Tensor:
            return super().flow(state + state.mean(1, keepdim=True))

    with refuses("Blurred", "padding changes the states", "cannot be measured"):
        ds.load(Blurred(), tokenizer, stack="encoder")


def test_a_trunk_that_computes_something_else_than_the_whole_is_refused(tokenizer: Any, refuses: Any) -> None:
    class Trunk(Toy):
        def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, **_: Any) -> Any:
            return SimpleNamespace(last_hidden_state=self.flow(self.embedding(input_ids)))

    class Prefixed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base_model = Trunk()
            self.config = self.base_model.config
            self.get_input_embeddings = self.base_model.get_input_embeddings

        def forward(
            self, input_ids: torch.Tensor, attention_mask: Any = None, output_hidden_states: bool = False
        ) -> Any:
            state = self.base_model.flow(2 * self.base_model.embedding(input_ids))
            return SimpleNamespace(logits=self.base_model.head(state, state))

    with refuses("the states differ", "when the network runs without its head"):
        ds.load(Prefixed(), tokenizer)


@pytest.mark.parametrize("every", [2, 3, 4, 6])
def test_a_stream_that_is_rescaled_behind_the_last_block_too_passes(every: int, tokenizer: Any) -> None:
    from transformers import RwkvConfig, RwkvForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "attention_hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 6}
    network = RwkvForCausalLM(RwkvConfig(vocab_size=len(tokenizer), rescale_every=every, **sizes)).eval()
    assert ds.load(network, tokenizer).checks["hidden_states"] == "states 1 to 6 equal the model's own"
