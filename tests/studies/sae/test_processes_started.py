"""The command line under torchrun and accelerate: one run folder, one answer, the dictionaries of one process."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import depthscope as ds
from tests.running import record_of

pytestmark = pytest.mark.thorough

STARTERS = {
    "torchrun": ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29611", "-m"),
    # --multi_gpu is its name for several processes; with --cpu it starts one, whatever --num_processes says
    "accelerate": (
        *("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "29612", "-m"),
    ),
}
WORDS = ("--layers", "2", "--latents", "128", "--k", "4", "--tokens", "4K", "--batch", "256", "--buffer", "512")


@pytest.fixture(scope="module")
def train(model_folder, books):
    """The command, and what it said; only errors of its own count as a failure."""

    def call(out, *more, starter=(), status=0):
        words = ("depthscope", "sae", "train", "--model", model_folder, "--corpus", books, *WORDS, "--window", "32")
        start = STARTERS[starter] if starter else ("-m",)
        command = (sys.executable, *start, *words, "--out", out, "--device", "cpu", "--threads", "1", *more)
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=300, check=False, env=ENV
        )
        assert done.returncode == status, done.stderr
        return done

    return call


ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def alone(train, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "run"
    train(out)
    return out


@pytest.mark.parametrize(("starter", "shards"), [("torchrun", 1), ("torchrun", 2), ("accelerate", 1)])
def test_two_processes_train_what_one_does(train, alone, tmp_path, starter, shards):
    states = tmp_path / "states"
    done = train(tmp_path / "run", "--states", states, "--shards", shards, starter=starter)
    # one of them tells
    assert done.stdout.count("run folder:") == 1
    one, two = (pd.read_csv(out / "training.csv") for out in (alone, tmp_path / "run"))
    for column in ("loss", "explained", "l0", "dead"):
        np.testing.assert_allclose(one[column], two[column], rtol=1e-4)
    held, found = (ds.load_sae(out / "layer-2") for out in (alone, tmp_path / "run"))
    np.testing.assert_allclose(held.decoder.detach(), found.decoder.detach(), atol=1e-3)
    assert record_of(tmp_path / "run")["settings"]["processes"] == 2
    # each keeps its share of the states
    names = sorted(path.name for path in states.glob("*.safetensors"))
    assert names[:2] == ["buffer-000000-0-of-2.safetensors", "buffer-000000-1-of-2.safetensors"]
    # and what is finished is not trained again, nor by another number of processes
    again = train(tmp_path / "run", "--shards", shards, starter=starter)
    assert again.stdout.count("run folder:") == 1
    assert not (tmp_path / "run" / "training.shards").exists()
    assert "processes (2, now None)" in train(tmp_path / "run", status=2).stderr


def test_an_error_is_told_once(train, tmp_path):
    done = train(tmp_path / "run", "--tokens", "12", starter="torchrun", status=1)
    lines = [line for line in done.stderr.splitlines() if line.startswith("depthscope: ")]
    assert len(lines) == 1
    assert "12 tokens to learn from, fewer than a batch of 256" in lines[0]
    # torchrun tells the status of its processes
    assert "exitcode  : 2" in done.stderr
