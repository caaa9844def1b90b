"""Fetch a file into Keras's cache and check it; without a network, raise one clear error within seconds."""

import hashlib
import os
import socket
import tempfile
import threading
import urllib.request
from pathlib import Path

from course_utils.runtime import load_keras

__all__ = ["CONNECT_SECONDS", "READ_SECONDS", "ask_within", "check_hash", "fetch"]

CONNECT_SECONDS, READ_SECONDS = 10, 30


def fetch(name, url, subfolder, file_hash, size, offline_alternative, error_class):
    """Return a URL's file from Keras's cache (KERAS_HOME, or ~/.keras), fetching it first where it is missing.

    Parameters
    ----------
    name, size : str
        What the file holds and how large it is, for the error's text.
    url, subfolder : str
        Where it is fetched from, and the cache's subfolder that it goes to, under the name that ends the URL.
    file_hash : str
        MD5 (32 hexadecimal digits) or SHA-256 (64).
    offline_alternative : str
        Sentence that tells what to do without a network.
    error_class : type
        Exception to raise.

    Returns
    -------
    Path
        The file; its checksum holds.

    Raises
    ------
    error_class
        When the host does not answer within `CONNECT_SECONDS`, falls silent for `READ_SECONDS`, or the checksum is
        wrong. The file gets its name when it is whole and its checksum holds, so that no half file can have it.
    """
    cache = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    file = cache / subfolder / url.rsplit("/", 1)[-1]
    if file.is_file():
        check_hash(name, file, file_hash, offline_alternative, error_class)
    else:
        timeout = socket.getdefaulttimeout()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            ask_within(CONNECT_SECONDS, lambda: _ask_for_header(url))
            socket.setdefaulttimeout(READ_SECONDS)
            get_file = load_keras().utils.get_file
            with tempfile.TemporaryDirectory(dir=file.parent, ignore_cleanup_errors=True) as aside:
                os.replace(get_file(file.name, url, cache_dir=aside, cache_subdir="", file_hash=file_hash), file)
        except Exception as error:
            raise error_class(
                f"{name}: its file ({size}) could not be fetched from {url} into {file.parent}: "
                f"{type(error).__name__}: {error}. {offline_alternative}"
            ) from error
        finally:
            socket.setdefaulttimeout(timeout)
    return file


def check_hash(name, file, file_hash, offline_alternative, error_class):
    """Raise `error_class` unless the file's MD5 or SHA-256 is `file_hash`; parameters are those of `fetch`."""
    algorithm = {32: "md5", 64: "sha256"}[len(file_hash)]
    with open(file, "rb") as opened:
        found = hashlib.file_digest(opened, algorithm).hexdigest()
    if found != file_hash:
        raise error_class(
            f"{name}: wrong checksum of {file}: expected {algorithm.upper()} {file_hash}, found {found}. "
            f"Delete the file and load again to fetch it. {offline_alternative}"
        )


def ask_within(seconds, ask):
    """Call `ask`; raise its exception, or `TimeoutError` after `seconds`, however long a name look-up would take."""
    outcome = [TimeoutError(f"no answer within {seconds} s")]

    def run():
        try:
            ask()
            outcome[0] = None
        except Exception as error:
            outcome[0] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if outcome[0] is not None:
        raise outcome[0]


def _ask_for_header(url):
    request = urllib.request.Request(url, method="HEAD")
    urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
