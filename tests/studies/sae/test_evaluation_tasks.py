"""Tasks: what templates make, and what is read from tables."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from depthscope.studies.sae.evaluation.tasks import own_tasks, read_tasks
from depthscope.studies.sae.evaluation.templates import PAIRS

SHARED = Path("/work/shared/data/probes")


def test_our_own_tasks_are_many_even_and_always_the_same():
    tasks = own_tasks()
    assert len(tasks) == len(PAIRS) >= 30
    again = own_tasks()
    for task, same in zip(tasks, again, strict=True):
        assert task.texts == same.texts, task.name
        assert len(task.texts) == len(set(task.texts)) == 200, task.name
        assert task.labels.mean() == 0.5, task.name
        # many words, on either side
        for side in (True, False):
            words = {
                word
                for text, label in zip(task.texts, task.labels, strict=True)
                if label == side
                for word in text.split()
            }
            assert len(words) > 30, task.name
    assert own_tasks(seed=1)[0].texts != tasks[0].texts


@pytest.mark.parametrize("name", ["plural subject", "negation", "she", "exclamation", "first person", "long"])
def test_lengths_do_not_tell_the_answer_where_they_are_not_the_question(name):
    (task,) = (task for task in own_tasks(100) if task.name == name)
    words = np.array([len(text.split()) for text in task.texts])
    apart = abs(words[task.labels].mean() - words[~task.labels].mean()) / words.std()
    assert (apart > 1.5) == (name == "long")


def test_a_task_is_read_from_a_table(tmp_path):
    rows = "".join(f"text number {i},{'yes' if i % 3 else 'no'}\n" for i in range(90))
    (tmp_path / "b.csv").write_text("prompt,target\n" + rows)
    with gzip.open(tmp_path / "a.tsv.gz", "wt") as file:
        file.write("prompt\ttarget\tother\n" + rows.replace(",", "\t").replace("\n", "\tx\n"))
    (tmp_path / "many.csv").write_text("prompt,target\n" + "".join(f"t{i},{i % 3}\n" for i in range(90)))
    (tmp_path / "few.csv").write_text("prompt,target\n" + "".join(f"t{i},{i < 3}\n" for i in range(90)))
    (tmp_path / "readme.md").write_text("no table")
    first, second = read_tasks(tmp_path)
    assert (first.name, second.name) == ("a", "b")
    assert first.texts == second.texts
    assert first.labels.sum() == 60  # yes comes last in the alphabet
    few = read_tasks(tmp_path, 50)[1]
    assert len(few.texts) == 50
    assert few.labels.mean() == 0.5
    assert set(few.texts) < set(second.texts)


@pytest.mark.skipif(not SHARED.is_dir(), reason="public tables are not here")
def test_public_tables_are_read():
    tasks = read_tasks(SHARED, 100)
    assert len(tasks) == 27
    assert all(len(task.texts) == 100 for task in tasks)


def test_what_is_no_table_is_refused(tmp_path, refuses):
    with refuses("no such folder"):
        read_tasks(tmp_path / "nowhere")
    with refuses("two answers"):
        read_tasks(tmp_path)
    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    with refuses("prompt or target", "text, label"):
        read_tasks(tmp_path)
    (tmp_path / "a.csv").write_bytes(b'prompt,target\n"a\xff')
    with refuses("a.csv", "cannot be read"):
        read_tasks(tmp_path)
    with refuses("examples"):
        own_tasks(4)
    with refuses("1,000"):
        own_tasks(4000)
