"""Say where each pretrained weight file comes from, and check its SHA-256 before anything opens it.

The files without which weights are of no use (Whisper's vocabulary, say) stand in the same table.
"""

import hashlib
import importlib.util
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from course_utils.runtime import is_silent

__all__ = [
    "CONNECT_SECONDS",
    "MODELS_FOLDER",
    "READ_SECONDS",
    "WEIGHTS",
    "WHISPER",
    "WeightFile",
    "WeightsError",
    "fetch",
    "locate",
    "read_json",
    "status",
    "verified_bytes",
    "verified_path",
]

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "models"


class WeightsError(RuntimeError):
    """Weights are missing, damaged, of the wrong shape, or could not be fetched."""


@dataclass(frozen=True)
class WeightFile:
    """One weight file: where it lies, what it must hash to, whose it is.

    `path` is relative to the folder of the installed `package`, or to the course's `models` folder when `package` is
    None. `install` is the command that brings a missing file, `repair` the one that replaces a damaged one. A file that
    only goes with weights has no parameters.
    """

    name: str
    path: str
    install: str
    sha256: str
    bytes: int
    licence: str
    source: str
    package: str | None = None
    parameters: int = 0

    @property
    def left_out(self):
        """Tell whether its package, which a step of its own installs, was left out: one may."""
        return "--no-deps" in self.install and importlib.util.find_spec(self.package) is None

    @property
    def repair(self):
        """Return the command that brings the file back, whatever lies in its place."""
        return self.install if self.package is None else f"{self.install} --force-reinstall"


TABLE = Path(__file__).resolve().parent / "files" / "weights.toml"
WEIGHTS = {name: WeightFile(name, **row) for name, row in tomllib.loads(TABLE.read_text(encoding="utf-8")).items()}
WHISPER = tuple(name for name in WEIGHTS if name.startswith("whisper_tiny_en"))  # all that Whisper needs


def locate(name):
    """Find a weight file, named as in `WEIGHTS`, without importing its package and without opening it.

    A ValueError says that there is no such name, a `WeightsError` that the package or the file is missing.
    """
    if name not in WEIGHTS:
        raise ValueError(f"name: found {name!r}, expected one of {', '.join(WEIGHTS)}.")
    weights = WEIGHTS[name]
    if weights.package is None:
        file = MODELS_FOLDER / weights.path
        advice = f"Get it back with: {weights.install}"
    else:
        package = importlib.util.find_spec(weights.package)
        if package is None:
            raise WeightsError(f"{name}: the package {weights.package} is not installed. Run: {weights.install}")
        file = Path(package.origin).parent / weights.path
        advice = f"Run: {weights.repair}"
    if not file.is_file():
        raise WeightsError(f"{name}: there is no file {file}. {advice}")
    return file


def verified_path(name):
    """Find a weight file and check its SHA-256; call this before the file is opened.

    Errors are those of `locate`; a checksum that does not hold raises `WeightsError` as well.
    """
    file = locate(name)
    with open(file, "rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    _compare(name, file, file.stat().st_size, found)
    return file


def verified_bytes(name):
    """Read a weight file whose SHA-256 holds: what was checked is what is returned; errors as in `verified_path`."""
    file = locate(name)
    content = file.read_bytes()
    _compare(name, file, len(content), hashlib.sha256(content).hexdigest())
    return content


def _compare(name, file, size, found):
    weights = WEIGHTS[name]
    if found != weights.sha256:
        in_models = weights.package is None
        advice = "Delete the file, then get it back with" if in_models else "The file is damaged or was changed. Run"
        raise WeightsError(
            f"{name}: wrong checksum of {file} ({size:,} bytes): expected SHA-256 {weights.sha256}, found {found}. "
            f"{advice}: {weights.repair}"
        )


def status():
    """Check all weight files, and yield each `WeightFile` with what is wrong with it, or with an empty text."""
    for name, weights in WEIGHTS.items():
        try:
            verified_path(name)
            yield weights, ""
        except (WeightsError, OSError) as error:
            yield weights, str(error)


CONNECT_SECONDS, READ_SECONDS = 10, 30


def fetch(name, url, subfolder, file_hash, size, offline_alternative, error_class):
    """Return a URL's file from Keras's cache (KERAS_HOME, or ~/.keras), fetching it where it is missing or damaged.

    The cache has it in `subfolder`, under the name that ends the URL; `file_hash` is its SHA-256, or "md5:…". An
    `error_class`, with the `name`, the `size` and the `offline_alternative` (a sentence) in its text, is raised where
    the host does not answer within `CONNECT_SECONDS`, falls silent for `READ_SECONDS`, or the checksum is wrong. The
    file gets its name when it is whole and its checksum holds, so that no half file can have it.
    """
    import pooch

    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / subfolder
    file = url.rsplit("/", 1)[-1]
    pooch.get_logger().setLevel("WARNING")  # what it logs would stand in red
    download = pooch.HTTPDownloader(not is_silent(), chunk_size=2**16, timeout=(CONNECT_SECONDS, READ_SECONDS))
    try:
        return Path(pooch.retrieve(url, file_hash, file, folder, downloader=download))
    except Exception as error:
        raise error_class(
            f"{name}: its file ({size}) could not be fetched from {url} into {folder}: "
            f"{type(error).__name__}: {error}. {offline_alternative}"
        ) from error


def read_json(file, argument, advice):
    """Read the object that a JSON file of a model's folder holds, or raise a `WeightsError` that names both."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{argument}: {file} is damaged: {error}. {advice}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{argument}: {file} holds a {type(values).__name__}, expected an object. {advice}")
    return values
