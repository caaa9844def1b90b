"""JupyterHub for the course on one Linux server; README.md beside this file says how to install and start it."""

import os
import sys
from pathlib import Path

GB = 2**30
COURSE = Path(__file__).resolve().parents[2]
SERVER_GB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB

# What you may want to change ------------------------------------------------------------------------------------------

ADDRESS = "http://127.0.0.1:8000"  # this machine only; README.md, "Open it to the room"
SEATS = int((SERVER_GB - 2) / 2)  # measured: 0.8 GB a seat in chapter 4, 1.9 in chapters 6 and 7
KERNEL_GB = 3  # what one kernel may ask for; measured: chapters ask for up to 2.3
IDLE_KERNEL_MINUTES = 60  # a kernel that runs nothing for so long is ended, and its memory is free again
IDLE_SEAT_MINUTES = 120  # then the whole seat; the files stay

# Who: the accounts of this server in the group `learners` or `instructors`, each with its own password ----------------

c = get_config()  # noqa: F821
c.JupyterHub.authenticator_class = "pam"
c.PAMAuthenticator.allowed_groups = {"learners", "instructors"}
c.PAMAuthenticator.admin_groups = {"instructors"}  # may start and stop seats at /hub/admin

# A seat: a process of the learner's account, in the learner's own work/ -----------------------------------------------

# The learner's account runs this, not root, so that no link in a home can lead root astray. The kernel of the operating
# system holds the limit: whoever asks for more gets a MemoryError, and nobody else notices.
START = f"""
umask 077
ulimit -d {KERNEL_GB * GB // 1024}
{sys.executable} -m course_utils prepare
{sys.executable} -m course_utils copy ~/work > /dev/null
exec {sys.executable} -m jupyterhub.singleuser "$@"
"""
c.JupyterHub.spawner_class = "localprocess"
c.Spawner.cmd = ["/bin/sh", "-c", START, "seat"]
c.Spawner.notebook_dir = "~/work"
c.Spawner.default_url = "/lab/tree/00_start.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 300  # a whole room starts at once
c.Spawner.environment = {
    "JUPYTER_CONFIG_PATH": str(COURSE / "course_utils" / "files"),
    "JUPYTER_PREFER_ENV_PATH": "1",
    "OMP_NUM_THREADS": "1",  # of NumPy and of each engine: the cores are for all seats
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
c.Spawner.args = [
    "--KernelManager.transport=ipc",  # others could read a kernel's output at a TCP port
    f"--MappingKernelManager.cull_idle_timeout={60 * IDLE_KERNEL_MINUTES}",
    "--MappingKernelManager.cull_interval=60",
    "--MappingKernelManager.cull_connected=True",  # also where its tab is still open
]

# The hub --------------------------------------------------------------------------------------------------------------

c.JupyterHub.bind_url = ADDRESS
c.JupyterHub.active_server_limit = SEATS
c.JupyterHub.cleanup_servers = False  # the hub may be restarted: seats and kernels go on
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={60 * IDLE_SEAT_MINUTES}"],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
