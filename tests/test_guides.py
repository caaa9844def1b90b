"""The instructor guide: schedules without gaps, exercises that exist with their minutes, commands that exist."""

import re

import pytest

from course_utils import ask, text_files
from course_utils.__main__ import COMMANDS
from course_utils.notebooks import NOTEBOOKS, ROOT, list_notebooks, read_notebook
from course_utils.tables import read_sweep

GUIDE = (ROOT / "docs" / "instructor_guide.md").read_text(encoding="utf-8")
ASK = (ROOT / "docs" / "ask.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETUP = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")


def section(heading):
    return re.search(rf"^###? {heading}.*?$(.+?)(?=^###? |\Z)", GUIDE, re.MULTILINE | re.DOTALL)[1]


def part_minutes():
    """Return the minutes of a learner alone: ("3", "part 1") to 45; a part in two halves has them and their sum."""
    alone = {}
    for path in list_notebooks():
        for cell in read_notebook(path).cells if path.parent == NOTEBOOKS else ():
            for part, half, minutes in re.findall(
                r"^##? (?:Part )?(\d+)(, second half)? · .*?(\d+) minutes\)", cell.source, re.MULTILINE
            ):
                name = f"part {part}" if part != "0" else "section 0"
                if half:
                    alone[path.stem[1], name + half] = int(minutes)
                    alone[path.stem[1], f"{name}, first half"] = alone[path.stem[1], name]
                alone[path.stem[1], name] = alone.get((path.stem[1], name), 0) + int(minutes)
    return alone


TAUGHT = r"chapter (\d), ((?:part|section) \d(?:, (?:first|second) half)?)"
SCHEDULES = {"Half day": 210, "One day": 420, "Day 1": 420, "Day 2": 420, "Day 3": 420}


@pytest.mark.parametrize("heading", SCHEDULES)
def test_schedules_give_each_part_its_room_minutes_without_a_gap(heading):
    """A part takes a learner's minutes alone times 1.5; where one changed, the message has the first column."""
    rows = re.findall(r"^\| (\d+)–(\d+) \| (.+?) \|", section(heading), re.MULTILINE)
    alone, expected, now = part_minutes(), [], 0
    for start, end, what in rows:
        taught = re.match(TAUGHT, what)
        minutes = round(1.5 * alone[taught.groups()]) if taught else int(end) - int(start)
        expected.append(f"{now}–{now + minutes}")
        now += minutes
    stated = [f"{start}–{end}" for start, end, _ in rows]
    total = SCHEDULES[heading]
    assert (stated, now) == (expected, total), (
        f"{heading}: the rows are {', '.join(expected)}. They end at {now}, expected {total}: "
        "make a row that names no part shorter or longer."
    )


def test_the_three_days_say_which_parts_are_left_for_home():
    days = "".join(map(section, ("Day 1", "Day 2", "Day 3")))
    taught, home = days.split("Left for home:")
    taught, home = (set(re.findall(TAUGHT, text.split("*A claim")[0])) for text in (taught, home))
    parts = {key for key in part_minutes() if key != ("5", "part 1")}
    assert taught | home == parts and not taught & home


def test_exercise_timings_are_the_chapters():
    stated = {}
    for chapter, *columns in re.findall(r"^\| (\d) \| (.+?) \| (.+?) \|$", section("Exercise timings"), re.MULTILINE):
        text = " ".join(columns)
        stated[int(chapter)] = sorted(map(int, re.findall(r"\((\d+)\)", text)))
    for path in list_notebooks():
        if path.parent == NOTEBOOKS:
            headings = [
                minutes
                for cell in read_notebook(path).cells
                if cell.cell_type == "markdown"
                for minutes in re.findall(r"^### .*Exercise\b.*\((\d+) minutes\)", cell.source, re.MULTILINE)
            ]
            assert stated[int(path.stem[:2])] == sorted(map(int, headings)), path.stem


def test_commands_of_the_guides_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for text in (GUIDE, SETUP, ASK, README):
        for targets in re.findall(r"`make ([a-z ]+)`", text):
            assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets.split())
        for module in re.findall(r"-m course_utils(?:\.(\w+))?", text):
            assert (ROOT / "course_utils" / f"{module or '__main__'}.py").is_file()
        assert set(re.findall(r"-m course_utils ([a-z]+)\b", text)) <= set(COMMANDS)


OTHER_TEXTS = [("own texts, held out", kind) for kind in ("answered", "elsewhere")]


def _share_near(collection, kind, bound=ask.NEAR):
    rows = read_sweep("question_similarity", collection=collection, kind=kind)
    return sum(row["similarity"] >= bound for row in rows) / len(rows)


def test_the_similarity_from_which_the_model_reads_is_the_one_that_was_chosen():
    """The highest multiple of 0.05 at which 98 of 100 answered questions still pass."""
    chosen, higher = (_share_near("own texts, training", "answered", bound) for bound in (ask.NEAR, ask.NEAR + 0.05))
    assert chosen >= 0.98 > higher


def test_the_page_on_asking_states_the_limits():
    answered, elsewhere = (_share_near(collection, kind) for collection, kind in OTHER_TEXTS)
    right = {
        (reads, kind): sum(row["right"] for row in read_sweep("passages_read", reads=reads, kind=kind))
        for reads in ("nearest", "three")
        for kind in ("answered", "nearly")
    }
    for words in (
        f"{right['nearest', 'answered']} of 60 questions",
        f"{right['nearest', 'nearly']} of 30",
        f"{right['three', 'answered']} and {right['three', 'nearly']}",
        f"{answered:.0%} of 170".replace("%", " %"),
        f"{elsewhere:.0%} of 172".replace("%", " %"),
        "course_utils ask FOLDER",
        f"at least {ask.NEAR}",
        f"larger than {text_files.LARGEST / 1e6:.0f} MB",
        f"At most {text_files.MOST:,} passages",
        f"at most {ask.LONGEST_QUESTION}",
    ):
        assert words in " ".join(ASK.split())


def test_the_weeks_give_each_part_its_room_minutes():
    """A learner's alone, times 1.5."""
    alone = part_minutes()
    labs = re.findall(r"chapter (\d), (part \d) \((\d+)\)", section("Twelve weeks"))
    assert len(labs) == 12 and {chapter for chapter, *_ in labs} == set("1234567")
    assert [(c, p, int(minutes)) for c, p, minutes in labs] == [(c, p, round(1.5 * alone[c, p])) for c, p, _ in labs]
