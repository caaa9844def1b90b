"""Show progress bars to a person; stay silent when a notebook is executed for storage or test."""

import importlib.util
import os
from collections.abc import Iterable

__all__ = ["keras_progress", "progress"]


def progress(iterable, total=None, description=""):
    """Yield the items of an iterable behind a progress bar that disappears when the work is done.

    Parameters
    ----------
    iterable : iterable
        What to go through.
    total : int, optional
        Number of items, where `len(iterable)` does not exist.
    description : str
        Short text in front of the bar.

    Returns
    -------
    iterable
        The same items in the same order. With the environment variable `COURSE_PROGRESS=off`, no bar is shown.

    Raises
    ------
    TypeError
        When `iterable` cannot be iterated over.
    ValueError
        When `COURSE_PROGRESS` is neither `on` nor `off`.
    """
    if not isinstance(iterable, Iterable):
        raise TypeError(
            f"iterable: found {type(iterable).__name__}, expected something to loop over, such as range(10)."
        )
    if _is_silent():
        return iterable
    return _bar()(iterable, total=total, desc=description, leave=False)


def keras_progress(epochs):
    """Make a Keras callback that shows one bar over the epochs, with the training loss.

    Use it with `model.fit(..., epochs=epochs, verbose=0, callbacks=[keras_progress(epochs)])`.

    Parameters
    ----------
    epochs : int
        Number of epochs that `fit` is asked for. Stopping earlier is fine.

    Returns
    -------
    keras.callbacks.Callback
        Silent under the same condition as `progress`.

    Raises
    ------
    ValueError
        When `epochs` is not a positive integer.
    """
    if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
        raise ValueError(f"epochs: found {epochs!r}, expected a positive integer, the same as in fit(epochs=...).")

    from course_utils.runtime import load_keras

    class EpochBar(load_keras().callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.bar = None if _is_silent() else _bar()(total=epochs, desc="epochs", leave=False)

        def on_epoch_end(self, epoch, logs=None):
            if self.bar is not None:
                self.bar.set_postfix({"loss": f"{logs['loss']:.3f}"} if logs and "loss" in logs else {})
                self.bar.update()

        def on_train_end(self, logs=None):
            if self.bar is not None:
                self.bar.close()

    return EpochBar()


def _is_silent():
    setting = os.environ.get("COURSE_PROGRESS", "").strip().lower() or "on"
    if setting not in ("on", "off"):
        raise ValueError(f"COURSE_PROGRESS: found {setting!r}, expected 'on' or 'off'. Unset the variable to see bars.")
    return setting == "off"


def _bar():
    """Return tqdm's class for this place; without ipywidgets tqdm.auto would warn in a notebook."""
    if importlib.util.find_spec("ipywidgets") is None:
        from tqdm import tqdm
    else:
        from tqdm.auto import tqdm
    return tqdm
