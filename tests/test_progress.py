"""Progress bars: the items pass through unchanged, and nothing is shown when they are switched off."""

import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.runtime import keras_progress, load_keras, progress


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
