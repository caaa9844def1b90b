"""A real browser for the tests: Chromium (or Chrome, or Edge), driven by Playwright, without a network.

Screenshots lie in build/browser.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from find_browser import find_browser

from course_utils.notebooks import ROOT

SHOTS = ROOT / "build" / "browser"
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-quic", "--disable-sync")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Let a skipped test fail where CI is set: there a browser and the packages must be installed."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def browser():
    """Start the browser, or skip with a reason."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: see requirements-site.txt"
    )
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium, Chrome or Edge was found: install one, or name it in COURSE_BROWSER")
    sandbox = [] if os.name == "nt" or os.geteuid() else ["--no-sandbox"]  # Chromium has no sandbox for root
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Return a function that opens a page of a size and a colour scheme, where requests to other hosts are refused.

    What was asked of other hosts is in the page's `refused`, what went wrong in its scripts in `script_errors`.
    """
    contexts = []

    def open_page(width=1280, height=900, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.refused, page.script_errors = [], []

        def only_here(route):
            url = route.request.url
            if url.startswith(("file:", "http://127.0.0.1:", "data:", "blob:")):
                route.continue_()
            else:
                page.refused.append(url)
                route.abort()

        page.route("**/*", only_here)
        page.on("pageerror", lambda error: page.script_errors.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def shot():
    """Return a function that keeps a screenshot of a page under a name in build/browser."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def shot(page, name):
        page.screenshot(path=SHOTS / f"{name}.png")

    return shot


@pytest.fixture(scope="session")
def lab():
    """Start JupyterLab as `make lab` does, in copies under build/browser; return (address, token)."""
    folder = SHOTS / "work"
    shutil.rmtree(folder, ignore_errors=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    arguments = ["--no-browser", f"--ServerApp.port={port}", f"--IdentityProvider.token={token}"]
    arguments += ["--LabApp.expose_app_in_browser=True"]
    arguments += [] if os.name == "nt" or os.geteuid() else ["--allow-root"]
    name = folder.relative_to(ROOT).as_posix()
    code = f"from course_utils.lab import open_lab; open_lab(arguments={arguments!r}, destination={name!r})"
    learner = {name: value for name, value in os.environ.items() if name != "COURSE_PROGRESS"}
    SHOTS.mkdir(parents=True, exist_ok=True)
    with open(SHOTS / "jupyterlab.log", "wb") as log:
        server = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=learner, stdout=log, stderr=log)
        try:
            _wait_until_it_answers(f"http://127.0.0.1:{port}/api?token={token}", server)
            yield f"http://127.0.0.1:{port}/lab/tree", token
        finally:
            request = urllib.request.Request(f"http://127.0.0.1:{port}/api/shutdown?token={token}", method="POST")
            with urllib.request.urlopen(request):
                server.wait(timeout=60)


def _wait_until_it_answers(address, server):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, f"JupyterLab ended with {server.returncode}: see build/browser/jupyterlab.log"
        try:
            with urllib.request.urlopen(address):
                return
        except urllib.error.URLError:
            time.sleep(0.3)
    raise AssertionError("JupyterLab did not answer within two minutes: see build/browser/jupyterlab.log")
