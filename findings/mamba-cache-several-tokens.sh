#!/usr/bin/env bash
# transformers 5.24.0, torch 2.13.0, CPU, without the optional Mamba kernels.
#
# Mamba (the first version) forgets its recurrent state when a text is continued with a cache by more than one token at a
# time. One token at a time gives what one pass over the whole text gives; two or twelve at a time give other hidden states,
# without a word: the scan over several tokens begins at zero, and only the short convolution remembers. So prefilling in
# chunks, or a prompt that follows a cached one, is quietly wrong. Mamba 2 does it right.
#
# Seen:
#   Mamba, continued 1 at a time: largest difference 7.2e-07
#   Mamba, continued 2 at a time: largest difference 0.0087
#   Mamba, continued 12 at a time: largest difference 0.0045
#   Mamba 2, continued 12 at a time: largest difference 7.7e-07
#
# Exits with 0 while this is so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet "torch==2.13.0" "transformers==5.24.0"
"$place/venv/bin/python" - <<'PY'
import sys

import torch
from transformers import Mamba2Config, Mamba2Model, MambaConfig, MambaModel

ids = torch.arange(24)[None] % 64


def difference(model, size):
    """Largest difference of the last 12 hidden states between one pass and a cached one, ``size`` tokens at a time."""
    with torch.no_grad():
        whole = model(ids, use_cache=False).last_hidden_state[:, 12:]
        cache, parts = model(ids[:, :12], use_cache=True).cache, []
        for piece in torch.split(ids[:, 12:], size, dim=1):
            parts.append(model(piece, cache=cache, use_cache=True).last_hidden_state)
    return float((torch.cat(parts, 1) - whole).abs().max())


torch.manual_seed(0)
first = MambaModel(MambaConfig(vocab_size=64, hidden_size=32, state_size=8, num_hidden_layers=4)).eval()
second = Mamba2Model(
    Mamba2Config(vocab_size=64, hidden_size=32, state_size=8, num_hidden_layers=4, num_heads=8, head_dim=8, n_groups=1)
).eval()
found = {size: difference(first, size) for size in (1, 2, 12)}
for size, value in found.items():
    print(f"Mamba, continued {size} at a time: largest difference {value:.2g}")
other = difference(second, 12)
print(f"Mamba 2, continued 12 at a time: largest difference {other:.2g}")
sys.exit(not (found[1] < 1e-5 and found[2] > 1e-4 and found[12] > 1e-4 and other < 1e-5))
PY
