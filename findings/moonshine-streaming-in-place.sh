#!/usr/bin/env bash
# transformers 5.24.0, torch 2.13.0; Python 3.11.
#
# The decoder of Moonshine Streaming adds its position embeddings to the encoder states that it is given, in place. So
# states that are computed once and decoded twice give other logits the second time; what a pass returns as
# `encoder_last_hidden_state` is not what the encoder gave; and text that is generated without a cache, where the decoder
# is called with the same states at every step, differs from text that is generated with one. Moonshine (not streaming)
# and Whisper leave the states as they are.
#
# Seen (a small network of random weights):
#   MoonshineStreaming: same states decoded twice, largest difference of logits 0.8 of their size; states changed: True
#   MoonshineStreaming: greedy text with and without a cache is the same: False
#   Moonshine: same states decoded twice, largest difference of logits 0 of their size; states changed: False
#   Moonshine: greedy text with and without a cache is the same: True
#
# Exits with 0 while this is so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check "transformers==5.24.0"
"$place/venv/bin/python" - <<'PYTHON' 2>/dev/null
import sys

import torch
import transformers

SIZES = dict(
    vocab_size=64, hidden_size=32, intermediate_size=64, encoder_num_hidden_layers=2, decoder_num_hidden_layers=2,
    encoder_num_attention_heads=4, decoder_num_attention_heads=4, initializer_range=0.3,
    bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
)


def streaming():
    config = transformers.MoonshineStreamingConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        initializer_range=0.3, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        encoder_config=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
                            sliding_windows=[[16, 4]] * 2, initializer_range=0.3),
    )
    return transformers.MoonshineStreamingForConditionalGeneration(config)


def plain():
    return transformers.MoonshineForConditionalGeneration(transformers.MoonshineConfig(**SIZES))


still = True
for name, make in (("MoonshineStreaming", streaming), ("Moonshine", plain)):
    torch.manual_seed(0)
    network = make().eval()
    sound = 0.1 * torch.randn(1, 16000)
    ids = torch.tensor([[1, 5, 6, 7]])
    with torch.no_grad():
        heard = network.get_encoder()(sound)
        before = heard.last_hidden_state.clone()
        first, second = (network(encoder_outputs=heard, decoder_input_ids=ids, use_cache=False).logits for _ in range(2))
        texts = [network.generate(sound, max_new_tokens=20, do_sample=False, use_cache=use) for use in (True, False)]
    apart = float((first - second).abs().max() / first.abs().max())
    changed = not torch.equal(before, heard.last_hidden_state)
    same = torch.equal(*texts)
    print(f"{name}: same states decoded twice, largest difference of logits {apart:.1g} of their size; states changed: {changed}")
    print(f"{name}: greedy text with and without a cache is the same: {same}")
    wrong = name == "MoonshineStreaming"
    still &= (apart > 1e-3) == wrong and changed == wrong and same != wrong
sys.exit(not still)
PYTHON
