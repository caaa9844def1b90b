"""The instructor guide: schedules without gaps, exercises that exist with their minutes, commands that exist."""

import math
import re
from functools import cache

import numpy as np
import pytest

from authoring.slides import read_instructor_notes, without_minutes
from course_utils import ask, start_page, text_files
from course_utils.__main__ import COMMANDS
from course_utils.networks.pretrained import load_translator
from course_utils.notebooks import NOTEBOOKS, ROOT, list_notebooks, read_notebook
from course_utils.questions import load_chat_questions, load_instructions, load_tool_questions
from course_utils.tables import read_sweep

GUIDE = (ROOT / "docs" / "instructor_guide.md").read_text(encoding="utf-8")
ASK = (ROOT / "docs" / "ask.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETUP = (ROOT / "docs" / "setup.md").read_text(encoding="utf-8")


def section(heading):
    return re.search(rf"^###? {heading}.*?$(.+?)(?=^###? |\Z)", GUIDE, re.MULTILINE | re.DOTALL)[1]


@cache
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


def test_how_programs_that_write_code_are_used_is_said_to_instructors_and_to_learners():
    assert "program that writes code" in start_page.WELCOME.read_text(encoding="utf-8")
    assert "start page" in section("Programs that write code")


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


LINES = ["Needs", "Catch up", "On the board", "Prompts", "If late, skip", "Homework", "Marking"]
NOTES = {
    (chapter, title): re.findall(r"^- \*\*(.+?):\*\* (.+)$", text, re.MULTILINE)
    for (chapter, title), text in read_instructor_notes().items()
    if title.startswith("Part ")
}


@cache
def part_cells():
    """Return (chapter, title without minutes) to the cells of each part."""
    parts = {}
    for path in list_notebooks():
        title = None
        for cell in read_notebook(path).cells if path.parent == NOTEBOOKS else ():
            for heading in re.findall(r"^# (.+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else ():
                title = without_minutes(heading)
            parts.setdefault((int(path.stem[:2]), title), []).append(cell)
    return {key: cells for key, cells in parts.items() if key[1].startswith("Part ")}


def code(cells):
    return "\n".join(cell.source for cell in cells if cell.cell_type == "code")


def test_each_part_has_all_lines_and_few_words():
    """What the model answers is not counted."""
    assert NOTES.keys() == part_cells().keys()
    for place, lines in NOTES.items():
        assert [name for name, _ in lines] == LINES, place
        words = re.findall(r"\S*\w\S*", re.sub(r"→ “.*?”", "", " ".join(f"{name} {text}" for name, text in lines)))
        assert len(words) <= 90, place


@pytest.mark.parametrize("place", NOTES, ids=str)
def test_catch_up_names_the_functions_that_a_part_takes_from_earlier_ones(place):
    source, notes = code(part_cells()[place]), dict(NOTES[place])
    taken = set(re.findall(r'\buse\(\s*"(\w+)"', source)) - set(re.findall(r"^# Exercise: (\w+)", source, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", notes["Catch up"])) - {"use"} == taken


@pytest.mark.parametrize("place", NOTES, ids=str)
def test_what_is_skipped_stands_in_the_part(place):
    text = "\n".join(cell.source for cell in part_cells()[place])
    skipped = re.findall(r"\d\.\d+", dict(NOTES[place])["If late, skip"])
    assert [one for one in skipped if not re.search(rf"^## {re.escape(one)} ", text, re.MULTILINE)] == []


def _attention_and_network(d, h, g, d_head, f, m):
    return 2 * d * d_head * (h + g) + m * d * f


BOARD = {  # the results on the board, computed from the toy's numbers
    (1, 1): [f"{np.mean([(2 - 3) ** 2, (4 - 6) ** 2])}"],
    (1, 2): [f"{math.log(3) / math.log(9)}", f"{1800 * (0.1 / 0.05) ** 2:,.0f}"],
    (2, 1): [f"{_attention_and_network(6, 3, 1, 2, 10, 3)}", f"{2 * 1 * 2 * 5 * 100 * 2:,} bytes"],
    (2, 2): [f"1/{2**4}", f"{2 / 50}"],
    (2, 3): [f"(−{0.1 * 2 * 0.5:g}, {0.1 * 2 * 0.5:g})", f"(−{0.1 * 0.5:g}, {0.1 * 0.5:g})"],
    (3, 1): [f"dw₂ = {(1 * 2 * 3 - 5) * 2}", f"dw₁ = {(1 * 2 * 3 - 5) * 3 * 1}"],
    (3, 2): [f"{4 + 2 + 1}", f"{4 + 1}"],
    (3, 3): [f"({1 / 5}, {7 / 5})", "(−2, 1)"],
    (3, 4): [f"{0.4 / 0.7:.2f} and {0.3 / 0.7:.2f}", ", ".join(f"{p * p / 0.3:.2f}" for p in (0.4, 0.3, 0.2, 0.1))],
    (3, 5): ["5/8 and 3/8"],
    (3, 6): [str(tuple(np.convolve([1, 4, 9, 16, 25], [1, -2, 1], "valid").tolist()))],
    (4, 1): ["−{:.2f} to {:.2f}".format(*(abs(0.2 + side * 1.96 * 0.6 / math.sqrt(10)) for side in (-1, 1)))],
    (4, 2): ["2 of 4", "1 of 3"],
    (4, 3): [f"{500 * 224 / 256}", f"{(800 - 437.5) / 2}", f"{(500 - 437.5) / 2}"],
    (5, 1): [f"{2 / 4}"],
    (5, 2): ["12"],
    (5, 3): ["25 %"],
    (5, 4): [f"{8 / (8 * math.sqrt(2)):.2f}"],
    (6, 1): [" ".join(np.repeat(["a", "b"], 2))],
    (6, 2): [str(number) for number in divmod(47, 20)],
    (6, 3): [f"{(2 + 4) / 2:g}"],
    (7, 1): [f"{(np.mean([2, 4, 6]) + 12) / 2:g}"],
    (7, 2): [", ".join(f"{round(w / 0.2)}" for w in (1.4, -0.6, 0.25)).replace("-", "−")],
    (7, 3): [f"{math.log(1 + math.exp(-0.5 * 3)):.3f}"],
    (7, 4): [f"({min(0.95 + 0.1, 1.0)}, {0.3 - 0.1:.1f})"],
    (8, 1): [f"{5 - 3}", f"{3 / (1 + 3)}"],
    (8, 2): [f"{np.mean([10 - 4, 6 - 6, 8 - 2]):g}"],
}


@pytest.mark.parametrize("place", NOTES, ids=str)
def test_the_toy_on_the_board_is_right(place):
    chapter, title = place
    bold = re.findall(r"\*\*(.+?)\*\*", dict(NOTES[place])["On the board"])
    if ", second half" in title:
        assert bold == [f"{4 / 5}"]
    else:
        assert [one.removeprefix("loss ") for one in bold] == BOARD[chapter, int(title[5])]


def test_rehearsed_prompts_get_these_answers():
    """Stored answers stand in experiments/results, where lessons compare some of them live; the translator is asked."""
    asked = {place: re.findall(r"“([^”]+)” → “([^”]+)”", dict(lines)["Prompts"]) for place, lines in NOTES.items()}
    for place, cells in part_cells().items():
        speaks = re.search(r"load_translator\(|\.chat\(|start_server\(", code(cells))
        assert len(asked[place]) >= (2 if speaks else 0), place
    chat = {row["id"]: row["answer"] for row in read_sweep("chat_answers", model="SmolLM2", form="chat")}
    sums = {row["id"]: row["answer"] for row in read_sweep("tool_answers", adapter="course", condition="calculator")}
    tuned = {row["id"]: row["answer"] for row in read_sweep("adapter_answers", part="new forms", model="adapter")}
    stored = [(one.question, chat[one.id]) for one in load_chat_questions()]
    stored += [(one.question, sums[one.id]) for one in load_tool_questions() if one.id in sums]
    stored += [(one.messages[-1]["content"], tuned[one.id]) for one in load_instructions("new forms")]
    written = "".join(
        output.get("text", "")
        for cells in part_cells().values()
        for cell in cells
        for output in cell.get("outputs", [])
    )
    for place in ((4, 2), (5, 2), (8, 2)):
        (pairs,) = [pairs for (chapter, title), pairs in asked.items() if (chapter, int(title[5])) == place]
        assert load_translator().translate([source for source, _ in pairs]) == [answer for _, answer in pairs]
        pairs.clear()
    for prompt, answer in (pair for pairs in asked.values() for pair in pairs):
        known = any(prompt in one and told.startswith(answer) for one, told in stored)
        assert known or f"{prompt} {answer}" in written, prompt
