"""What a call does to the folder it is given."""

import torch

from tests.running import QUICK, record_of


def test_a_folder_goes_on_with_the_threads_it_was_begun_with(run, depthscope, model_folder, table_file, tmp_path):
    out = tmp_path / "run"
    assert run(table_file, out).status == 0
    torch.set_num_threads(2)
    again = ("run", "metaphor", "--model", model_folder, "--stimuli", table_file, "--out", out)
    quick = [word for word in QUICK if word not in ("--threads", "1")]
    assert depthscope(*again, *quick).status == 0
    assert record_of(out)["environment"]["threads"] == "1"
    assert "threads (1, now 2)" in depthscope(*again, *quick, "--threads", "2").sentence


def test_what_was_left_open_is_recorded_as_it_came_out(run, table_file, tmp_path):
    run(table_file, tmp_path / "run")
    resolved = record_of(tmp_path / "run")["resolved"]
    assert resolved["periods"][0] == 2
    assert resolved["periods"][-1] == 5
    assert resolved["layers"] == [1, 10]
    assert resolved["token_budget"] > 0


def test_a_run_that_fails_at_once_leaves_no_folder(depthscope, table_file, tmp_path):
    out = tmp_path / "run"
    words = ("run", "metaphor", "--model", tmp_path / "none.gguf", "--stimuli", table_file, "--out", out)
    assert "none.gguf" in depthscope(*words).sentence
    assert not out.exists()
