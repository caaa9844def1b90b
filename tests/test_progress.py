"""Progress bars: the items pass through unchanged, and nothing is shown when they are switched off."""

import numpy as np
import pytest

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


def test_off_is_silent_in_a_notebook(monkeypatch, capfd):
    import tqdm.auto
    import tqdm.notebook

    monkeypatch.setenv("COURSE_PROGRESS", "off")
    monkeypatch.setattr(tqdm.auto, "tqdm", tqdm.notebook.tqdm)
    assert list(progress(range(3))) == [0, 1, 2]
    assert capfd.readouterr() == ("", "")


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
