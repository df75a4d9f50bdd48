"""Memory is what a device says of itself, if it says anything."""

import pytest
import torch

from depthscope.scan.memory import left_of_container, memory_available, resident


def test_memory_of_a_device_that_does_not_say() -> None:
    assert memory_available(torch.device("meta")) is None


def test_this_process_and_its_machine_have_some() -> None:
    available = memory_available(torch.device("cpu"))
    if available is None:
        pytest.skip("this system does not say")
    assert 0 < available <= 2**50
    assert 0 <= resident() <= 2**50


def test_files_that_were_read_do_not_fill_a_container(tmp_path) -> None:
    for name, text in (("max", "1000\n"), ("current", "700\n"), ("stat", "anon 100\ninactive_file 500\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert left_of_container(tmp_path) == [800]


def test_a_container_without_a_limit_takes_what_the_machine_has(tmp_path) -> None:
    assert left_of_container(tmp_path) == []
    for name, text in (("max", "max\n"), ("current", "700\n"), ("stat", "")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert left_of_container(tmp_path) == []
