"""Storing a notebook: what is kept, what is replaced, what is refused, and what strict nbval then notices."""

import subprocess
import sys

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_notebooks import write

from authoring import rules, store
from course_utils import notebooks
from course_utils.notebooks import NotebookError


def test_store_keeps_the_rules_and_numbers_cells(stored):
    assert rules.check(stored) == []
    notebook = nbformat.read(stored, as_version=4)
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3, 4, 5]
    assert notebook.metadata == {"kernelspec": store.KERNEL_SPEC, "language_info": {"name": "python"}}
    assert set(notebook.cells[1].metadata) == {"course"}


def test_store_runs_in_the_notebooks_folder_silent_and_without_c_level_stderr(stored):
    (output,) = nbformat.read(stored, as_version=4).cells[5].outputs
    assert output.data["text/plain"] == repr(("off", "Überblick 概要"))


def test_store_twice_changes_nothing(stored):
    before = stored.read_bytes()
    assert store.store(stored) is True
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


def test_store_joins_what_a_cell_writes_in_pieces_and_keeps_its_place(tmp_path):
    pieces = "import time\nfor piece in 'a b c'.split():\n    print(piece, end=' ', flush=True)\n    time.sleep(0.3)"
    path = write(tmp_path / "01_pieces.ipynb", f"{pieces}\ndisplay(1)\nprint('d')")
    store.store(path)
    outputs = nbformat.read(path, as_version=4).cells[1].outputs
    assert [output.get("text", output.output_type) for output in outputs] == ["a b c ", "display_data", "d\n"]


def test_one_changed_cell_replaces_all_outputs_and_fresh_does_in_any_case(tmp_path):
    path = write(tmp_path / "times.ipynb", "import time\nprint('≈', time.perf_counter_ns())", "print('one')")
    assert store.store(path) is False
    first = [cell.outputs for cell in nbformat.read(path, as_version=4).cells[1:]]
    assert store.store(path) is True  # only the number behind the ≈ differs
    assert [cell.outputs for cell in nbformat.read(path, as_version=4).cells[1:]] == first
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].source = "print('two')"
    nbformat.write(notebook, path)
    assert store.store(path) is False
    second = [cell.outputs for cell in nbformat.read(path, as_version=4).cells[1:]]
    assert second[0] != first[0] and second[1][0].text == "two\n"
    assert store.store(path, fresh=True) is False
    assert nbformat.read(path, as_version=4).cells[1].outputs != second[0]


@pytest.mark.parametrize(
    ("source", "message"),
    [("1 / 0", "ZeroDivisionError"), ("import sys\nprint('oh', file=sys.stderr)", "wrote to stderr: 'oh'")],
)
def test_store_names_the_cell_that_fails_and_leaves_the_file(tmp_path, source, message):
    path = write(tmp_path / "bad.ipynb", "x = 1", source)
    before = path.read_bytes()
    with pytest.raises(NotebookError, match=rf"bad\.ipynb, cell 2: [\s\S]*{message}"):
        store.store(path)
    assert path.read_bytes() == before


def test_store_shows_what_a_dying_kernel_wrote(tmp_path):
    path = write(tmp_path / "dies.ipynb", "import os\nos.write(2, b'out of luck\\n')\nos._exit(1)")
    with pytest.raises(NotebookError, match=r"cell 1: Kernel died[\s\S]*Most often memory ran out[\s\S]*out of luck"):
        store.store(path)


@pytest.mark.parametrize(
    ("source", "short"),
    [
        ("raise MemoryError", True),
        ("raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory')", True),
        ("raise RuntimeError('no such thing')  # MemoryError", False),
    ],
)
def test_store_calls_a_lack_of_memory_so(tmp_path, source, short):
    with pytest.raises(NotebookError) as raised:
        store.store(write(tmp_path / "big.ipynb", source))
    assert ("Most often memory ran out: close other programs" in str(raised.value)) == short


def test_store_stops_a_cell_that_takes_too_long(tmp_path):
    path = write(tmp_path / "slow.ipynb", "import time\ntime.sleep(60)")
    with pytest.raises(NotebookError, match=r"slow\.ipynb, cell 1: "):
        store._execute(path, notebooks.read_notebook(path), seconds=1)


# nbval sees what it should


@pytest.fixture(scope="module")
def nbval_report(stored, tmp_path_factory):
    """Run strict nbval once over four copies of the stored notebook; return the outcome of each, by name."""
    folder = tmp_path_factory.mktemp("Überblick 概要")
    folder = folder.rename(folder.with_name(stored.parent.name))
    for name in ("as_stored", "approximate", "corrupted", "no_count"):
        notebook = nbformat.read(stored, as_version=4)
        numbers = notebook.cells[2].outputs[0]
        if name == "approximate":
            numbers.text = "a sum: 2\naccuracy ≈1 | all\n≈ 7 seconds\n"
        elif name == "corrupted":
            numbers.text = numbers.text.replace("a sum: 2", "a sum: 3")
        elif name == "no_count":
            numbers.text = "anything"
            notebook.cells[2].execution_count = None
        nbformat.write(notebook, folder / f"{name}.ipynb")
    options = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(store.SANITISE_FILE)]
    command = [sys.executable, "-m", "pytest", *"-p no:cacheprovider --color=no -rA --rootdir=.".split(), *options, "."]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
    assert "20 items" in result.stdout, result.stdout + result.stderr
    return {path.stem: [line for line in failed if path.stem in line] for path in folder.glob("*.ipynb")}


def test_nbval_accepts_what_store_stored(nbval_report):
    assert nbval_report["as_stored"] == []


def test_nbval_does_not_compare_approximate_values(nbval_report):
    assert nbval_report["approximate"] == []


def test_nbval_notices_a_corrupted_output(nbval_report):
    (line,) = nbval_report["corrupted"]
    assert "Cell 1" in line


def test_nbval_notices_outputs_without_a_count(nbval_report):
    assert len(nbval_report["no_count"]) == 1


# Sanitising


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("≈ took 3 s, 4 epochs\nsame", "≈ took 41 s\nsame"),
        ("accuracy  ≈0.9   | next", "accuracy ≈0.913 | next"),
        ("<td>≈0.9</td>", "<td>≈0.91</td>"),
        ("<object at 0x7f0011223344>", "<object at 0x10a2b3c4d>"),
    ],
)
def test_sanitise_masks_what_differs_between_machines(one, other):
    assert store.sanitise(one) == store.sanitise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("≈0.9 of 10", "≈0.9 of 11"), ("<td>≈1</td><td>2</td>", "<td>≈1</td><td>3</td>"), ("a ≈1|b", "a ≈1|c")],
)
def test_sanitise_keeps_everything_else(one, other):
    assert store.sanitise(one) != store.sanitise(other)


@given(st.text())
def test_sanitise_is_stable_and_leaves_text_without_a_mark(text):
    once = store.sanitise(text)
    assert store.sanitise(once) == once
    if "≈" not in text and "0x" not in text:
        assert once == text


def test_measure_counts_the_memory_of_children(tmp_path):
    child = "import time; held = b'x' * 300_000_000; time.sleep(1)"
    source = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    path = write(tmp_path / "solutions" / "big.ipynb", source)
    before = path.read_bytes()
    result = store.measure(path)
    assert 0.3 < result.peak_gb < 1.5
    assert result.limit_seconds == 20
    assert result.within_limits
    assert path.read_bytes() == before
