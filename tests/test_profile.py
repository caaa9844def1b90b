"""The profile: offline unless COURSE_PROFILE says full, and an error for anything else."""

import pytest

from course_utils.runtime import PROFILES, current_profile


def test_offline_is_the_default(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    assert current_profile() == "offline"


@pytest.mark.parametrize(
    ("value", "profile"),
    [("", "offline"), ("  ", "offline"), ("offline", "offline"), ("full", "full"), (" Full ", "full")],
)
def test_known_values(monkeypatch, value, profile):
    monkeypatch.setenv("COURSE_PROFILE", value)
    assert current_profile() == profile and profile in PROFILES


@pytest.mark.parametrize("value", ["ful", "online", "1", "offline,full", "完整"])
def test_unknown_values_name_the_known_ones(monkeypatch, value):
    monkeypatch.setenv("COURSE_PROFILE", value)
    with pytest.raises(ValueError, match=f"COURSE_PROFILE: found '{value}', expected one of offline, full.*Unset"):
        current_profile()


def test_a_change_is_noticed(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert current_profile() == "full"
    monkeypatch.delenv("COURSE_PROFILE")
    assert current_profile() == "offline"
