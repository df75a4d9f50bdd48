#!/usr/bin/env bash
# sae-lens 6.54.12, torch 2.13.0; Python 3.11.
#
# A sparse autoencoder that is trained on states of mean norm sqrt(d) (normalize_activations="expected_average_only_in", the
# usual choice) is saved with the factor folded into its weights when training ends. A checkpoint on the way is saved without:
# the factor is in activation_scaler.json beside the weights. SAE.load_from_disk reads neither that file nor says that it is
# needed: what is loaded takes states as they are, of another scale than it was trained on, and far more latents fire.
# (SAE.from_pretrained warns in the same case.)
#
# Seen (64 planted directions, 32 features, JumpReLU, 1,500 steps):
#   halfway, loaded: 45.5 latents fire at a state, explained variance 0.912
#   halfway: warnings 0; activation_scaler.json beside the weights says 0.094
#   halfway, states times that factor: 6.8 latents fire at a state, explained variance 0.929
#   at the end, loaded: 4.7 latents fire at a state, explained variance 0.923
#
# Exits with 0 while this is so.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check "sae-lens==6.54.12"
"$place/venv/bin/python" - "$place" <<'PYTHON' 2>/dev/null
import json
import sys
import warnings
from pathlib import Path

import torch
from sae_lens import SAE, JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig
from sae_lens.config import SAETrainerConfig
from sae_lens.training.sae_trainer import SAETrainer

torch.set_num_threads(1)
torch.manual_seed(0)
directions = torch.nn.functional.normalize(torch.randn(64, 32), dim=1)


def states(count):
    fires = torch.rand(count, 64) < 0.05
    return 40 * (fires * (0.3 + torch.rand(count, 64))) @ directions + 20 * directions[0]


def batches():
    while True:
        yield states(512)


sae = JumpReLUTrainingSAE(
    JumpReLUTrainingSAEConfig(
        d_in=32, d_sae=128, l0_coefficient=0.3, jumprelu_init_threshold=0.1, jumprelu_bandwidth=0.2,
        normalize_activations="expected_average_only_in",
    )
)
folder = Path(sys.argv[1], "checkpoints")
config = SAETrainerConfig(
    total_training_samples=512 * 1500, train_batch_size_samples=512, lr=2e-3, lr_end=2e-4, n_checkpoints=1,
    checkpoint_path=str(folder), save_final_checkpoint=True, n_batches_for_norm_estimate=20,
)
SAETrainer(cfg=config, sae=sae, data_provider=batches()).fit()
x = states(4096)


def told(name, loaded, factor):
    with torch.no_grad():
        inside = x * factor
        given = loaded(inside) / factor
        active = (loaded.encode(inside) != 0).float().sum(1).mean().item()
    explained = 1 - ((given - x).pow(2).sum() / (x - x.mean(0)).pow(2).sum()).item()
    print(f"{name}: {active:.1f} latents fire at a state, explained variance {explained:.3f}")
    return active


active = {}
for one in sorted(folder.iterdir()):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        loaded = SAE.load_from_disk(one)
    kind = "at the end" if one.name.startswith("final") else "halfway"
    active[kind] = told(f"{kind}, loaded", loaded, 1.0)
    factor = json.loads((one / "activation_scaler.json").read_text())["scaling_factor"]
    if factor is not None:
        print(f"{kind}: warnings {len(said)}; activation_scaler.json beside the weights says {factor:.3f}")
        active["scaled"] = told(f"{kind}, states times that factor", loaded, factor)
still = active["halfway"] > 1.3 * active["scaled"] and not said
sys.exit(0 if still else 1)
PYTHON
