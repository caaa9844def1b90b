"""Try the classroom for real on this machine: seats that run chapter 4, and what must not go wrong with them.

    sudo .venv/bin/python docs/classroom/try_classroom.py [--seats 8] [--cells 20] [--port 18000]

Makes accounts named course-try-1, …, starts the hub of `jupyterhub_config.py` on 127.0.0.1, logs in as each of them,
and runs the first code cells of chapter 4 in every seat at the same time. Then it crosses the limits: a kernel that
wants too much memory, a learner who looks into another's files, a seat killed, the hub restarted, a seat left alone.
Removes what it made, and exits with 0 when all went well.
"""

import argparse
import contextlib
import grp
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import requests
import websocket

COURSE = Path(__file__).resolve().parents[2]
CONFIG = Path(__file__).resolve().with_name("jupyterhub_config.py")
NOTEBOOK = "04_best_practice.ipynb"
CELL_SECONDS = 600
ALL_SECONDS = 1800

LOOK_AROUND = """
import os, signal
from pathlib import Path
def refused(name, action):
    try:
        action()
    except PermissionError:
        print("refused:", name)
    else:
        print("ALLOWED:", name)
def search_for_keys():
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.stat().st_uid == {uid}:
                return (path / "environ").read_bytes()
        except FileNotFoundError:
            pass
other = Path("{home}")
refused("list the other's work", lambda: os.listdir(other / "work"))
refused("read the other's notebook", (other / "work" / "{notebook}").read_bytes)
refused("write to the other's home", (other / "x").touch)
refused("list where the other's kernels listen", lambda: os.listdir(other / ".local/share/jupyter/runtime"))
refused("read the other's token", search_for_keys)
refused("end the other's seat", lambda: os.kill({pid}, signal.SIGTERM))
refused("read the hub's keys", Path("{state}", "jupyterhub_cookie_secret").read_bytes)
refused("change the course", Path("{course}", "course_utils", "x.py").touch)
refused("change the packages", Path("{prefix}", "lib", "x.py").touch)
"""


IMPATIENT = """
c = get_config()
load_subconfig({config!r})
c.Spawner.args = [argument for argument in c.Spawner.args if ".cull_i" not in argument]
c.Spawner.args += ["--MappingKernelManager.cull_idle_timeout=20", "--MappingKernelManager.cull_interval=5"]
c.JupyterHub.services[0]["command"][-1] = "--timeout=60"
"""


class Problem(RuntimeError):
    """Say what did not go as promised."""


def expect(condition, text):
    """Print that `text` holds, or stop."""
    if not condition:
        raise Problem(f"not so: {text}")
    print(f"✔ {text}", flush=True)


def wait_for(condition, seconds, text):
    """Return what `condition` returns, once that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise Problem(f"{text}: not within {seconds} s")
        time.sleep(0.5)
    return found


class Hub:
    """The hub and its proxy, started in a folder for their state."""

    def __init__(self, state, port):
        self.state, self.url, self.process = state, f"http://127.0.0.1:{port}", None
        self.log = (state / "hub.log").open("ab")
        self.command = [sys.executable, "-m", "jupyterhub", f"--JupyterHub.bind_url={self.url}"]
        self.command += [f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{port + 1}"]
        self.command += [f"--JupyterHub.hub_bind_url=http://127.0.0.1:{port + 2}"]

    def start(self, config=CONFIG):
        command = [*self.command, "-f", str(config)]
        self.process = subprocess.Popen(command, cwd=self.state, stdout=self.log, stderr=self.log)
        wait_for(self.answers, 120, "the hub answers")

    def answers(self):
        if self.process.poll() is not None:
            raise Problem(f"the hub ended with {self.process.returncode}")
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            return requests.get(f"{self.url}/hub/health", timeout=30).ok

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def stop_all(self):
        if self.process:
            self.stop()
        proxy = self.state / "jupyterhub-proxy.pid"
        if proxy.exists():
            psutil.Process(int(proxy.read_text())).terminate()

    def processes(self):
        """Return the processes of the hub, its services and its proxy."""
        found = [psutil.Process(self.process.pid)]
        return found + [child for child in found[0].children(recursive=True) if child.uids().real == 0]


class Seat:
    """One learner with an account of this machine, a login and a kernel."""

    def __init__(self, name, hub):
        self.name, self.hub, self.password = name, hub, secrets.token_urlsafe(12)
        subprocess.run(["useradd", "--create-home", "--groups", "learners", name], check=True)
        subprocess.run(["chpasswd"], input=f"{name}:{self.password}", text=True, check=True)
        account = pwd.getpwnam(name)
        self.uid, self.home = account.pw_uid, account.pw_dir

    def log_in(self):
        """Log in through the form, as a browser does, and take a token for the rest."""
        browser = requests.Session()
        browser.get(f"{self.hub.url}/hub/login", timeout=30)
        form = {"username": self.name, "password": self.password, "_xsrf": browser.cookies["_xsrf"]}
        browser.post(f"{self.hub.url}/hub/login", data=form, timeout=60).raise_for_status()
        answer = browser.post(
            f"{self.hub.url}/hub/api/users/{self.name}/tokens",
            headers={"X-XSRFToken": browser.cookies["_xsrf"], "Referer": f"{self.hub.url}/hub/token"},
            timeout=30,
        )
        answer.raise_for_status()
        self.token = answer.json()["token"]

    def request(self, method, path, **options):
        headers = {"Authorization": f"token {self.token}"}
        return requests.request(method, self.hub.url + path, headers=headers, timeout=60, **options)

    def state(self):
        """Return what the hub knows about the seat: None where it does not run."""
        return self.request("GET", f"/hub/api/users/{self.name}").json()["servers"].get("")

    def start(self):
        self.request("POST", f"/hub/api/users/{self.name}/server").raise_for_status()
        wait_for(lambda: (self.state() or {}).get("ready"), 300, f"{self.name} has a seat")

    def open(self, notebook=NOTEBOOK):
        """Start a kernel for the notebook, as JupyterLab does."""
        body = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
        answer = self.request("POST", f"/user/{self.name}/api/sessions", json=body)
        answer.raise_for_status()
        self.kernel = answer.json()["kernel"]["id"]
        self.connect()

    def connect(self):
        address = f"{self.hub.url.replace('http', 'ws', 1)}/user/{self.name}/api/kernels/{self.kernel}/channels"
        headers = [f"Authorization: token {self.token}"]
        self.socket = websocket.create_connection(address, header=headers, timeout=CELL_SECONDS)

    def run(self, source):
        """Run `source` in the kernel and return (status, what it printed or the error)."""
        message = uuid.uuid4().hex
        content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        header = {
            "msg_id": message,
            "msg_type": "execute_request",
            "username": "",
            "session": message,
            "version": "5.3",
        }
        self.socket.send(
            json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
        )
        status, idle, text = None, False, []
        while status is None or not idle:
            answer = json.loads(self.socket.recv())
            kind, content = answer["header"]["msg_type"], answer["content"]
            if kind == "status" and content["execution_state"] in ("restarting", "dead"):
                return "dead", ""
            if answer["parent_header"].get("msg_id") != message:
                continue
            if kind == "execute_reply":
                status = content["status"]
            elif kind == "status":
                idle = content["execution_state"] == "idle"
            elif kind == "stream":
                text.append(content["text"])
            elif kind == "error":
                text.append(f"{content['ename']}: {content['evalue']}")
        return status, "".join(text)

    def processes(self):
        return [process for process in psutil.process_iter() if _uid(process) == self.uid]

    def server_pid(self):
        (pid,) = [one.pid for one in self.processes() if "jupyterhub.singleuser" in " ".join(one.cmdline())]
        return pid

    def remove(self):
        for process in self.processes():
            process.kill()
        wait_for(lambda: not self.processes(), 30, f"{self.name}'s processes end")
        subprocess.run(["userdel", "--remove", self.name], check=True, stderr=subprocess.DEVNULL)


def _uid(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.uids().real


def pss(processes):
    """Return the memory of `processes` in GB (10^9 bytes), shared pages divided among those that share them."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / 1e9


class Watch:
    """Sample the memory of the hub and of each seat: the peaks, in GB."""

    def __init__(self, hub, seats):
        self.hub, self.seats = hub, seats
        self.peak_hub, self.peak_all, self.peak = 0, 0, dict.fromkeys(seats, 0)

    def __enter__(self):
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _sample(self):
        while not self._stop.wait(1):
            of_hub = pss(self.hub.processes())
            now = {seat: pss(seat.processes()) for seat in self.seats}
            self.peak_hub = max(self.peak_hub, of_hub)
            self.peak_all = max(self.peak_all, of_hub + sum(now.values()))
            self.peak = {seat: max(self.peak[seat], now[seat]) for seat in self.seats}


def first_cells(count):
    """Return the source of the first `count` code cells of the chapter."""
    cells = json.loads((COURSE / "notebooks" / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"][:count]


def run_chapter(seat, cells):
    """Run the cells in a new kernel; return the seconds that passed, and the processor's seconds that they took."""
    start = time.perf_counter()
    seat.open()
    for number, source in enumerate(cells, start=1):
        status, text = seat.run(source)
        if status != "ok":
            raise Problem(f"{seat.name}, code cell {number} of chapter 4: {status} {text[-300:]}")
    busy = [process.cpu_times() for process in seat.processes() if "ipykernel_launcher" in " ".join(process.cmdline())]
    return time.perf_counter() - start, sum(times.user + times.system for times in busy)


def try_memory(seat, others):
    """Ask for more memory than a kernel may have: with Python, then with TensorFlow."""
    status, text = seat.run("block = bytearray(8 * 2**30)")
    expect(status == "error" and "MemoryError" in text, f"a kernel that asks for 8 GB is told: {text.strip()!r}")
    expect(seat.run("print(1 + 1)") == ("ok", "2\n"), "and its variables are still there")
    status, text = seat.run("import tensorflow; tensorflow.ones((2, 2**30)) + 1")
    expect(status != "ok", f"with TensorFlow: {status} {text.strip()[:90]}")
    expect(all(one.run("print(x)") == ("ok", f"{one.name}\n") for one in others), "nobody else notices")


def try_files(seat, other, state):
    """Let one learner try what only another, or root, may do."""
    source = LOOK_AROUND.format(
        uid=other.uid,
        home=other.home,
        pid=other.server_pid(),
        state=state,
        course=COURSE,
        prefix=sys.prefix,
        notebook=NOTEBOOK,
    )
    status, text = seat.run(source)
    print("  " + text.strip().replace("\n", "\n  "))
    expect(status == "ok" and "ALLOWED" not in text, "a learner can neither read nor change what is another's")
    answer = seat.request("GET", f"/user/{other.name}/api/contents")
    expect(answer.status_code in (403, 404), f"nor through the hub (status {answer.status_code})")
    mode = Path(other.home, "work").stat().st_mode & 0o777
    expect(mode == 0o700, f"work/ is for its owner alone ({mode:o})")


def try_kill(seat, others):
    """End a seat the hard way, and start it again."""
    os.kill(seat.server_pid(), signal.SIGKILL)
    wait_for(lambda: not seat.processes(), 60, "the kernels of a killed seat end")
    wait_for(lambda: seat.state() is None, 120, "the hub notices that a seat was killed")
    seat.start()
    seat.open()
    expect(seat.run("print('again')") == ("ok", "again\n"), "a seat that was killed starts again")
    expect(all(one.run("print(x)") == ("ok", f"{one.name}\n") for one in others), "the others went on")


def try_restart(hub, seats):
    """Stop the hub and start it again, with kernels running."""
    hub.stop()
    expect(all(one.run("print(x)") == ("ok", f"{one.name}\n") for one in seats), "kernels work while the hub is down")
    hub.start()
    for one in seats:
        one.connect()
    expect(all(one.run("print(x)") == ("ok", f"{one.name}\n") for one in seats), "and after its restart")
    expect(all(one.state()["ready"] for one in seats), "the hub knows their seats")


def try_idle(hub, seat):
    """Restart the hub with less patience, and wait until a kernel and its seat are ended for doing nothing."""
    hub.stop()
    impatient = hub.state / "impatient_config.py"
    impatient.write_text(IMPATIENT.format(config=str(CONFIG)), encoding="utf-8")
    hub.start(impatient)
    seat.request("DELETE", f"/hub/api/users/{seat.name}/server").raise_for_status()
    wait_for(lambda: seat.state() is None, 60, "a seat ends when its learner stops it")
    seat.start()
    seat.open()
    seat.run("1")  # a kernel that has not answered yet counts as busy
    path = f"/user/{seat.name}/api/kernels/{seat.kernel}"
    wait_for(lambda: seat.request("GET", path).status_code == 404, 90, "an idle kernel ends, its tab open")
    expect(seat.state() is not None, "an idle kernel ends, also where its tab is open")
    wait_for(lambda: seat.state() is None, 180, "an idle seat ends")
    expect(not seat.processes(), "then the idle seat")


def check_environment(names):
    """Refuse to begin where the classroom cannot work, with what to do."""
    if os.geteuid() != 0:
        raise Problem("only root may make accounts: start this with sudo.")
    for known in {account.pw_name for account in pwd.getpwall()} & set(names):
        raise Problem(f"there is an account {known}. If no other run uses it: userdel --remove {known}")
    if importlib.util.find_spec("jupyterhub") is None:
        raise Problem(f"no JupyterHub: {sys.executable} -m pip install -r docs/classroom/requirements.txt")
    if shutil.which("configurable-http-proxy") is None:
        raise Problem("no configurable-http-proxy on the PATH: npm install --global configurable-http-proxy@5.3.0")
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    code = f"import course_utils, sys; sys.exit(sys.base_prefix != {sys.base_prefix!r})"
    command = [*as_nobody, sys.executable, "-c", code]
    if subprocess.run(command, cwd="/", capture_output=True).returncode:
        raise Problem(
            f"other accounts cannot run {sys.executable} (or what it links to: {Path(sys.executable).resolve()}). "
            "Put the course into /srv, and make its .venv with a Python that everybody may run, say /usr/bin/python3."
        )


def try_classroom(hub, seats, cells):
    """Run all that this script tries, and print what it found."""
    hub.start()
    with ThreadPoolExecutor(len(seats)) as pool, Watch(hub, seats) as watch:
        list(pool.map(Seat.log_in, seats))
        start = time.perf_counter()
        list(pool.map(Seat.start, seats))
        print(f"✔ {len(seats)} seats started in {time.perf_counter() - start:.0f} s", flush=True)
        seconds, busy = zip(*pool.map(lambda seat: run_chapter(seat, cells), seats), strict=True)
    peaks = sorted(watch.peak.values())
    print(f"✔ each ran the first {len(cells)} code cells of chapter 4 on {len(os.sched_getaffinity(0))} cores")
    print(f"  seconds a seat: {min(seconds):.0f} to {max(seconds):.0f}, median {statistics.median(seconds):.0f}")
    print(f"  of these the processor worked {min(busy):.0f} to {max(busy):.0f}, median {statistics.median(busy):.0f}")
    print(f"  peak memory (PSS): {peaks[0]:.2f} to {peaks[-1]:.2f} GB a seat, hub and proxy {watch.peak_hub:.2f} GB")
    print(f"  peak of all together: {watch.peak_all:.2f} GB")
    for seat in seats:
        seat.run(f"x = {seat.name!r}")
    if len(seats) > 1:
        seat, *others = seats
        try_files(seat, others[0], hub.state)
        try_memory(seat, others)
        try_kill(seat, others)
        try_restart(hub, others)
        try_idle(hub, seat)


def stop(number, _):
    """Stop in order, so that what was made is removed."""
    raise Problem(f"not done within {ALL_SECONDS} s" if number == signal.SIGALRM else "stopped from outside")


def main():
    """Make the accounts, try the classroom, and remove the accounts again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seats", type=int, default=8)
    parser.add_argument("--cells", type=int, default=20, help="how many code cells of chapter 4 each seat runs")
    parser.add_argument("--port", type=int, default=18000, help="this port and the next two are used, on 127.0.0.1")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.alarm(ALL_SECONDS)
    try:
        names = [f"course-try-{number}" for number in range(1, options.seats + 1)]
        check_environment(names)
        with contextlib.ExitStack() as cleanup:
            state = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="classroom-")))
            for group in {"learners", "instructors"} - {known.gr_name for known in grp.getgrall()}:
                subprocess.run(["groupadd", group], check=True)
                cleanup.callback(subprocess.run, ["groupdel", group], check=True)
            hub, seats = Hub(state, options.port), []
            for name in names:
                seats.append(Seat(name, hub))
                cleanup.callback(seats[-1].remove)
            cleanup.callback(hub.stop_all)
            try:
                try_classroom(hub, seats, first_cells(options.cells))
            except BaseException:
                print("\n".join((state / "hub.log").read_text(errors="replace").splitlines()[-30:]), file=sys.stderr)
                raise
    except Problem as problem:
        print(f"✘ {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
