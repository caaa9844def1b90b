"""Rules that the stored notebooks keep; their outputs themselves are compared by nbval."""

import ast
import builtins
import re

import pytest

from authoring.rules import check, check_course
from course_utils.evidence import load_claims
from course_utils.exercises import NOT_YET, RIGHT
from course_utils.notebooks import NOTEBOOKS, ROOT, list_notebooks, read_notebook


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_notebook_keeps_the_rules(path):
    assert check(path) == []


def test_every_chapter_has_its_solutions():
    assert [problem for problem in check_course() if "of the same name" in problem] == []


def test_there_is_a_notebook():
    assert list_notebooks()


def exercise_cells(path, tag):
    """Return [(source, shown text), ...] of the cells with a tag, in order."""
    cells = [cell for cell in read_notebook(path).cells if tag in cell.metadata.get("tags", [])]
    return [(cell.source, "".join(map(plain_text, cell.get("outputs", [])))) for cell in cells]


def plain_text(output):
    return output.get("text", "") + output.get("data", {}).get("text/plain", "")


README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTLED_ELSEWHERE = {"1.2": "7", "1.5": "5"}  # by what a later chapter runs
CHAPTERS = [path for path in list_notebooks() if path.parent == NOTEBOOKS]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_stubs_are_not_yet_right_and_solutions_are(path):
    stubs = exercise_cells(path, "exercise-check")
    solutions = exercise_cells(NOTEBOOKS / "solutions" / path.name, "exercise-check")
    assert len(stubs) >= 3
    assert [source for source, _ in stubs] == [source for source, _ in solutions], "the checks differ"
    assert all(text.startswith(NOT_YET) for _, text in stubs)
    assert all(text.startswith(RIGHT) and NOT_YET not in text for _, text in solutions)


def calls(path, name):
    """Return the calls of the function `name` in a notebook, as pairs of the syntax tree and the cell."""
    cells = [cell for cell in read_notebook(path).cells if cell.cell_type == "code"]
    nodes = [(node, cell) for cell in cells for node in ast.walk(ast.parse(cell.source))]
    return [(node, cell) for node, cell in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_settles_each_of_its_claims_once(path):
    settled = []
    for call, cell in calls(path, "claim"):
        settled.append(call.args[0].value)
        assert "Claim " + settled[-1] in str(cell.outputs), "its box is missing"
    chapter = str(int(path.name[:2]))
    assert sorted(settled) == sorted(
        id for id in load_claims() if SETTLED_ELSEWHERE.get(id, id.split(".")[0]) == chapter
    )


def is_typed(node):
    """Say whether an expression's value is typed by hand, or is a yes or no, rather than measured."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    measured = names - set(dir(builtins))
    while isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("int", "float", "bool", "round", "abs"):
        node = node.args[0]
    truth = isinstance(node, ast.Compare | ast.BoolOp | ast.IfExp)
    return not measured or truth or getattr(getattr(node, "func", None), "id", "") in ("all", "any", "bool")


@pytest.mark.parametrize(
    ("code", "typed"),
    [
        ("3.1", True),
        ("-2", True),
        ("int(True)", True),
        ("float(gap < 1e-5)", True),
        ("int(all(identical))", True),
        ("1 if gap < 2 else 0", True),
        ("a and b", True),
        ("len([1, 2])", True),
        ("gap", False),
        ("errors.mean()", False),
        ("max(gaps.values())", False),
        ("sum(a != b for a, b in pairs)", False),
    ],
)
def test_what_counts_as_typed(code, typed):
    assert is_typed(ast.parse(code, mode="eval").body) is typed


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_finding_is_typed_by_hand(path):
    found = [*calls(path, "finding"), *calls(path, "mean_finding")]
    assert [ast.unparse(call) for call, _ in found if is_typed(call.args[1])] == []


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_a_folded_cell_shows_a_box_or_nothing(path):
    for cell in read_notebook(path).cells:
        tags = {"hide-cell", "hide-input"} & set(cell.metadata.get("tags", []))
        assert cell.metadata.get("jupyter", {}).get("source_hidden", False) == bool(tags), cell.source
        assert "hide-cell" not in tags or not cell.outputs, cell.source
        assert "hide-cell" not in tags or not cell.source.startswith("assert"), "the first line shows"


def planned_minutes(path):
    """Return part to minutes by a plain rule, without what is extra (★): a plan, as nobody's reading was timed.

    100 words a minute, 5 seconds a line, 15 a prediction, 20 a displayed formula; exercises times 1.5. Of a folded cell
    only the box that it shows is read; a formula sheet is there to look things up.
    """
    minutes, part, extra = {}, "opening", False

    def reading(text):
        return len(re.findall(r"\S*\w\S*", text)) / 100

    for index, cell in enumerate(read_notebook(path).cells):
        if cell.cell_type == "code" and cell.metadata.get("jupyter", {}).get("source_hidden"):
            boxes = "".join(o.get("data", {}).get("text/plain", "") for o in cell.outputs)
            minutes[part] = minutes.get(part, 0) + (0 if extra else reading(boxes))
            continue
        if cell.cell_type == "code":
            if not extra and not {"exercise", "exercise-check", "hide-cell"} & set(cell.metadata.get("tags", [])):
                asked = cell.source.startswith("predict(")
                lines = [] if asked else [*filter(None, cell.source.splitlines())]
                minutes[part] = minutes.get(part, 0) + len(lines) / 12 + asked / 4
            continue
        for text in re.split(r"^(?=#+ )", cell.source, flags=re.MULTILINE):
            heading = re.match(r"(#+) (.*)", text)
            if heading:
                extra = "★" in heading[2] or heading[2].startswith(("References", "Formula sheet"))
                ends = heading[2] in ("Claims settled in this chapter", "Key points")
                part = heading[2] if ends or (heading[1] == "#" and index) else part
            exercise = re.match(r"### .*Exercise.*\((\d+) minutes", text)
            if exercise and not extra:
                minutes[part] = minutes.get(part, 0) + int(exercise[1]) * 1.5
            elif not extra:
                prose, formulas = re.subn(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
                spent = reading(prose) + formulas / 3 + text.count("**Predict") / 4
                minutes[part] = minutes.get(part, 0) + spent
    return minutes


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_stated_minutes_fit(path):
    title = read_notebook(path).cells[0].source
    total = int(re.search(r"\*\*Your time:\*\* (?:about )?(\d+) minutes", title)[1])
    planned = planned_minutes(path)
    self_test = 8 if path.stem == "08_faq" else 3  # no reading
    assert sum(planned.values()) + self_test <= 1.02 * total <= 1.4 * (sum(planned.values()) + self_test)
    parts = {name: int(found[1]) for name in planned if (found := re.search(r"(\d+) minutes\)", name))}
    assert parts and all(planned[name] <= 1.1 * minutes for name, minutes in parts.items())
    assert sum(parts.values()) <= 1.02 * total <= sum(parts.values()) + 15
    row = re.search(rf"^\| {int(path.stem[:2])} \[.*?\| ([^|]*) \|", README, re.MULTILINE)[1]
    assert row.startswith((f"about {total}", str(total)))


def test_map_of_the_course_leads_to_every_other_chapter():
    (text,) = [cell.source for cell in read_notebook(CHAPTERS[0]).cells if "The map of the course" in cell.source]
    assert [path.name for path in CHAPTERS[1:] if f"]({path.name})" not in text] == []
    for path in CHAPTERS:
        stated = re.search(rf"^\| \[?{int(path.stem[:2])} .*\| (.+) \|$", text, re.MULTILINE)[1].split(" ")[-1]
        assert f"{stated} minutes" in read_notebook(path).cells[0].source


CLOCKS = ("perf_counter", "process_time", "monotonic")


def is_time(expression, names):
    """Say whether an expression reads a clock or a name that holds a time."""
    parts = list(ast.walk(expression))
    return any(getattr(part, "attr", "") in CLOCKS or getattr(part, "id", "") in names for part in parts)


def assignments(tree):
    """Yield (target, value) of what a cell assigns or appends, and (function, result) of what it defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            values = node.value.elts if isinstance(node.value, ast.Tuple) else None
            for target in node.targets:
                targets = target.elts if isinstance(target, ast.Tuple) else [target]
                paired = values and len(values) == len(targets)
                yield from zip(targets, values if paired else [node.value] * len(targets), strict=True)
        elif isinstance(node, ast.AugAssign):
            yield node.target, node.value
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "append":
            yield node.func.value, node.args[0]
        elif isinstance(node, ast.FunctionDef):
            yield from ((ast.Name(node.name), part.value) for part in ast.walk(node) if isinstance(part, ast.Return))


def asserted_times(cells):
    """Return the conditions of asserts and claims that read a time; tuples that hold one among others are let pass."""
    found, names = [], set()
    for tree in map(ast.parse, cells):
        for _ in range(5):  # ast.walk may meet a name before what it is computed from
            for target, value in assignments(tree):
                while isinstance(target, ast.Subscript):
                    target = target.value
                if value and not isinstance(value, ast.Tuple) and is_time(value, names):
                    names |= {target.id} if isinstance(target, ast.Name) else set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert) and is_time(node.test, names):
                found.append(ast.unparse(node.test))
            elif isinstance(node, ast.keyword) and node.arg == "check" and is_time(node.value, names):
                found.append(ast.unparse(node.value))
    return found


@pytest.mark.parametrize("path", list_notebooks(), ids=lambda path: path.relative_to(NOTEBOOKS).as_posix())
def test_no_time_is_asserted(path):
    assert asserted_times([cell.source for cell in read_notebook(path).cells if cell.cell_type == "code"]) == []


def test_asserted_times_are_found():
    cells = [
        "def wait(run):\n    start = time.perf_counter()\n    run()\n    return time.perf_counter() - start",
        "waits = []\nwaits.append(wait(f))\nratio, count = waits[0] / waits[1], len(x)\nassert count and ratio > 2",
        "assert count == 3\nclaim('1.1', '', check=count > 2 and min(waits) > 1)",
    ]
    assert asserted_times(cells) == ["count and ratio > 2", "count > 2 and min(waits) > 1"]
