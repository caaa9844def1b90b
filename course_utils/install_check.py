"""Check an installation: what is there, and whether the course's main jobs run, each in a process of its own.

`python -m course_utils` calls `check`; `python -m course_utils.install_check TASK` does one of `TASKS`, and says in its
last line what came of it.
"""

import concurrent.futures
import contextlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from course_utils.notebooks import NOTEBOOKS, ROOT
from course_utils.runtime import current_profile
from course_utils.weights import status

__all__ = ["check"]

OLDEST, NEWEST = (3, 11), (3, 13)
LOW_MEMORY, LOW_DISK = 4e9, 2e9  # bytes
CHAPTER_MEMORY, ENGINES_MEMORY = 2.4e9, 1.2e9  # bytes: the most that a chapter takes, the least that any takes
TRIED_BYTES = 10_000_000  # about what the learner's copies take once they were run
JOB_SECONDS = 600  # for one job: about 10 on an idle machine, and a busy one is not broken
LEARNERS_FOLDER = ROOT / "work"
INSTALL = "Install the packages: python -m pip install -r requirements.txt"
MEMORY_ADVICE = "Free some memory, or raise its limit: the course needs 2.4 GB, and runs well with 4."
HOME_REMEDY = "set HOME (or JUPYTER_CONFIG_DIR, JUPYTER_DATA_DIR, JUPYTER_RUNTIME_DIR) to a folder of your own"
GOOD, LOW, BAD = "✔", "!", "✘"
PLAIN_MARKS = {GOOD: "ok", LOW: "! ", BAD: "NO"}  # for a console that has neither ✔ nor ✘
SENTENCE, TRANSLATION = "I have two brothers.", "J'ai deux frères."
PHOTOGRAPH, NAME = "coffee", "espresso"
SPOKEN = "Good morning."


def check():
    """Print a line for each thing that was checked and a last one that says what to do; return 0 when all is ready."""
    marks, advice = _marks(sys.stdout.encoding), []
    for title, rows in (
        ("Python and packages", _check_versions),
        ("This machine", _check_machine),
        ("Folders in which the course writes", _check_folders),
        ("Pretrained weights", _check_weights),
        ("What the course does, each in a process of its own (half a minute in all)", _check_jobs),
    ):
        print(title, flush=True)
        for mark, name, found, what_to_do in rows():
            print(f"  {marks[mark]} {name:32} {found}", flush=True)
            if what_to_do:
                advice.append(what_to_do)
    print()
    if advice:
        print("Not ready.", *dict.fromkeys(advice), sep="\n  ")
    else:
        print("Ready. Open chapter 4 with: python -m course_utils lab")
    return int(bool(advice))


def _marks(encoding):
    """Return what to print for each mark: itself, or plain letters where the encoding lacks it."""
    try:
        (GOOD + BAD).encode(encoding)
    except UnicodeEncodeError:
        return PLAIN_MARKS
    return {mark: mark for mark in PLAIN_MARKS}


# What is there


def _check_versions():
    version = platform.python_version()
    good = OLDEST <= sys.version_info[:2] <= NEWEST
    found = f"{version}, expected 3.{OLDEST[1]} to 3.{NEWEST[1]}"
    yield _row("Python", good, version if good else found, "Make a new .venv with such a Python.")
    file = ROOT / "requirements.txt"
    if not file.is_file():
        yield BAD, file.name, f"there is no file {file}", "Run this in a complete copy of the course."
        return
    for name, pinned in re.findall(r"^([\w.-]+)==([\w.]+)", file.read_text(encoding="utf-8"), re.MULTILINE):
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "not installed"
        good = found.split("+")[0] == pinned  # torch adds +cpu, say
        yield _row(name, good, found if good else f"{found}, expected {pinned}", INSTALL)


def _row(name, good, found, remedy):
    return (GOOD, name, found, "") if good else (BAD, name, found, remedy)


def _check_machine():
    try:
        profile = current_profile()
    except ValueError as error:
        yield BAD, "profile", str(error), "Unset COURSE_PROFILE, or set it to full."
    else:
        fetches = "" if profile == "offline" else ": fetches MNIST, VGG16 and T5-base when they are first used (1.5 GB)"
        yield GOOD, "profile", profile + fetches, ""
    yield GOOD, "processor cores", f"{os.cpu_count()}, of which the course uses at most 2", ""
    free = shutil.disk_usage(ROOT).free
    mark, note = (LOW, ": too little for the full profile") if free < LOW_DISK else (GOOD, "")
    yield mark, "free disk", f"{free / 1e9:.1f} GB{note}", ""
    try:
        available, limit, whose = _memory()
    except ImportError as error:
        yield BAD, "memory", f"not known: {error}", INSTALL
        return
    found = f"{available / 1e9:.1f} GB available of {limit / 1e9:.1f} GB{whose}"
    if _too_little(available, limit):
        yield BAD, "memory", f"{found}: too little, a chapter takes up to 2.4 GB", MEMORY_ADVICE
    elif available < LOW_MEMORY:
        yield LOW, "memory", f"{found}: a chapter takes up to 2.4 GB; close other programs", ""
    else:
        yield GOOD, "memory", found, ""


def _memory():
    """Return how many bytes are available, of how many, and whose limit that is: the tightest one counts."""
    machine = importlib.import_module("psutil").virtual_memory()
    bounds = [(machine.available, machine.total, ""), *_container_limits()]
    with contextlib.suppress(ImportError):  # there are no such limits on Windows
        resource = importlib.import_module("resource")
        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            bounds.append((limit, limit, ", the limit that `ulimit -v` sets"))
    return min(bounds)


def _container_limits(root=Path("/")):
    """Yield (bytes available, limit, whose it is) for each memory limit that Linux's control groups set."""
    groups = root / "proc" / "self" / "cgroup"
    for line in groups.read_text().splitlines() if groups.is_file() else ():
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            top, most, now, unused = root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top, most, now = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            unused = "total_inactive_file"
        else:
            continue
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):  # a limit holds for all below; a container sees its own at the top
            if not folder.is_relative_to(top) or not (folder / most).is_file():
                continue
            if (limit := (folder / most).read_text().strip()) == "max":
                continue
            files = re.search(rf"^{unused} (\d+)", (folder / "memory.stat").read_text(), re.MULTILINE)
            used = int((folder / now).read_text()) - int(files[1] if files else 0)  # files' pages go when needed
            yield int(limit) - used, int(limit), ", the limit of this container or session"


def _too_little(available, limit):
    return limit < CHAPTER_MEMORY or available < ENGINES_MEMORY


def _check_folders():
    """Write a file in each folder that the lab needs, or in the nearest one above that exists; it is gone at once."""
    try:
        paths = importlib.import_module("jupyter_core.paths")
    except ImportError as error:
        yield BAD, "Jupyter's folders", f"not known: {error}", INSTALL
        return
    for name, find, remedy in (
        ("your copies", lambda: LEARNERS_FOLDER, "copy the course to a folder of your own"),
        ("temporary files", tempfile.gettempdir, "set TMPDIR to a folder of your own"),
        ("Jupyter's settings", paths.jupyter_config_dir, HOME_REMEDY),
        ("Jupyter's data", paths.jupyter_data_dir, HOME_REMEDY),
        ("Jupyter's connections", paths.jupyter_runtime_dir, HOME_REMEDY),
    ):
        folder = "a folder"  # gettempdir raises where it finds none
        try:
            wanted = folder = Path(find())
            while not folder.exists():
                folder = folder.parent
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(TRIED_BYTES))
                file.flush()
                os.fsync(file.fileno())
            yield GOOD, name, str(wanted), ""
        except OSError as error:
            found = f"{folder} cannot be written: {error.strerror}"
            yield BAD, name, found, f"Free some disk space, make the folder writable, or {remedy}."


def _check_weights():
    for weights, problem in status():
        found = problem or f"{weights.source}; its SHA-256 holds"
        if weights.left_out:
            yield LOW, weights.name, found, ""
            continue
        yield _row(weights.name, not problem, found, f"Get {weights.name} back: {weights.repair}")


# What it does: the process that checks


def _check_jobs():
    """Do two jobs at a time where memory allows it, and yield a row for each as soon as it ended."""
    try:
        available, limit, _ = _memory()
    except ImportError:  # its own row says so
        available = limit = CHAPTER_MEMORY
    if _too_little(available, limit):
        yield LOW, "not tried", "too little memory", ""
        return
    pool, start = concurrent.futures.ThreadPoolExecutor(2 if available >= LOW_MEMORY else 1), time.monotonic()
    running = {pool.submit(_try, title, arguments) for title, arguments in JOBS.items()}
    try:
        while running:
            ended, running = concurrent.futures.wait(running, 1, concurrent.futures.FIRST_COMPLETED)
            if sys.stdout.isatty() and not ended:
                print(f"    {time.monotonic() - start:.0f} s", end="\r", flush=True)
            yield from (job.result() for job in ended)
    finally:
        pool.shutdown(cancel_futures=True)


def _try(title, arguments):
    """Run Python with these arguments, and return the row of what came of it: its last line, or how it ended."""
    print(f"    {title}: started\n", end="", flush=True)  # in one piece, since another thread may print as well
    environment = {**os.environ, "COURSE_PROFILE": "offline", "PYTHONIOENCODING": "utf-8"}  # nothing is fetched here
    command, options = [sys.executable, *arguments], {"cwd": ROOT, "env": environment, "timeout": JOB_SECONDS}
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, **options)
    except subprocess.TimeoutExpired as error:
        done = error
    last = _last_line(done.stdout) or _last_line(done.stderr)
    words = f"its last words: {last!r}"
    if isinstance(done, subprocess.TimeoutExpired):
        return BAD, title, f"took longer than {JOB_SECONDS} s; {words}", "Close other programs, then check again."
    if done.returncode in (0, 1):
        missing = last.startswith(("ImportError", "ModuleNotFoundError"))
        return _row(title, not done.returncode, last, INSTALL if missing else f"Mend what stands beside '{title}'.")
    name = signal.Signals(-done.returncode).name if done.returncode < 0 else ""
    if name == "SIGKILL":
        return BAD, title, f"was killed (SIGKILL), most likely for want of memory; {words}", MEMORY_ADVICE
    found = f"crashed ({name}); {words}" if name else f"ended with status {done.returncode:#x}; {words}"
    remedy = f"{INSTALL} --force-reinstall. If it still crashes, show what this prints: {shlex.join(command)}"
    return BAD, title, found, remedy


def _last_line(output):
    lines = [line.strip() for line in (output or b"").decode("utf-8", "replace").split("\n")]
    return next(filter(None, reversed(lines)), "")


# What it does: the processes that try it


def _translate():
    from course_utils import runtime
    from course_utils.networks.pretrained import load_translator

    for name in ("keras", "torch", "transformers"):
        print(f"loading {name}", flush=True)
        getattr(runtime, f"load_{name}")()
    print("loading faster-whisper", flush=True)
    importlib.import_module("faster_whisper")
    print("translating a sentence", flush=True)
    (found,) = load_translator().translate([SENTENCE], "French")
    return _require(found, TRANSLATION, f"{SENTENCE!r} in French")


def _name_photograph():
    from course_utils.data import load_photos
    from course_utils.networks.pretrained import load_image_classifier

    print("loading the image classifier and naming a photograph", flush=True)
    ((found, _),) = load_image_classifier().top([load_photos([PHOTOGRAPH])[PHOTOGRAPH].image], 1)[0]
    return _require(found, NAME, f"the photograph {PHOTOGRAPH!r}")


def _write_speech():
    from course_utils.speech.recogniser import load_recogniser
    from course_utils.speech.synthesiser import speak
    from course_utils.speech.words import normalise_text

    print("speaking a sentence", flush=True)
    samples = speak(SPOKEN)
    print("loading Whisper and writing down what was said", flush=True)
    found = load_recogniser().transcribe(samples).text
    _require(normalise_text(found), normalise_text(SPOKEN), f"{SPOKEN!r}, spoken")
    return f"{SPOKEN!r}, spoken: {found}"


def _require(found, expected, what):
    if found != expected:
        raise RuntimeError(f"{what}: found {found!r}, expected {expected!r}. Install the packages again.")
    return f"{what}: {found}"


def _use_kernel():
    """Start a kernel as the lab does, in the learner's folder, and let it import the course and show a figure."""
    import nbclient
    import nbformat

    backend = os.environ.pop("MPLBACKEND", None)
    print("storing matplotlib's list of fonts", flush=True)  # or a warning would stand in the first notebook
    importlib.import_module("matplotlib.font_manager")
    os.environ |= {"MPLBACKEND": backend} if backend else {}
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    folder = LEARNERS_FOLDER if LEARNERS_FOLDER.is_dir() else NOTEBOOKS
    cell = nbformat.v4.new_code_cell(KERNEL_CODE)
    options = {"timeout": 60, "kernel_name": "python3", "allow_errors": True}
    options["resources"] = {"metadata": {"path": str(folder)}}
    print("running code in a notebook's kernel", flush=True)
    with tempfile.TemporaryFile() as log:
        try:
            nbclient.NotebookClient(nbformat.v4.new_notebook(cells=[cell]), **options).execute(stderr=log)
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}. It wrote last: {_last_line(log.read())}") from error
    text = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
    error = "".join(f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error")
    picture = any("image/png" in output.get("data", {}) for output in cell.outputs)
    return _judge_kernel(folder, text, error, picture, backend)


def _judge_kernel(folder, text, error, picture, backend):
    """Return what to say of a kernel that did as it was told, or raise an error that says what it did instead."""
    prefix, package = [*text.splitlines(), "", ""][:2]
    imported = Path(package).resolve().parent.parent
    if prefix != sys.prefix:
        raise RuntimeError(
            f"kernels run the Python of {prefix or 'no known folder'}, not that of {sys.prefix}. "
            f"Run: {shlex.join([sys.executable, '-m', 'ipykernel', 'install', '--sys-prefix'])}"
        )
    if imported != ROOT:
        if package:
            where = f"a kernel in {folder} imports the course from {imported}, not from {ROOT}"
        elif "No module named 'course_utils'" in error:
            where = f"a kernel in {folder} does not find the course, which was installed in {_installed_in()} "
            where += f"and now is in {ROOT} ({error})"
        else:
            raise RuntimeError(f"a kernel in {folder} could not import the course: {error}")
        command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "-e", str(ROOT)]
        raise RuntimeError(f"{where}. Run: {shlex.join(command)}")
    if not picture and backend:
        raise RuntimeError(f"MPLBACKEND: found {backend!r}, with which a notebook shows no figure. Unset the variable.")
    if not picture:
        raise RuntimeError(f"a notebook shows no figure ({error or 'and no error'}). Install the packages again.")
    return f"imports the course from {ROOT}, and shows a figure"


def _installed_in():
    """Return the folder that pip noted when it installed the course."""
    for found in importlib.metadata.distributions(name="course-utils"):
        if text := found.read_text("direct_url.json"):
            return urllib.request.url2pathname(urllib.parse.urlparse(json.loads(text)["url"]).path)
    return "no known folder"


KERNEL_CODE = """
import sys; print(sys.prefix)
import course_utils; print(course_utils.__file__)
import matplotlib.pyplot as plt; plt.plot([0, 1]); plt.show()
"""
TASKS = {
    "translate": ("engines and a translation", _translate),
    "name": ("a photograph named", _name_photograph),
    "write": ("a second of speech written", _write_speech),
    "kernel": ("a notebook's kernel", _use_kernel),
}
JOBS = {title: ("-m", "course_utils.install_check", task) for task, (title, _) in TASKS.items()}


if __name__ == "__main__":
    if sys.argv[1] != "kernel":
        os.environ.pop("MPLBACKEND", None)  # a bad one is the kernel's matter: one cause, one line
    try:
        print(TASKS[sys.argv[1]][1]())
    except Exception as error:
        kind = "" if isinstance(error, RuntimeError) else f"{type(error).__name__}: "  # the course's own need no kind
        print(kind + " ".join(str(error).split()))
        sys.exit(1)
