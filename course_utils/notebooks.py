"""Execute, store, check, measure and copy the notebooks of the course.

The stored notebooks hold the outputs that the tests compare. `store` writes them the way nbval reads them, `check`
names what must not be stored, `measure` says what a run costs, and `copy_for_learners` makes the output-free copies
that learners work in.

    python -m course_utils.notebooks store [--fresh] [NOTEBOOK ...]
    python -m course_utils.notebooks check [NOTEBOOK ...]
    python -m course_utils.notebooks measure [NOTEBOOK ...]
    python -m course_utils.notebooks copy [DESTINATION]
    python -m course_utils.notebooks prepare
"""

import argparse
import base64
import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from course_utils.memory import SHORTAGE

__all__ = [
    "Measurement",
    "NotebookError",
    "ROOT",
    "check",
    "check_course",
    "copy_for_learners",
    "execution_environment",
    "find_machine_paths",
    "install_kernel_config",
    "list_notebooks",
    "main",
    "measure",
    "naming_file",
    "open_lab",
    "read_notebook",
    "sanitise",
    "source_hash",
    "store",
]

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SANITISE_FILE = ROOT / "tests" / "nbval_sanitize.cfg"
KERNEL_CONFIG = Path(__file__).resolve().parent / "files" / "ipython_kernel_config.py"

CELL_SECONDS = 120
SAMPLE_SECONDS = 0.1
LIMIT_SECONDS = {"chapter": 60, "solutions": 20}
LIMIT_GB = 2.0
MAX_MB = 1.5
MAX_CODE_LINES = 25
MAX_SETUP_LINES = 10
MAX_UNCOMPARED_CELLS = 2
LARGEST_PORT = 65535
LESSON_PARTS = ("Objectives", "Claims", "Key points", "References")

KEPT_CELL_METADATA = ("course", "jupyter", "slideshow", "tags")
KERNEL_SPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
UNCOMPARED_OUTPUTS = ("image/png", "image/jpeg")  # the ones that nbval leaves out
UNCOMPARED = re.compile(r"nbval[-_](ignore[-_]output|skip|raises[-_]exception)|raises-exception", re.IGNORECASE)
LITTLE_MEMORY = "Most often memory ran out: close other programs and notebooks, then try again."
MACHINE_PATH = re.compile(
    r"(?<![\w.~)}*-])/(?:home|root|tmp|work|Users|private|mnt)(?:/|\b(?![-.\w]))|\b[A-Za-z]:\\{1,2}Users"
)


class NotebookError(RuntimeError):
    """Report a notebook that cannot be executed, stored or copied; the message names the notebook and the cell."""


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


# Reading and writing


def list_notebooks(folder=NOTEBOOKS):
    """Return the paths of the chapters in `folder`, in order, and then of the solutions.

    Raises
    ------
    FileNotFoundError
        When the folder is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: {folder} is not a folder. Name the folder that holds the notebooks.")
    return sorted(folder.glob("*.ipynb")) + sorted((folder / "solutions").glob("*.ipynb"))


def read_notebook(path):
    """Return the notebook at `path` in format 4.5, with an id for each cell that depends only on the cells.

    Raises
    ------
    NotebookError
        When the file is missing, is no notebook, or has an older format than 4.
    """
    import nbformat

    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotebookError(f"path: cannot read {_shown(path)} as a notebook ({error}).") from error
    if not isinstance(content, dict) or content.get("nbformat") != 4:
        raise NotebookError(f"path: {_shown(path)} is not a notebook of format 4. Save it again in JupyterLab.")
    notebook = nbformat.from_dict(content)
    try:
        _normalise(notebook)
        nbformat.validate(notebook)
    except (nbformat.ValidationError, AttributeError, TypeError) as error:
        message = str(error).splitlines()[0]
        raise NotebookError(f"path: {_shown(path)} is not a valid notebook ({message}).") from error
    return notebook


def _normalise(notebook):
    """Give each cell an id, and join the lists of lines in which a file keeps its texts."""
    notebook.nbformat_minor = 5
    _complete_ids(notebook)
    for cell in notebook.cells:
        cell.source = _text(cell.source)
        for output in cell.get("outputs", []):
            if "text" in output:
                output.text = _text(output.text)
            for mime, value in output.get("data", {}).items():
                output.data[mime] = _text(value) if _is_lines(value) else value


def _is_lines(value):
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _text(value):
    return "".join(value) if isinstance(value, list) else value


def _complete_ids(notebook):
    """Give an id to each cell that lacks one or repeats one, made from its source and its place."""
    seen = set()
    for index, cell in enumerate(notebook.cells):
        if cell.get("id") is None or cell.id in seen:
            cell.id = hashlib.sha256(f"{index}\n{_text(cell.source)}".encode()).hexdigest()[:8]
        seen.add(cell.id)


def _notebook_bytes(notebook):
    import nbformat

    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()


@contextlib.contextmanager
def naming_file(path):
    """Name the file at `path` in the error of what writes it: the system's own names none when a disk is full.

    Raises
    ------
    NotebookError
        In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise NotebookError(
            f"cannot write {Path(path).absolute()}: {error.strerror}. Free some disk space, or make its folder "
            "writable, then try again."
        ) from error


def _write(path, content):
    """Write `content` in one step: the file at `path` is the old one or the new one, never a part."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with naming_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def _shown(path):
    """Return `path` as people see it: relative to the project where it lies inside."""
    path = Path(path).resolve()
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def _code_cells(notebook):
    return [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def source_hash(source):
    """Return the SHA-256 of a cell's source, by which a stored output is matched with its code."""
    return hashlib.sha256(source.encode()).hexdigest()


# What may differ between machines


def sanitise(text):
    """Return `text` with what differs between machines masked, exactly as nbval masks it.

    The patterns stand in `tests/nbval_sanitize.cfg`, and nbval's own function reads them.

    Raises
    ------
    TypeError
        When `text` is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"text: found {type(text).__name__}, expected a string.")
    for pattern, replacement in _sanitise_patterns():
        text = re.sub(pattern, replacement, text)
    return text


def _sanitise_patterns():
    from nbval.plugin import get_sanitize_patterns

    return get_sanitize_patterns(SANITISE_FILE.read_text(encoding="utf-8"))


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
            for mime in sorted(output.data):
                value = output.data[mime]
                if mime in UNCOMPARED_OUTPUTS:
                    compared.append((mime, "a picture"))
                else:
                    compared.append((mime, sanitise(value) if isinstance(value, str) else value))
    return compared


# Executing


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


def install_kernel_config(prefix=sys.prefix):
    """Copy the kernel's configuration into the Python environment at `prefix`, and return its path.

    It keeps what TensorFlow writes to C-level stderr out of the notebooks.

    Raises
    ------
    FileExistsError
        When a configuration that is not the course's own lies there; it is left as it is.
    """
    target = Path(prefix) / "etc" / "ipython" / KERNEL_CONFIG.name
    content = KERNEL_CONFIG.read_bytes()
    if target.exists() and not target.read_bytes().startswith(content.split(b"\n", 1)[0]):
        raise FileExistsError(
            f"prefix: {target} exists and was not written by the course, so it was left as it is. "
            f"Add the settings of {_shown(KERNEL_CONFIG)} to it, or use a new virtual environment."
        )
    if not target.exists() or target.read_bytes() != content:
        _write(target, content)
    return target


def _prepare():
    """Do once what would otherwise print a warning into the first notebook: kernel settings, matplotlib's fonts."""
    install_kernel_config()
    command = [sys.executable, "-c", "import matplotlib.font_manager"]
    found = subprocess.run(command, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace")
    if found.returncode:
        said = (found.stderr.splitlines() or [f"it ended with {found.returncode}"])[-1]
        raise NotebookError(f"matplotlib cannot be loaded: {said}. Mend that, or install it again.")


def _execute(path, notebook, seconds=CELL_SECONDS, watch=None):
    """Execute `notebook` in a new kernel of this Python, with the folder of `path` as its working directory."""
    import nbclient
    from nbclient.exceptions import CellControlSignal, DeadKernelError

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
            raise NotebookError(f"{_shown(path)}, cell {at['cell']}: {error}{memory}{kernel_log}") from error


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


# Storing


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
    for _, cell in _code_cells(new):
        cell.outputs, cell.execution_count = [], None
    _execute(path, new)
    cells = [cell for _, cell in _code_cells(new) if cell.source.strip()]
    stored = [cell for _, cell in _code_cells(old) if cell.source.strip()]
    for index, cell in _code_cells(new):
        _refuse_stderr(path, index, cell)
    kept = not fresh and all(map(_is_unchanged, stored, cells))
    for number, (before, after) in enumerate(zip(stored, cells, strict=True), start=1):
        if kept:
            after.outputs = before.outputs
        after.metadata["course"] = {**after.metadata.get("course", {}), "source_sha256": source_hash(after.source)}
        _shrink_pictures(after)
        _number(after, number)
    _tidy_metadata(new)
    content = _notebook_bytes(new)
    if path.read_bytes() != content:
        _write(path, content)
    return kept


def _refuse_stderr(path, index, cell):
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            raise NotebookError(
                f"{_shown(path)}, cell {index}: it wrote to stderr: {output.text.strip()[:500]!r}. "
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


# Rules


def find_machine_paths(text):
    """Return the absolute paths of one machine (home or temporary folders) that stand in `text`."""
    return [match.group() for match in MACHINE_PATH.finditer(text)]


def check(path):
    """Return the problems of the stored notebook at `path`, each as one line; an empty list when it keeps all rules."""
    path = Path(path)
    notebook = read_notebook(path)
    rules = [_check_counts, _check_code, _check_outputs, _check_paths, _check_metadata, _check_comparison]
    rules.append(_check_title if path.resolve().parent.name == "solutions" else _check_lesson)
    problems = [problem for rule in rules for problem in rule(notebook)]
    megabytes = path.stat().st_size / 1e6
    if megabytes > MAX_MB:
        problems.append(f"the file has {megabytes:.2f} MB, at most {MAX_MB} are allowed: make its pictures smaller")
    return [f"{_shown(path)}: {problem}" for problem in problems]


def check_course(folder=NOTEBOOKS):
    """Return the problems of all notebooks in `folder`, a missing solutions notebook included."""
    folder = Path(folder)
    problems = [problem for path in list_notebooks(folder) for problem in check(path)]
    chapters = {path.name for path in folder.glob("*.ipynb")}
    solutions = {path.name for path in (folder / "solutions").glob("*.ipynb")}
    problems += [f"{name}: no solutions notebook of the same name" for name in sorted(chapters - solutions)]
    problems += [f"solutions/{name}: no chapter of the same name" for name in sorted(solutions - chapters)]
    return problems


def _check_counts(notebook):
    """Null counts matter most: nbval compares nothing in a cell that has none."""
    cells = _code_cells(notebook)
    problems = [f"cell {index} is an empty code cell: delete it" for index, cell in cells if not cell.source.strip()]
    counts = [cell.execution_count for _, cell in cells if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        problems.append(f"execution counts are {counts}, expected 1 to {len(counts)} in order: run `make notebooks`")
    return problems


def _check_code(notebook):
    problems, cells = [], _code_cells(notebook)
    for place, (index, cell) in enumerate(cells):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        limit = MAX_SETUP_LINES if place == 0 else MAX_CODE_LINES
        if len(lines) > limit:
            problems.append(f"cell {index} has {len(lines)} lines of code, at most {limit} are allowed")
        if re.search(r"^\s*from\s+\S+\s+import\s+\*", cell.source, re.MULTILINE):
            problems.append(f"cell {index} imports *: name what it uses")
    return problems


def _check_outputs(notebook):
    problems = []
    for index, cell in _code_cells(notebook):
        streams = {output.name for output in cell.outputs if output.output_type == "stream"}
        if "stderr" in streams:
            problems.append(f"cell {index} has output on stderr")
        if any(output.output_type == "error" for output in cell.outputs):
            problems.append(f"cell {index} has an error as its output: show one with evidence.expect_error")
        pictures = any(mime in output.get("data", {}) for output in cell.outputs for mime in UNCOMPARED_OUTPUTS)
        if pictures and "stdout" not in streams:
            problems.append(f"cell {index} draws a picture and prints nothing: print its title, which nbval compares")
        recorded = cell.metadata.get("course", {}).get("source_sha256")
        if cell.source.strip() and recorded != source_hash(cell.source):
            problems.append(f"cell {index} has code that changed after its output was stored: run `make notebooks`")
    return problems


def _check_paths(notebook):
    problems = []
    for index, cell in enumerate(notebook.cells):
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts.append(output.get("text", ""))
            texts += [json.dumps(value) for mime, value in output.get("data", {}).items() if "image/" not in mime]
        found = sorted({path for text in texts for path in find_machine_paths(text)})
        problems += [f"cell {index} holds a path of one machine, which starts with {path}" for path in found]
    return problems


def _check_metadata(notebook):
    problems = []
    if set(notebook.metadata) - {"kernelspec", "language_info"}:
        problems.append(f"it has the metadata {sorted(notebook.metadata)}: run `make notebooks`")
    for index, cell in enumerate(notebook.cells):
        extra = sorted(set(cell.metadata) - set(KEPT_CELL_METADATA))
        if extra:
            problems.append(f"cell {index} has the metadata {extra} (times, say): run `make notebooks`")
        mimes = [mime for output in cell.get("outputs", []) for mime in output.get("data", {})]
        if any(mime.startswith("application/vnd.jupyter.widget") for mime in mimes):
            problems.append(f"cell {index} holds widget state")
    return problems


def _check_comparison(notebook):
    marked = []
    for index, cell in _code_cells(notebook):
        comments = [line for line in cell.source.splitlines() if line.lstrip().startswith("#")]
        if any(UNCOMPARED.search(text) for text in [*cell.metadata.get("tags", []), *comments]):
            marked.append(index)
    if len(marked) > MAX_UNCOMPARED_CELLS:
        return [f"cells {marked} are not compared, at most {MAX_UNCOMPARED_CELLS} are allowed: mark values with ≈"]
    return []


def _check_title(notebook):
    first = notebook.cells[0] if notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        return ["its first cell is not a title (`# …` in Markdown)"]
    return []


def _check_lesson(notebook):
    problems = _check_title(notebook)
    if not problems and not re.search(r"\d+\s+minutes", notebook.cells[0].source):
        problems.append("its title cell does not say how many minutes the chapter takes")
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = " | ".join(re.findall(r"^#+ +(.*)$", prose, re.MULTILINE)).lower()
    return problems + [f"no heading {part!r}" for part in LESSON_PARTS if part.lower() not in headings]


# Copies for learners


def copy_for_learners(destination="work", source=NOTEBOOKS):
    """Copy the notebooks without their outputs to `destination`, and return one line on each copy.

    The folders keep their places, so that links between notebooks and to pictures still work. A record of what was
    copied lies beside the copies. A copy that is as it was made is updated; one that the learner changed is never
    overwritten: where the course has a newer version, that is put beside it under a name of its own.

    Parameters
    ----------
    destination : str or Path
        A folder, made if missing; a relative one lies in the project folder. One that this function made is for its
        owner alone; the permissions of a folder that was there before stay.

    Raises
    ------
    NotebookError
        When the destination is a file, holds the stored notebooks, or has a damaged record.
    """
    source, destination = Path(source).resolve(), (ROOT / destination).resolve()
    if destination.exists() and not destination.is_dir():
        raise NotebookError(f"destination: {_shown(destination)} is a file, expected a folder. Choose another name.")
    if source.is_relative_to(destination) or destination.is_relative_to(source):
        raise NotebookError(f"destination: {_shown(destination)} holds the stored notebooks. Choose another folder.")
    record_path = destination / ".copied.json"
    record = _read_record(record_path)
    with naming_file(destination):
        destination.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = []
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name = path.relative_to(source)
        if any(part.startswith(".") for part in name.parts):
            continue
        content = _without_outputs(path) if path.suffix == ".ipynb" else path.read_bytes()
        lines.append(_copy_one(destination, name, content, record))
        _write(record_path, json.dumps(record, indent=1, sort_keys=True).encode())
    return lines


def _read_record(path):
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("it holds no table of files")
    except ValueError as error:
        raise NotebookError(
            f"destination: the record {_shown(path)} is damaged ({error}). Delete it: copies that differ from the "
            "course's then count as changed, and stay."
        ) from error
    return record


def _without_outputs(path):
    notebook = read_notebook(path)
    for _, cell in _code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("course", None)
    return _notebook_bytes(notebook)


def _copy_one(destination, name, content, record):
    """Bring one copy up to date, unless the learner changed it; note in `record` what was copied."""
    target, digest, key = destination / name, hashlib.sha256(content).hexdigest(), name.as_posix()
    found = hashlib.sha256(target.read_bytes()).hexdigest() if target.exists() else None
    if found == digest:
        record[key] = digest
        return f"{key}: up to date"
    if found is None or found == record.get(key):
        _write(target, content)
        record[key] = digest
        return f"{key}: {'copied' if found is None else 'updated'}"
    if record.get(key) == digest:
        return f"{key}: kept as you changed it"
    beside = target.with_name(f"{target.stem}.new-{digest[:6]}{target.suffix}")
    if not beside.exists():
        _write(beside, content)
    return f"{key}: kept as you changed it; the course's new version is in {beside.name}"


def open_lab(notebook="04_best_practice.ipynb", arguments=(), destination="work"):
    """Make the learner's copies, and open JupyterLab on one of them in the place of this process.

    Whatever ends this process, or signals it, so reaches JupyterLab; on Windows, where no process can take another's
    place, its exit status is returned. JupyterLab keeps its token and listens on 127.0.0.1 only; `arguments` are handed
    to it. The copies lie in the project's folder `destination`.

    Raises
    ------
    NotebookError
        When there is no notebook of that name, or JupyterLab could not start.
    """
    if not (NOTEBOOKS / notebook).is_file():
        names = ", ".join(path.name for path in list_notebooks())
        raise NotebookError(f"notebook: found {notebook!r}, expected one of {names}.")
    _check_jupyterlab(arguments)
    install_kernel_config()
    print(f"Your copies are in {(ROOT / destination).resolve()}:")
    for line in copy_for_learners(destination):
        print(line)
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", *arguments, f"{destination}/{notebook}"]
    environment = {"JUPYTER_PREFER_ENV_PATH": "1", "TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    settings = [os.environ.get("JUPYTER_CONFIG_PATH"), str(KERNEL_CONFIG.parent)]  # no question about online news
    environment["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, settings))
    if os.name == "nt":
        return subprocess.call(command, cwd=ROOT, env=environment)
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(command[0], command, environment)


def _check_jupyterlab(arguments):
    """Say in one sentence why JupyterLab could not start: it would end with a traceback, or at an address of no use."""
    if find_spec("jupyterlab") is None:
        raise NotebookError("JupyterLab is not installed. Install it: python -m pip install -r requirements.txt")
    is_root = os.name != "nt" and os.geteuid() == 0
    if is_root and not any("allow-root" in argument.replace("_", "-") for argument in arguments):
        raise NotebookError(
            "you are root, and JupyterLab starts for root only when told so. Use an account of your own; in a "
            "container add --allow-root, with make: make lab ARGS=--allow-root"
        )
    for argument in arguments:
        port = re.fullmatch(r"--(?:ServerApp\.)?port=(.*)", argument)
        if port and not (port[1].isdecimal() and int(port[1]) <= LARGEST_PORT):
            raise NotebookError(f"port: found {port[1]!r}, expected a number up to {LARGEST_PORT}, such as 8889.")
    from jupyter_core.paths import jupyter_runtime_dir

    runtime = Path(jupyter_runtime_dir())
    with naming_file(runtime):
        runtime.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=runtime).close()


# Command line


def main(arguments=None):
    """Run one of the commands `store`, `check`, `measure`, `copy` and `prepare`; return 0 when all went well."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.notebooks", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("store", "execute the notebooks and store them with their outputs"),
        ("check", "name what the stored notebooks must not hold"),
        ("measure", "execute the notebooks and say what time and memory they take"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("paths", nargs="*", type=Path, metavar="NOTEBOOK", help="default: all")
        if name == "store":
            command.add_argument("--fresh", action="store_true", help="replace the outputs even if nothing changed")
    command = commands.add_parser("copy", help="make output-free copies that only their owner can read")
    command.add_argument(
        "destination", nargs="?", default=ROOT / "work", help="a folder; default: work/ in the project"
    )
    commands.add_parser("prepare", help="set up the kernel of this Python environment")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except (NotebookError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(options):
    if options.command == "copy":
        destination = options.destination and os.path.abspath(options.destination)  # an empty name stays one: refused
        print("\n".join(copy_for_learners(destination)))
    elif options.command == "prepare":
        _prepare()
    elif options.command == "check":
        problems = [problem for path in options.paths for problem in check(path)] if options.paths else check_course()
        print("\n".join(problems) or "All notebooks keep the rules.")
        return int(bool(problems))
    elif options.command == "store":
        _store_all(options.paths or list_notebooks(), options.fresh)
    else:
        return _measure_all(options.paths or list_notebooks())
    return 0


def _store_all(paths, fresh):
    _prepare()
    for place, path in enumerate(paths, start=1):
        print(f"[{place}/{len(paths)}] {_shown(path)}: running, a minute at most", flush=True)
        start = time.perf_counter()
        found = "unchanged" if store(path, fresh=fresh) else "new outputs"
        print(f"    stored after {time.perf_counter() - start:.0f} s: {found}", flush=True)


def _measure_all(paths):
    _prepare()
    print(f"{'notebook':44} {'seconds':>8} {'limit':>6} {'peak GB':>8} {'limit':>6}", flush=True)
    good = True
    for path in paths:
        result = measure(path)
        good = good and result.within_limits
        mark = "" if result.within_limits else "  over the limit"
        row = f"{_shown(path):44} {result.seconds:8.1f} {result.limit_seconds:6.0f} {result.peak_gb:8.2f}"
        print(f"{row} {LIMIT_GB:6.1f}{mark}", flush=True)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
