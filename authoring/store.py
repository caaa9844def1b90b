"""Execute the notebooks and store their outputs the way nbval compares them; measure what a run costs."""

import base64
import contextlib
import hashlib
import io
import os
import re
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from course_utils.memory import SHORTAGE
from course_utils.notebooks import ROOT, NotebookError, code_cells, notebook_bytes, read_notebook, shown, write_file

__all__ = ["Measurement", "execution_environment", "measure", "sanitise", "source_hash", "store"]

SANITISE_FILE = ROOT / "tests" / "nbval_sanitize.cfg"
CELL_SECONDS = 120
SAMPLE_SECONDS = 0.1
LIMIT_SECONDS = {"chapter": 60, "solutions": 20}
LIMIT_GB = 2.5
KEPT_CELL_METADATA = ("course", "jupyter", "slideshow", "tags")
KERNEL_SPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
UNCOMPARED_OUTPUTS = ("image/png", "image/jpeg")  # the ones that nbval leaves out
LITTLE_MEMORY = "Most often memory ran out: close other programs and notebooks, then try again."


@dataclass(frozen=True)
class Measurement:
    """Hold what one run of a notebook cost: wall seconds, and the kernel's peak memory in GB, children included."""

    path: Path
    seconds: float
    peak_gb: float
    limit_seconds: float

    @property
    def within_limits(self):
        """Say whether the run kept the limits of seconds and memory."""
        return self.seconds <= self.limit_seconds and self.peak_gb <= LIMIT_GB


def source_hash(source):
    """Return the SHA-256 of a cell's source, by which a stored output is matched with its code."""
    return hashlib.sha256(source.encode()).hexdigest()


def sanitise(text):
    """Return `text` with what differs between machines masked, exactly as nbval masks it.

    The patterns stand in `tests/nbval_sanitize.cfg`, and nbval's own function reads them.
    """
    from nbval.plugin import get_sanitize_patterns

    for pattern, replacement in get_sanitize_patterns(SANITISE_FILE.read_text(encoding="utf-8")):
        text = re.sub(pattern, replacement, text)
    return text


def _compared(outputs):
    """Return what nbval compares of `outputs`: the sanitised texts, without pictures, counts and metadata."""
    from copy import deepcopy

    from nbval.plugin import coalesce_streams

    compared = []
    for output in coalesce_streams(deepcopy(outputs)):
        if output.output_type == "stream":
            compared.append((output.name, sanitise(output.text)))
        elif output.output_type == "error":
            compared.append((output.ename, sanitise(output.evalue)))
        else:
            for mime, value in sorted(output.data.items()):
                text = sanitise(value) if isinstance(value, str) else value
                compared.append((mime, "a picture" if mime in UNCOMPARED_OUTPUTS else text))
    return compared


def execution_environment():
    """Return the environment variables under which notebooks are stored and tested.

    They select the offline profile, keep the Hugging Face libraries off the network, and silence progress bars.
    """
    return {
        "COURSE_PROFILE": "offline",
        "COURSE_PROGRESS": "off",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _execute(path, notebook, seconds=CELL_SECONDS, watch=None):
    """Execute `notebook` in a new kernel of this Python, with the folder of `path` as its working directory."""
    import nbclient
    from nbclient.exceptions import CellControlSignal, DeadKernelError
    from nbconvert.preprocessors import CoalesceStreamsPreprocessor

    at = {"cell": 0}
    client = nbclient.NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(Path(path).resolve().parent)}},
        on_cell_execute=lambda cell, cell_index: at.update(cell=cell_index),
    )
    os.environ.update(execution_environment())
    with tempfile.TemporaryFile() as log, watch or contextlib.nullcontext():
        try:
            client.execute(stderr=log)
        except (CellControlSignal, DeadKernelError, RuntimeError) as error:
            log.seek(0)
            tail = "\n".join(log.read().decode(errors="replace").splitlines()[-15:])
            kernel_log = f"\nLast lines that the kernel wrote to its stderr:\n{tail}" if tail else ""
            found = f"{getattr(error, 'ename', '')}: {getattr(error, 'evalue', '')}"
            short = isinstance(error, DeadKernelError) or SHORTAGE.search(found)
            memory = f"\n{LITTLE_MEMORY}" if short else ""
            raise NotebookError(f"{shown(path)}, cell {at['cell']}: {error}{memory}{kernel_log}") from error
    CoalesceStreamsPreprocessor().preprocess(notebook, {})  # what is written in pieces would be as many lines on a page


class _Watch:
    """Sample the memory of this process's children in a thread: `peak` is the largest sum of bytes."""

    peak = 0

    def __enter__(self):
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _sample(self):
        import psutil

        me = psutil.Process()
        while not self._stop.wait(SAMPLE_SECONDS):
            total = 0
            for child in me.children(recursive=True):
                try:
                    total += getattr(child.memory_full_info(), "pss", child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue  # it ended between the two calls
            self.peak = max(self.peak, total)


def measure(path):
    """Execute the notebook at `path`, store nothing, and return its `Measurement`.

    Returns
    -------
    Measurement
        Wall seconds from the kernel's start to its end; peak resident memory in GB (10^9 bytes) of the kernel and all
        its children, sampled ten times a second. On Linux pages that several processes share count once (PSS);
        elsewhere once for each process.
    """
    path = Path(path)
    notebook = read_notebook(path)
    watch, start = _Watch(), time.perf_counter()
    _execute(path, notebook, watch=watch)
    kind = "solutions" if path.resolve().parent.name == "solutions" else "chapter"
    return Measurement(path, time.perf_counter() - start, watch.peak / 1e9, LIMIT_SECONDS[kind])


def store(path, fresh=False):
    """Execute the notebook at `path` and store it with its outputs; say whether it kept the old ones.

    The stored outputs and pictures stay when neither code nor what nbval compares changed anywhere in the notebook,
    so that storing twice gives the same file. Otherwise all are replaced: a page never mixes the times of two runs.
    With `fresh` they are replaced in any case: use it when a helper that draws was changed, since pictures are not
    compared.

    Raises
    ------
    NotebookError
        When a cell fails, takes more than 120 s, kills the kernel, or writes to stderr. The stored file stays as it is.
    """
    path = Path(path)
    old, new = read_notebook(path), read_notebook(path)
    for _, cell in code_cells(new):
        cell.outputs, cell.execution_count = [], None
    _execute(path, new)
    cells = [cell for _, cell in code_cells(new) if cell.source.strip()]
    stored = [cell for _, cell in code_cells(old) if cell.source.strip()]
    for index, cell in code_cells(new):
        _refuse_stderr(path, index, cell)
    kept = not fresh and all(map(_is_unchanged, stored, cells))
    for number, (before, after) in enumerate(zip(stored, cells, strict=True), start=1):
        if kept:
            after.outputs = before.outputs
        after.metadata["course"] = {**after.metadata.get("course", {}), "source_sha256": source_hash(after.source)}
        _shrink_pictures(after)
        _number(after, number)
    _tidy_metadata(new)
    content = notebook_bytes(new)
    if path.read_bytes() != content:
        write_file(path, content)
    return kept


def _refuse_stderr(path, index, cell):
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            raise NotebookError(
                f"{shown(path)}, cell {index}: it wrote to stderr: {output.text.strip()[:500]!r}. "
                "Remove the cause, or filter that one warning in the cell."
            )


def _is_unchanged(before, after):
    """Say whether a cell's code, and what nbval compares of its output, are as they were stored."""
    same_code = before.metadata.get("course", {}).get("source_sha256") == source_hash(after.source)
    return same_code and _compared(before.outputs) == _compared(after.outputs)


def _shrink_pictures(cell):
    """Store each PNG with a palette of 256 colours, which plots hardly need: a third of the bytes."""
    from PIL import Image

    for output in cell.outputs:
        if png := output.get("data", {}).get("image/png"):
            with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
                if picture.mode == "P":
                    continue
                small = io.BytesIO()
                picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
            output["data"]["image/png"] = base64.b64encode(small.getvalue()).decode()


def _number(cell, count):
    cell.execution_count = count
    for output in cell.outputs:
        if output.output_type == "execute_result":
            output.execution_count = count


def _tidy_metadata(notebook):
    """Drop times, widget state and versions: what would change the file though nothing in it changed."""
    notebook.metadata = type(notebook.metadata)(kernelspec=KERNEL_SPEC, language_info={"name": "python"})
    for cell in notebook.cells:
        for key in set(cell.metadata) - set(KEPT_CELL_METADATA):
            del cell.metadata[key]
        for output in cell.get("outputs", []):
            for mime in [mime for mime in output.get("data", {}) if mime.startswith("application/vnd.jupyter.widget")]:
                del output.data[mime]
