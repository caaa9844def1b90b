"""The classroom: what its configuration promises, what a seat starts with, and a real hub where JupyterHub is there."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from traitlets.config.loader import PyFileConfigLoader

from course_utils.notebooks import NOTEBOOKS, ROOT
from course_utils.start_page import START

FOLDER = ROOT / "docs" / "classroom"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
linux = pytest.mark.skipif(sys.platform != "linux", reason="the classroom is for a Linux server")


@pytest.fixture(scope="module")
def config():
    return PyFileConfigLoader("jupyterhub_config.py", path=str(FOLDER)).load_config()


ENDING = """import json, os, resource, sys
soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
bytearray(soft // 2)
try:
    bytearray(soft)
    error = None
except MemoryError:
    error = "MemoryError"
print(json.dumps(dict(arguments=sys.argv[1:], mask=os.umask(0), soft=soft, hard=hard, error=error)))
"""


@pytest.fixture(scope="module")
def seat(config, tmp_path_factory):
    """Start a seat, with the code above in the place of JupyterHub's server; return its home and what it printed."""
    home = tmp_path_factory.mktemp("home")
    shell, option, script, *rest = config.Spawner.cmd
    assert script.count("-m jupyterhub.singleuser") == 1
    command = [shell, option, script.replace("-m jupyterhub.singleuser", f"-c '{ENDING}'"), *rest, "--port=1"]
    environment = {**os.environ, **config.Spawner.environment, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return home, json.loads(result.stdout)


@linux
def test_only_accounts_of_the_class_get_in_and_only_from_this_machine(config):
    assert config.JupyterHub.authenticator_class == "pam"
    assert config.PAMAuthenticator.allowed_groups == {"learners", "instructors"}
    assert "allow_all" not in config.Authenticator and "allow_all" not in config.PAMAuthenticator
    assert config.JupyterHub.bind_url.startswith("http://127.0.0.1:")
    assert config.JupyterHub.spawner_class == "localprocess", "the simple spawner separates nobody"
    assert "--KernelManager.transport=ipc" in config.Spawner.args


@linux
def test_idle_kernels_and_seats_end_and_a_restart_of_the_hub_ends_none(config):
    options = dict(argument.lstrip("-").split("=") for argument in config.Spawner.args)
    assert 0 < int(options["MappingKernelManager.cull_idle_timeout"]) <= 3600
    assert options["MappingKernelManager.cull_connected"] == "True"
    (culler,) = config.JupyterHub.services
    assert culler["command"][1:3] == ["-m", "jupyterhub_idle_culler"]
    (role,) = config.JupyterHub.load_roles
    assert role["services"] == [culler["name"]] and "delete:servers" in role["scopes"]
    assert config.JupyterHub.cleanup_servers is False and config.JupyterHub.cleanup_proxy is False


@linux
def test_the_server_takes_no_more_seats_than_its_memory_holds(config):
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert config.JupyterHub.active_server_limit * 1.3e9 < memory


@linux
def test_a_seat_has_copies_that_only_its_learner_can_read_and_the_hubs_arguments(config, seat):
    home, printed = seat
    assert printed["arguments"] == ["--port=1"] and printed["mask"] == 0o077
    assert (home / "work").stat().st_mode & 0o777 == 0o700
    assert config.Spawner.notebook_dir == "~/work"
    opened = config.Spawner.default_url.rsplit("/", 1)[1]
    assert opened == START or (NOTEBOOKS / opened).is_file()
    cells = json.loads((home / "work" / opened).read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)


@linux
def test_a_seat_that_wants_too_much_memory_gets_an_error_and_cannot_lift_its_limit(seat):
    _, printed = seat
    assert printed["error"] == "MemoryError"
    assert printed["soft"] == printed["hard"] > 2.4e9, "a chapter takes up to 2.4 GB"


@linux
def test_what_the_configuration_names_exists(config):
    assert (ROOT / "course_utils" / "files").samefile(config.Spawner.environment["JUPYTER_CONFIG_PATH"])


def test_requirements_are_pinned_and_leave_the_courses_own_pins_alone():
    def names(path):
        lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
        pins = [line for line in lines if line and not line.startswith("-")]
        assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin)] == []
        return {re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in pins}

    added = names(FOLDER / "requirements.txt")
    assert {"jupyterhub", "jupyterhub-idle-culler"} <= added
    assert not added & names(ROOT / "constraints.txt")
    assert "-c ../../constraints.txt" in (FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()


def test_the_guide_names_files_that_exist():
    for name in re.findall(r"docs/classroom/([\w.]+)", README):
        assert (FOLDER / name).is_file(), name


@pytest.mark.skipif(importlib.util.find_spec("jupyterhub") is None, reason="JupyterHub is not installed")
@pytest.mark.skipif(shutil.which("configurable-http-proxy") is None, reason="no configurable-http-proxy on the PATH")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may make accounts")
def test_a_real_hub_keeps_its_promises():
    command = [sys.executable, FOLDER / "try_classroom.py", "--seats", "2", "--cells", "2"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
