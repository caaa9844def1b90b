"""Decide in which order the numerical engines load, how many threads each of them takes, and how threads wait.

The order is triton (where torch brings it), TensorFlow, torch: to import triton after TensorFlow ends the process with
a segmentation fault. Whoever needs an engine asks for it here, also in a process of its own, so that one place keeps
the order, the log lines quiet and the threads few.
"""

import contextlib
import functools
import importlib
import importlib.util
import os
import sys
import tempfile
import threading
import time
import warnings

from threadpoolctl import ThreadpoolController

__all__ = [
    "PROFILES",
    "THREADS",
    "current_profile",
    "is_silent",
    "keras_progress",
    "load_keras",
    "load_torch",
    "load_transformers",
    "progress",
    "waiting",
    "watch_cells",
]

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREADS = 1 if os.environ.get("OMP_NUM_THREADS") == "1" else min(2, CORES)
BAR_WIDTH = 80  # characters of a progress bar in a notebook
# These are read when an engine loads, and are for child processes too. By default a thread that waits for others keeps
# its core busy, so that two notebooks on two cores take ten times as long as one (NumPy's threads know no other way, so
# it gets one); and the course's numbers are a processor's, also where there is a GPU.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
if "OPENBLAS_NUM_THREADS" not in os.environ:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for what loads from now on, as SciPy's copy
    ThreadpoolController().select(internal_api="openblas").limit(limits=1)  # for what is loaded already, as NumPy's


def load_keras(threads=THREADS):
    """Import Keras on its TensorFlow backend, quietly, and return the module.

    `threads` is how many TensorFlow splits one operation over; only its first import can set it. One is faster than two
    where the operations are small, as in a network for digits. A RuntimeError says that Keras is loaded on another
    backend, that the environment variable `KERAS_BACKEND` asks for one, that TensorFlow was imported by itself where
    triton has to come first, or that Keras refuses its settings file.
    """
    watch_cells()
    loaded = sys.modules.get("keras")
    backend = loaded.backend.backend() if loaded else os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise RuntimeError(
            f"KERAS_BACKEND: found {backend!r}, expected 'tensorflow'. "
            "Restart the kernel and unset the variable before the first import of keras."
        )
    os.environ["KERAS_BACKEND"] = backend  # goes before what Keras's own settings file says
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _load_triton()
    try:
        if "tensorflow" not in sys.modules:
            with waiting("Loading TensorFlow"), _native_log_aside():
                tensorflow = importlib.import_module("tensorflow")
                tensorflow.get_logger().setLevel("ERROR")
                tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
                tensorflow.config.threading.set_inter_op_parallelism_threads(THREADS)
                tensorflow.config.list_physical_devices()  # says in its log what it looks for and does not find
        with waiting("Loading Keras"):
            keras = importlib.import_module("keras")
    except (AssertionError, AttributeError, TypeError, ValueError) as error:
        file = os.path.join(os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"), "keras.json")
        raise RuntimeError(
            f"TensorFlow and Keras do not load ({type(error).__name__}: {error}), most likely for what Keras's "
            f"settings file {file} says. Delete that file and restart the kernel."
        ) from error
    _leave_settings_file()
    return keras


@functools.cache
def _leave_settings_file():
    """Give Keras its own defaults once, whatever its settings file says; what a notebook sets afterwards holds."""
    settings = importlib.import_module("keras").config
    settings.set_image_data_format("channels_last")
    settings.set_floatx("float32")
    settings.set_epsilon(1e-7)
    settings.set_dtype_policy("float32")


def _load_triton():
    """Import triton, which torch for Linux brings and uses later, as long as that is safe."""
    if "triton" in sys.modules or importlib.util.find_spec("triton") is None:
        return
    if "tensorflow" in sys.modules:
        raise RuntimeError(
            "tensorflow was imported before triton, and the process would crash when torch needs triton. Restart the "
            "kernel, and let the first cell call course_utils.runtime.load_keras() before anything imports tensorflow."
        )
    importlib.import_module("triton")


@contextlib.contextmanager
def _native_log_aside():
    """Keep what native code writes to the process's standard error out of the notebook, unless an error is raised.

    Where a kernel was started without the course's settings, TensorFlow's log lines would else stand in red.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        original = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except BaseException:
            log.seek(0)
            os.write(original, log.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def load_torch(threads=THREADS):
    """Import torch, after triton and TensorFlow where these are installed, and return the module.

    `threads` is how many torch splits one operation over; only the first import of torch through this module sets it.
    """
    if importlib.util.find_spec("tensorflow") is not None:
        load_keras()
    first = "torch" not in sys.modules
    with waiting("Loading torch"):
        torch = importlib.import_module("torch")
    if first:
        torch.set_num_threads(threads)
        warnings.filterwarnings("ignore", "(?s).*CUDA initialization")  # the build for GPUs, where there is none
    return torch


def load_transformers():
    """Import transformers (and torch before it) without progress bars and advice lines, and return the module.

    In the offline profile the Hugging Face hub is switched off for the whole process, so that nothing can reach for it.
    """
    if current_profile() == "offline":
        os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # or a warning follows when the process starts another
    load_torch()
    with waiting("Loading transformers"):
        transformers = importlib.import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


PROFILES = ("offline", "full")


def current_profile():
    """Return the profile that the environment variable `COURSE_PROFILE` names: "offline" (where it is unset) or "full".

    A ValueError says that the variable holds anything else.
    """
    name = os.environ.get("COURSE_PROFILE", "").strip().lower() or "offline"
    if name not in PROFILES:
        raise ValueError(
            f"COURSE_PROFILE: found {name!r}, expected one of {', '.join(PROFILES)}. "
            "Unset the variable to run offline, or set it to 'full' to fetch the large originals."
        )
    return name


def progress(iterable, description=""):
    """Go through an iterable behind a progress bar that disappears when the work is done.

    With the environment variable `COURSE_PROGRESS=off`, no bar is shown. In a notebook the bar is plain text, so that a
    notebook which is saved meanwhile shows it when it is opened again.
    """
    from tqdm import tqdm

    with _ticking(tqdm(iterable, desc=description, **_bar_settings())) as bar:
        yield from bar


@contextlib.contextmanager
def waiting(task, silence=0):
    """Show in a line what a long call does (str), and its seconds, from the first second on until it ends.

    With `silence`, only while no other line has moved for so many seconds. Silent where `progress` is, and where the
    output goes to a file. Works as a decorator too.
    """
    from tqdm import tqdm

    settings = {**_bar_settings(), "disable": is_silent() or None}
    with _ticking(tqdm(desc=task, bar_format="{desc}: {elapsed_s:.0f} s", delay=1, **settings), silence):
        yield


@contextlib.contextmanager
def _ticking(bar, silence=0):
    """Draw the bar anew each second, also while a step takes longer, and close it at the end."""
    ended = threading.Event()

    def tick():
        while not ended.wait(1):
            if time.monotonic() - _Line.moved >= silence:
                bar.delay = 0  # tqdm clears only what it believes to be shown
                bar.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    if not bar.disable:
        thread.start()
    try:
        yield bar
    finally:
        ended.set()
        if thread.is_alive():
            thread.join()
        bar.close()


_CELL = contextlib.ExitStack()


def watch_cells():
    """Show from now on of each cell of a notebook that it still runs, while it has shown no other line for 2 s."""
    from IPython import get_ipython

    if _is_notebook() and _begin_cell not in get_ipython().events.callbacks["pre_run_cell"]:
        get_ipython().events.register("pre_run_cell", _begin_cell)
        get_ipython().events.register("post_run_cell", _end_cell)
        _begin_cell(None)  # the cell that calls this


def _begin_cell(_):
    _Line.moved = time.monotonic()
    _CELL.enter_context(waiting("Still running", silence=2))


def _end_cell(_):
    _CELL.close()


def keras_progress(epochs):
    """Make a Keras callback that shows one bar over the epochs, with the losses; silent where `progress` is.

    Use it with `model.fit(..., epochs=epochs, verbose=0, callbacks=[keras_progress(epochs)])`, once.
    """
    load_keras()
    from tqdm import tqdm
    from tqdm.keras import TqdmCallback

    return TqdmCallback(epochs, verbose=0, desc="epochs", tqdm_class=tqdm, **_bar_settings())


def _bar_settings():
    place = {"file": _Line(), "ncols": BAR_WIDTH, "position": 0} if _is_notebook() else {}
    return {"leave": False, "disable": is_silent(), **place}


def _is_notebook():
    ipython = sys.modules.get("IPython")
    return ipython is not None and "IPKernelApp" in getattr(ipython.get_ipython(), "config", {})


class _Line:
    """A line of a notebook's output that is written anew each time, as tqdm does it in a terminal."""

    encoding, handle, moved = "utf-8", None, 0.0  # when a line was last written

    def write(self, text):
        from IPython.display import display

        _Line.moved, shown = time.monotonic(), {"text/plain": text.strip()}
        if self.handle is not None:
            self.handle.update(shown, raw=True)
        elif shown["text/plain"]:
            self.handle = display(shown, raw=True, display_id=True)

    def flush(self):
        """Do nothing: each text is shown at once."""


def is_silent():
    """Tell whether `COURSE_PROGRESS=off` asks for no bars."""
    return os.environ.get("COURSE_PROGRESS", "").strip().lower() == "off"
