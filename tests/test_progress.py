"""Progress bars: the items pass through unchanged, and nothing is shown when they are switched off."""

import pytest

from course_utils.runtime import keras_progress, progress


@pytest.fixture(params=["on", "off", ""])
def setting(request, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", request.param)
    return request.param


def test_items_pass_through_in_order(setting):
    assert list(progress(range(5), description="counting")) == [0, 1, 2, 3, 4]
    assert list(progress((item for item in "abc"), total=3)) == ["a", "b", "c"]
    assert list(progress([])) == []


def test_off_is_silent(monkeypatch, capfd):
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    list(progress(range(3), description="hidden"))
    assert capfd.readouterr() == ("", "")


def test_on_shows_a_bar_and_takes_it_away(monkeypatch, capfd):
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    list(progress(range(3), description="counting"))
    shown = capfd.readouterr().err
    assert "counting" in shown
    assert shown.split("\r")[-1].strip() == ""  # the last thing written clears the line


def test_not_iterable():
    with pytest.raises(TypeError, match="iterable: found int"):
        progress(5)


def test_unknown_setting(monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", "maybe")
    with pytest.raises(ValueError, match="COURSE_PROGRESS: found 'maybe', expected 'on' or 'off'"):
        progress([1])


def test_keras_progress(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", "on")
    callback = keras_progress(2)
    _train(callback)
    assert "loss=0.500" in capsys.readouterr().err
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    _train(callback)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("epochs", [0, -1, 2.0, True, "3", None])
def test_keras_progress_needs_a_number_of_epochs(epochs):
    with pytest.raises(ValueError, match="epochs: found"):
        keras_progress(epochs)


def _train(callback):
    """Call what `fit` calls, without a model."""
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 0.5})
    callback.on_epoch_end(1, None)
    callback.on_train_end()
