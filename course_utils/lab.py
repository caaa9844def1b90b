"""Set up the kernel, make the copies that learners work in, and open JupyterLab on them."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from course_utils.notebooks import (
    NOTEBOOKS,
    ROOT,
    NotebookError,
    code_cells,
    naming_file,
    notebook_bytes,
    read_notebook,
    shown,
    write_file,
)
from course_utils.start_page import START, start_page

__all__ = ["copy_for_learners", "install_kernel_config", "open_lab", "prepare"]

KERNEL_CONFIG = Path(__file__).resolve().parent / "files" / "ipython_kernel_config.py"
LARGEST_PORT = 65535


def install_kernel_config(prefix=sys.prefix):
    """Copy the kernel's configuration into the Python environment at `prefix`, and return its path.

    It keeps what TensorFlow writes to C-level stderr out of the notebooks. A configuration that is not the course's own
    is left as it is, and a FileExistsError says so.
    """
    target = Path(prefix) / "etc" / "ipython" / KERNEL_CONFIG.name
    content = KERNEL_CONFIG.read_bytes()
    if target.exists() and not target.read_bytes().startswith(b"# Written by the course"):
        raise FileExistsError(
            f"prefix: {target} exists and was not written by the course, so it was left as it is. "
            f"Add the settings of {shown(KERNEL_CONFIG)} to it, or use a new virtual environment."
        )
    if not target.exists() or target.read_bytes() != content:
        write_file(target, content)
    return target


def prepare():
    """Do once what would otherwise print a warning into the first notebook: kernel settings, matplotlib's fonts."""
    install_kernel_config()
    command = [sys.executable, "-c", "import matplotlib.font_manager"]
    found = subprocess.run(command, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace")
    if found.returncode:
        said = (found.stderr.splitlines() or [f"it ended with {found.returncode}"])[-1]
        raise NotebookError(f"matplotlib cannot be loaded: {said}. Mend that, or install it again.")


def copy_for_learners(destination="work", source=NOTEBOOKS):
    """Copy the notebooks without their outputs to `destination`, and return one line on each copy.

    The folders keep their places, so that links between notebooks and to pictures still work. A record of what was
    copied lies beside the copies. A copy that is as it was made is updated; one that the learner changed is never
    overwritten: where the course has a newer version, that is put beside it under a name of its own.

    A relative destination lies in the project folder. One that this function made is for its owner alone; the
    permissions of a folder that was there before stay. A NotebookError says that it is a file, holds the stored
    notebooks, or has a damaged record.
    """
    source, destination = Path(source).resolve(), (ROOT / destination).resolve()
    if destination.exists() and not destination.is_dir():
        raise NotebookError(f"destination: {shown(destination)} is a file, expected a folder. Choose another name.")
    if source.is_relative_to(destination) or destination.is_relative_to(source):
        raise NotebookError(f"destination: {shown(destination)} holds the stored notebooks. Choose another folder.")
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
        write_file(record_path, json.dumps(record, indent=1, sort_keys=True).encode())
    write_file(destination / START, start_page(source))  # nobody writes in it
    return [*lines, f"{START}: written"]


def _read_record(path):
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("it holds no table of files")
    except ValueError as error:
        raise NotebookError(
            f"destination: the record {shown(path)} is damaged ({error}). Delete it: copies that differ from the "
            "course's then count as changed, and stay."
        ) from error
    return record


def _without_outputs(path):
    notebook = read_notebook(path)
    for _, cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        cell.metadata.pop("course", None)
    return notebook_bytes(notebook)


def _copy_one(destination, name, content, record):
    """Bring one copy up to date, unless the learner changed it; note in `record` what was copied."""
    target, digest, key = destination / name, hashlib.sha256(content).hexdigest(), name.as_posix()
    found = hashlib.sha256(target.read_bytes()).hexdigest() if target.exists() else None
    if found == digest:
        record[key] = digest
        return f"{key}: up to date"
    if found is None or found == record.get(key):
        write_file(target, content)
        record[key] = digest
        return f"{key}: {'copied' if found is None else 'updated'}"
    if record.get(key) == digest:
        return f"{key}: kept as you changed it"
    beside = target.with_name(f"{target.stem}.new-{digest[:6]}{target.suffix}")
    if not beside.exists():
        write_file(beside, content)
    return f"{key}: kept as you changed it; the course's new version is in {beside.name}"


def open_lab(arguments=(), destination="work"):
    """Make the learner's copies, and open JupyterLab on the start page in the place of this process.

    Whatever ends this process, or signals it, so reaches JupyterLab; on Windows, where no process can take another's
    place, its exit status is returned. JupyterLab keeps its token and listens on 127.0.0.1 only; `arguments` are handed
    to it. The copies lie in the project's folder `destination`. A NotebookError says why JupyterLab could not start.
    """
    _check_jupyterlab(arguments)
    install_kernel_config()
    print(f"Your copies are in {(ROOT / destination).resolve()}:")
    for line in copy_for_learners(destination):
        print(line)
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1", *arguments, f"{destination}/{START}"]
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
