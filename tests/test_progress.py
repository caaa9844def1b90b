"""Signs of life: items pass through unchanged, waits show their seconds, and all is silent when switched off."""

import time

import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.runtime import keras_progress, load_keras, progress, waiting


@pytest.mark.parametrize("setting", ["on", "off", ""])
def test_items_pass_through_in_order(monkeypatch, setting):
    monkeypatch.setenv("COURSE_PROGRESS", setting)
    assert list(progress(range(5), description="counting")) == [0, 1, 2, 3, 4]
    assert list(progress([])) == []


def test_off_is_silent(monkeypatch, capfd):
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    list(progress(range(3), description="hidden"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("setting", ["on", "off"])
@pytest.mark.parametrize("cells", [1, 2])
def test_a_notebook_that_is_saved_meanwhile_holds_plain_text(monkeypatch, setting, cells):
    monkeypatch.setenv("COURSE_PROGRESS", setting)
    code = "from course_utils.runtime import progress\nbar = iter(progress(range(3), 'counting'))\nfirst = next(bar)"
    notebook = new_notebook(cells=[new_code_cell(code), new_code_cell("assert [first, *bar] == [0, 1, 2]")][:cells])
    outputs = [output.data for cell in NotebookClient(notebook).execute().cells for output in cell.outputs]
    if setting == "off":
        assert outputs == []
    else:
        assert [set(data) for data in outputs] == [{"text/plain"}]
        assert outputs[0]["text/plain"].startswith("counting:") == (cells == 1), "it disappears at its end"


def test_on_shows_a_bar_and_takes_it_away(monkeypatch, capfd):
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    list(progress(range(3), description="counting"))
    shown = capfd.readouterr().err
    assert "counting" in shown
    assert shown.split("\r")[-1].strip() == ""  # the last thing written clears the line


def test_keras_progress(monkeypatch, capsys):
    keras = load_keras()
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    for setting in ("on", "off"):
        monkeypatch.setenv("COURSE_PROGRESS", setting)
        model.fit(np.ones((4, 2)), np.ones(4), epochs=2, verbose=0, callbacks=[keras_progress(2)])
        output, shown = capsys.readouterr()
        assert output == "" and ("epochs" in shown and "loss=" in shown if setting == "on" else shown == "")


class Reader(NotebookClient):
    """Run cells as a learner would, and keep for each cell the texts of each line that it showed."""

    def __init__(self, *cells):
        super().__init__(new_notebook(cells=[new_code_cell(cell) for cell in cells]), allow_errors=True)
        self.texts = [{} for _ in cells]
        self.execute()

    def process_message(self, message, cell, cell_index):
        content = message["content"]
        line = content.get("transient", {}).get("display_id")
        if line is not None:
            assert set(content["data"]) == {"text/plain"}, "a notebook that is saved meanwhile holds plain text"
            self.texts[cell_index].setdefault(line, []).append(content["data"]["text/plain"])
        return super().process_message(message, cell, cell_index)

    def lines(self, index):
        """Return the cell's lines, each by what stands before its colon, and that each moved and disappeared."""
        found = self.texts[index].values()
        return [(texts[0].split(":")[0], len(set(texts)) > 2, texts[-1]) for texts in found]


START = "import threading, time\nfrom course_utils.runtime import progress, waiting, watch_cells\n"
LEFT = 'print([thread for thread in threading.enumerate() if "(tick)" in thread.name])'
NESTED = 'with waiting("outer"), waiting("inner"):\n    time.sleep(3)\n    raise KeyError("mine")'
SHORT = 'with waiting("short"):\n    pass'
ONE_STEP = 'for _ in progress([1], "one step"):\n    time.sleep(3)\n    1 / 0'


@pytest.mark.parametrize("setting", ["on", "off"])
def test_what_takes_long_shows_that_it_runs_until_it_ends_or_fails(monkeypatch, setting):
    monkeypatch.setenv("COURSE_PROGRESS", setting)
    watch = "watch_cells()\nwatch_cells()  # as a second set-up cell does"
    cells = START, NESTED, LEFT, SHORT, ONE_STEP, LEFT, watch, "time.sleep(5)", "quick = True"
    if setting == "off":  # the first line would come after 1 s, and in the cell after 2 s
        cells = (cell.replace("sleep(3)", "sleep(1.2)").replace("sleep(5)", "sleep(2.2)") for cell in cells)
    reader = Reader(*cells)
    expected = {1: {"outer", "inner"}, 4: {"one step"}, 7: {"Still running"}} if setting == "on" else {}
    for index, cell in enumerate(reader.nb.cells):
        assert set(reader.lines(index)) == {(name, True, "") for name in expected.get(index, ())}
        assert [o.evalue for o in cell.outputs if o.output_type == "error"] == (
            ["'mine'"] if index == 1 else ["division by zero"] if index == 4 else []
        )
        assert "".join(o.text for o in cell.outputs if o.output_type == "stream") == ("[]\n" if index in (2, 5) else "")


def test_a_file_holds_no_seconds(monkeypatch, capfd):
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    with waiting("hidden"):
        time.sleep(1.5)
    assert capfd.readouterr() == ("", "")
