"""The numerical engines: order, threads, silence, and the error where Keras runs on another backend."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from course_utils import runtime
from course_utils.notebooks import ROOT, list_notebooks, read_notebook
from course_utils.runtime import CORES, load_keras, load_torch, load_transformers


def run_python(code, **environment):
    """Run code in a fresh interpreter, without the variables that conftest.py sets."""
    unset = ("COURSE_PROFILE", "HF_HUB_OFFLINE", "KERAS_BACKEND", "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")
    unset += ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL", "TOKENIZERS_PARALLELISM")
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env={**kept, "PYTHONPATH": str(ROOT), **environment})


REPORT = """
import json, os, sys
from course_utils.runtime import load_transformers
transformers = load_transformers()
import huggingface_hub, keras, tensorflow, torch, triton
order = [name for name in sys.modules if name in ("triton", "tensorflow", "torch", "transformers")]
settings = tensorflow.config.threading
print(json.dumps({
    "order": order,
    "backend": keras.backend.backend(),
    "threads": [
        settings.get_intra_op_parallelism_threads(),
        settings.get_inter_op_parallelism_threads(),
        torch.get_num_threads(),
    ],
    "offline": [os.environ["HF_HUB_OFFLINE"], huggingface_hub.is_offline_mode()],
    "waiting": os.environ["OMP_WAIT_POLICY"],
    "gpu": torch.cuda.is_available(),
    "quiet": transformers.logging.get_verbosity() == transformers.logging.ERROR,
    "sum": int(keras.ops.sum([1, 2])),
}))
"""


@pytest.mark.parametrize(("asked", "threads"), [({}, {1}), ({"OPENBLAS_NUM_THREADS": "2"}, {min(2, CORES)})])
def test_numpy_and_scipy_take_one_thread_unless_asked(asked, threads):
    code = "import numpy, course_utils, scipy.linalg\nfrom threadpoolctl import threadpool_info\n"
    code += "print({pool['num_threads'] for pool in threadpool_info() if pool['internal_api'] == 'openblas'})"
    result = run_python(code, **asked)
    assert (result.stdout.strip(), result.stderr) == (str(threads), "")


def test_a_failed_import_is_not_quiet():
    code = """
import importlib, os
from course_utils import runtime
def fails(name, load=importlib.import_module):
    if name != "tensorflow":
        return load(name)
    os.write(2, b"native reason")
    raise ImportError(name)
importlib.import_module = fails
runtime.load_keras()
"""
    result = run_python(code)
    assert result.returncode == 1 and "native reason" in result.stderr and "ImportError: tensorflow" in result.stderr


@pytest.mark.parametrize(("asked", "threads"), [("1", 1), ("2", min(2, CORES)), ("junk", min(2, CORES))])
def test_who_asks_for_one_thread_gets_one(asked, threads):
    result = run_python("from course_utils.runtime import THREADS; print(THREADS)", OMP_NUM_THREADS=asked)
    assert (result.stdout.strip(), result.stderr) == (str(threads), "")


def test_each_returns_its_module_again():
    assert load_keras() is sys.modules["keras"] and load_keras() is load_keras()
    assert load_torch() is sys.modules["torch"]
    assert load_transformers() is sys.modules["transformers"]


def test_threads_that_a_person_has_set_are_kept():
    torch = load_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert load_torch().get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_the_first_who_loads_torch_sets_its_threads(monkeypatch):
    asked = []
    stand_in = SimpleNamespace(set_num_threads=asked.append)
    monkeypatch.setattr(runtime, "load_keras", lambda: None)
    monkeypatch.setattr(runtime.importlib, "import_module", lambda name: sys.modules.setdefault(name, stand_in))
    monkeypatch.setitem(sys.modules, "torch", stand_in)
    monkeypatch.delitem(sys.modules, "torch")  # as before its first import, whatever ran in this process
    load_torch(threads=1), load_torch(threads=2)
    assert asked == [1]


ASK_FOR_TORCH = """
import sys
from course_utils.runtime import load_torch
try:
    load_torch()
except RuntimeError as error:
    print(error, "tensorflow" in sys.modules, "keras" in sys.modules)
"""


@pytest.mark.parametrize("backend", ["torch", "jax", "no such backend"])
def test_another_backend_is_refused_before_anything_is_loaded(backend):
    result = run_python(ASK_FOR_TORCH, KERAS_BACKEND=backend)
    assert result.returncode == 0, result.stderr
    assert f"KERAS_BACKEND: found '{backend}', expected 'tensorflow'. Restart the kernel" in result.stdout
    assert result.stdout.rstrip().endswith("False False")


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert load_keras().backend.backend() == "tensorflow"


def test_the_loaded_backend_goes_before_the_variable(monkeypatch):
    load_keras()
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: "jax")))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with pytest.raises(RuntimeError, match="KERAS_BACKEND: found 'jax', expected 'tensorflow'. Restart the kernel"):
        load_keras()


def test_torch_does_without_tensorflow(monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(runtime, "load_keras", lambda: pytest.fail("asked for Keras"))
    assert load_torch() is sys.modules["torch"]


def test_the_full_profile_leaves_the_hub_on(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    load_transformers()
    assert "HF_HUB_OFFLINE" not in os.environ


def test_unknown_profile(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    with pytest.raises(ValueError, match="COURSE_PROFILE"):
        load_transformers()


STAND_IN = """import os, sys
if "tensorflow" in sys.modules:
    os.abort()  # as the real one ends the process
"""
TOO_LATE = """
import tensorflow
from course_utils.runtime import load_torch
load_torch()
"""


@pytest.fixture
def triton(tmp_path):
    """Return a PYTHONPATH on which a stand-in for triton lies, so that the order needs no torch of several GB."""
    (tmp_path / "triton").mkdir()
    (tmp_path / "triton" / "__init__.py").write_text(STAND_IN, encoding="utf-8")
    return os.pathsep.join([str(tmp_path), str(ROOT)])


def test_a_fresh_process_loads_in_order_with_few_threads_and_quietly(triton):
    result = run_python(REPORT, PYTHONPATH=triton)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "order": ["triton", "tensorflow", "torch", "transformers"],
        "backend": "tensorflow",
        "threads": [min(2, CORES)] * 3,
        "offline": ["1", True],
        "quiet": True,
        "waiting": "passive",
        "gpu": False,
        "sum": 3,
    }
    assert result.stderr == ""


def test_triton_that_would_come_late_is_an_error_and_no_crash(triton, tmp_path):
    (tmp_path / "tensorflow.py").touch()
    result = run_python(TOO_LATE, PYTHONPATH=triton)
    assert result.returncode == 1
    assert "RuntimeError: tensorflow was imported before triton" in result.stderr


SCRIPTS = [path for folder in ("course_utils", "benchmarks", "experiments") for path in ROOT.glob(f"{folder}/**/*.py")]
ENGINES = r"^\s*(?:import|from)\s+(?:tensorflow|keras|torch|triton|transformers|captum)\b"


def code_of(path):
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    return "\n".join(cell.source for cell in read_notebook(path).cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", [*list_notebooks(), *SCRIPTS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_loads_an_engine_by_another_door(path):
    """Each file loads the course's package, which settles the threads, and TensorFlow's order, before an engine."""
    code = code_of(path)
    for found in re.finditer(ENGINES, code, re.MULTILINE):
        assert re.search(r"^\s*(?:import|from) course_utils\b", code[: found.start()], re.MULTILINE), found.group()
        if found.group().split()[1] == "tensorflow":
            assert re.search(r"load_(?:keras|torch|transformers)\(", code[: found.start()]), found.group()
