"""Rules on the project's files: what is pinned, what is imported, and what no file may hold."""

import ast
import os
import re
import subprocess
import sys

import pytest

from course_utils.notebooks import ROOT, find_machine_paths

MODULES = sorted((ROOT / "course_utils").glob("*.py"))
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
    defines_keras_layers = {"t5"}
    names = [path.stem for path in MODULES if not path.stem.startswith("__") and path.stem not in defines_keras_layers]
    assert not imported_after("\n".join(f"import course_utils.{name}" for name in names)) & {*HEAVY}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_module_has_docstrings_and_names_what_is_public(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if path.stem == "__main__":
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


def test_no_tracked_file_holds_a_path_of_one_machine_or_a_registry_host():
    problems = []
    for name, text in tracked_texts():
        problems += [f"{name}: {path}" for path in find_machine_paths(text)]
        problems += [f"{name}: {match.group()}" for match in REGISTRY_HOST.finditer(text)]
    assert problems == []


def test_ci_run_is_executable_and_runs_the_documented_commands():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").rstrip().endswith("\nmake test\nmake test-browser")
