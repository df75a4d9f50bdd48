"""Language models with ears: sound stands among the tokens that they read. They are shown as if it stood beside them.

The states of the sound are put where the placeholders of a prompt are; what attends to these places attends to sound. So the
text (the prompt without its placeholders, then what is written) is to the rest of depthscope what a decoder reads, and the
states are what an encoder gives.
"""

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from depthscope.errors import DepthscopeError
from depthscope.model.crossing import Attending, Receive
from depthscope.model.hearing import placeholder
from depthscope.model.hooks import hooks
from depthscope.model.speech import UNKNOWN, SpeechModel, accept_hearing

# what is asked for where the processor has no words of its own for it
REQUEST = "Transcribe the speech."
PROMPT = "input_ids"
# of the processor's answer: about the text, which is made here
_TEXTUAL = (PROMPT, "attention_mask", "token_type_ids", "mm_token_type_ids", "labels")


class _EnoughError(Exception):
    """The states are there: the language model need not run."""


@dataclass(frozen=True, eq=False)
class EaredModel(SpeechModel):
    """A recogniser of one stack, which reads sound among its tokens.

    Attributes
    ----------
    processor
        That makes a prompt with as many placeholders as a sound has states.
    """

    processor: Any = None

    @property
    def joint(self) -> bool:
        return True

    def listening_to(self, samples: np.ndarray, **options: Any) -> dict[str, torch.Tensor]:
        """What enters the network of a sound at its rate: the sound first, its masks, the prompt with its placeholders."""
        made = asked(self.processor, np.asarray(samples, np.float32), self.rate, self.name)
        found = {key: value for key, value in made.items() if isinstance(value, torch.Tensor)}
        ids = found[PROMPT]
        kept = {key: value for key, value in found.items() if key not in _TEXTUAL}
        main = next((key for key in kept if key.endswith(("input_features", "input_values"))), None)
        if main is None or not self.sounding(ids).any():
            raise DepthscopeError(f"{self.name}: its processor gives no sound, or no place for it among the tokens")
        ordered = {main: kept.pop(main), **kept, PROMPT: ids}
        return {
            key: value.to(self.device, self.dtype if value.is_floating_point() else None)
            for key, value in ordered.items()
        }

    @property
    def placeholder(self) -> int:
        """The token in whose place sound is put."""
        found = placeholder(self.network)
        assert found is not None  # it would not have been taken for what it is
        return found

    def sounding(self, ids: torch.Tensor) -> torch.Tensor:
        """Which of these tokens stand for sound."""
        return ids.eq(self.placeholder)

    def before(self, features: Mapping[str, torch.Tensor]) -> int:
        """How many tokens of the text come before the sound."""
        return int(self.sounding(features[PROMPT][0]).nonzero()[0])

    def prompt(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The prompt (1, token) without its placeholders."""
        ids = features[PROMPT][:1]
        return ids[~self.sounding(ids)][None]

    def encode(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """States of the sound (batch, frame, feature) as the language model is given them."""
        seen: list[torch.Tensor] = []

        def enter(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen.append(kwargs["inputs_embeds"])
            raise _EnoughError

        network: Any = self.network
        with hooks(network) as placed, suppress(_EnoughError):
            placed.before(network.get_decoder(), enter)
            network(**features, use_cache=False)
        where = self.sounding(features[PROMPT])
        found = seen[0]
        return found[where.to(found.device)].reshape(len(found), -1, found.shape[-1])

    def decode(self, states: torch.Tensor, ids: torch.Tensor, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Logits (batch, token, vocabulary) of text ``ids`` (batch, token), the prompt's own tokens first."""
        count, start = states.shape[1], self.before(features)
        places = ids.new_full((len(ids), count), self.placeholder)
        whole = torch.cat([ids[:, :start], places, ids[:, start:]], 1)

        def enter(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            given = kwargs["inputs_embeds"].clone()
            given[:, start : start + count] = states.to(given.dtype).expand(len(ids), -1, -1)
            return args, {**kwargs, "inputs_embeds": given}

        network: Any = self.network
        with hooks(network) as placed:
            placed.before(network.get_decoder(), enter)
            logits: torch.Tensor = network(input_ids=whole, use_cache=False).logits
        return torch.cat([logits[:, :start], logits[:, start + count :]], 1)

    def some_ids(self, features: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The prompt without its placeholders, and a few tokens."""
        ids = self.prompt(features)
        return torch.cat([ids, torch.arange(5, 11, device=ids.device)[None]], 1)

    def parts(
        self, features: Mapping[str, torch.Tensor], crossed: Receive | None, own: Receive | None
    ) -> list[tuple[Attending, Receive]]:
        """Attention parted into that to the sound and that to the text, each made to sum to 1."""
        start = self.before(features)
        count = int(self.sounding(features[PROMPT][0]).sum())

        def receive(layer: int, weights: torch.Tensor) -> None:
            rows = torch.cat([weights[:, :, :start], weights[:, :, start + count :]], 2)
            if own is not None:
                own(layer, _rows(torch.cat([rows[..., :start], rows[..., start + count :]], -1)))
            if crossed is not None:
                crossed(layer, _rows(rows[..., start : start + count]))

        return [(self.crossed, receive)]

    def fits(self, tokens: int, frames: int) -> tuple[Callable[[int, int], bool], Callable[[int, int], bool]]:
        def both(queries: int, keys: int) -> bool:
            return queries == keys == tokens + frames

        return both, both


def _rows(weights: torch.Tensor) -> torch.Tensor:
    """Rows made to sum to 1; one that has nothing, being before the sound, is spread evenly."""
    sums = weights.sum(-1, keepdim=True)
    return torch.where(sums > 0, weights / sums.clamp_min(1e-30), torch.full_like(weights, 1 / weights.shape[-1]))


def asked(processor: Any, samples: np.ndarray, rate: int, name: str) -> Mapping[str, Any]:
    """What the processor makes of a sound and the wish to have it written down."""
    if hasattr(processor, "apply_transcription_request"):
        known = inspect.signature(processor.apply_transcription_request).parameters
        offered = {"model_id": name, "sampling_rate": rate, "format": ["wav"]}
        given = {key: value for key, value in offered.items() if key in known}
        made: Mapping[str, Any] = processor.apply_transcription_request(audio=samples, **given)
        return made
    said = [{"role": "user", "content": [{"type": "audio", "audio": samples}, {"type": "text", "text": REQUEST}]}]
    return dict(
        processor.apply_chat_template(
            said, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
    )


def accept_ears(network: Any, processor: Any, name: str, code: Mapping[str, str] | None = None) -> EaredModel:
    """A language model with ears, as :func:`depthscope.model.speech.accept_hearing` accepts it."""
    bare = EaredModel(
        network,
        processor.tokenizer,
        processor.feature_extractor,
        name,
        code=dict(code or {}),
        processor=processor,
        **UNKNOWN,
    )
    found = accept_hearing(bare)
    assert isinstance(found, EaredModel)
    return found
