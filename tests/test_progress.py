"""Bars: in a real terminal for work of more than a second, in a notebook, and nowhere else."""

import re
import subprocess
import sys
import threading

import pytest

from depthscope.progress import bar, each
from tests.running import in_terminal

START = "import sys, time\nfrom depthscope.progress import bar, each\n"
LONG = START + "for k in each(range(24), 'a [red]name', unit='text'): time.sleep(0.055)\n"
SHORT = START + "for k in each(range(3), 'working'): time.sleep(0.01)\n"
NESTED = (
    START
    + """
with bar(3_000_000, "outer", unit="B") as advance:
    for k in range(3):
        for j in each(range(12), f"inner {k}"):
            time.sleep(0.1)
        advance(1_000_000)
print("rich" in sys.modules)
"""
)


def test_a_bar_in_a_terminal_names_counts_and_goes_away() -> None:
    status, sent, _ = in_terminal(sys.executable, "-c", LONG + "print('end', end='')")
    assert status == 0
    assert "a [red]name" in sent  # a name is no markup
    counts = [int(n) for n in re.findall(r"(\d+)/24 text", sent)]
    assert counts == sorted(counts)
    assert counts[0] > 12  # more than a second had gone
    # the line is erased, the cursor is back, and then comes what was printed
    after = sent[sent.rindex("/24 text") :]
    assert "\x1b[2K" in after
    assert "\x1b[?25h" in after
    assert after.endswith("end")


@pytest.mark.parametrize("columns", [40, 60])
def test_a_bar_fits_the_terminal(columns: int) -> None:
    _, sent, _ = in_terminal(sys.executable, "-c", LONG, columns=columns)
    pictures = re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", sent))
    assert any("text" in picture for picture in pictures)
    assert max(map(len, pictures)) <= columns


def test_bars_inside_a_bar_stand_below_it() -> None:
    status, sent, _ = in_terminal(sys.executable, "-c", NESTED)
    assert status == 0
    pictures = re.split(r"\x1b\[1A", re.sub(r"\x1b\[[0-9;]*m", "", sent))
    assert any(re.search(r"outer.*0/3 MB.*\n *inner 0|outer.*1/3 MB.*\n *inner 1", picture) for picture in pictures)
    assert sent.endswith("True\n")


@pytest.mark.parametrize(
    "code",
    [SHORT, LONG.replace("unit='text'", "shown=False")],
    ids=["done within a second", "not asked for"],
)
def test_nothing_is_shown_of_short_work_or_unasked(code: str) -> None:
    assert in_terminal(sys.executable, "-c", code + "print('rich' in sys.modules)") == (0, "False\n", "")


def test_nothing_is_shown_in_a_terminal_that_cannot_draw() -> None:
    assert in_terminal(sys.executable, "-c", LONG, env={"TERM": "dumb"}) == (0, "", "")


@pytest.mark.parametrize("env", [{}, {"FORCE_COLOR": "1"}])
def test_nothing_goes_into_a_pipe(env: dict[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", LONG + "print('rich' in sys.modules)"], env=env, capture_output=True)
    assert (done.stdout, done.stderr) == (b"False\n", b"")


def test_bars_go_to_stderr_and_leave_stdout_to_the_result() -> None:
    _, sent, piped = in_terminal(sys.executable, "-c", NESTED, only_stderr=True)
    assert piped == "True\n"
    assert "outer" in sent


def test_bars_of_several_threads_share_the_display() -> None:
    code = START + (
        "import threading\n"
        "def work(name):\n    for k in each(range(14), name): time.sleep(0.1)\n"
        "threads = [threading.Thread(target=work, args=(name,)) for name in ('left', 'right')]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        # the one that draws has been told to end; on a busy machine it may take its time
        "[t.join(30) for t in threading.enumerate() if t is not threading.main_thread()]\n"
        "print(threading.active_count())"
    )
    status, sent, _ = in_terminal(sys.executable, "-c", code)
    assert status == 0
    assert re.search(r"(left.*\n.*right|right.*\n.*left)", sent)
    assert sent.endswith("1\n")


def test_an_error_ends_the_display() -> None:
    code = LONG.replace("time.sleep(0.055)", "time.sleep(0.055); k < 22 or sys.exit('stopped')")
    status, sent, _ = in_terminal(sys.executable, "-c", code)
    assert status == 1
    assert sent.endswith("stopped\n")
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")  # the cursor is back


def test_the_items_come_in_order_whether_or_not_they_are_shown() -> None:
    assert list(each("abc", "letters")) == ["a", "b", "c"]
    assert list(each([], "nothing", shown=False)) == []
    with bar(0, "nothing") as advance:
        advance(0)
    assert threading.active_count() >= 1


def test_a_notebook_shows_a_bar_without_widgets_and_leaves_nothing_of_it() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LONG + "print('rich' in sys.modules)")])
    seen: list[str] = []

    class Client(nbclient.NotebookClient):  # type: ignore[misc, name-defined]
        def process_message(self, message, cell, index):  # type: ignore[no-untyped-def]
            seen.append(str(message["content"].get("data", {}).get("text/plain", "")))
            return super().process_message(message, cell, index)

    Client(book, kernel_name="python3").execute()
    shown = [text for text in seen if "/24 text" in text]
    assert len(shown) >= 1
    assert "a [red]name" in shown[0]
    outputs = book.cells[0].outputs
    assert [one for one in outputs if one.output_type == "stream"][-1].text == "True\n"
    assert not any("/24" in str(one) for one in outputs)
