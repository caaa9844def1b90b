"""Where the site and the slides are built, what is missing, and how their commands end."""

import pytest

from course_utils import building, slides, website


def test_missing_package_is_one_clear_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(building, "BUILD", tmp_path)
    monkeypatch.setattr(building, "find_spec", lambda name: None)
    for build in (slides.build, website.build):
        assert building.report(build) == 1
        assert "is not installed. Install what the site and the slides need" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", None])
def test_only_a_plain_name_is_emptied_under_build(tmp_path, monkeypatch, name):
    monkeypatch.setattr(building, "BUILD", tmp_path)
    with pytest.raises(ValueError, match="name: found .* expected the name of a folder"):
        building.fresh_folder(name)


def test_a_built_folder_is_new_each_time_and_nothing_beside_it_is_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "BUILD", tmp_path / "build")
    (building.fresh_folder("a") / "old").write_text("old")
    (tmp_path / "build" / "kept").write_text("mine")
    assert list(building.fresh_folder("a").iterdir()) == []
    assert (tmp_path / "build" / "kept").read_text() == "mine"
