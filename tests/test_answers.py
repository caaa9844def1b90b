"""What a learner writes is judged as it stands now, drives the lesson once it is right, and still counts tomorrow."""

import re

import nbclient
import nbformat
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from course_utils import answers, exercises, use
from course_utils.exercises import check

CHECK = """check(
    "rotate",
    called_with([1, 2, 3], gives=equals([3, 1, 2]), mistakes=[(equals([2, 3, 1]), "turned the wrong way round")]),
    called_with([], gives=equals([])),
)"""
SETUP = """from course_utils.exercises import called_with, check, equals
from course_utils.use import credits, hint, resume, use

resume(4)"""
STUB = "# Exercise: rotate\ndef rotate(items):\n    '''Turn by one.'''\n    raise NotImplementedError"
RIGHT = "# Exercise: rotate\ndef rotate(items):\n    return items[-1:] + items[:-1]"
WRONG = RIGHT.replace("items[-1:] + items[:-1]", "items[1:] + items[:1]")
USE = 'turn = use("rotate")\nprint(turn([1, 2, 3, 4]))'
COURSE = "def rotate(items):\n    return [*items[-1:], *items[:-1]]"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Make a course of one chapter with one exercise, and forget what earlier tests left; return its folder."""
    monkeypatch.setattr(answers, "_PLACE", {"chapter": None, "folder": None})
    monkeypatch.setattr(answers, "_CELLS", {})
    answers.EXERCISES.clear()
    use._course.cache_clear()
    folder = tmp_path / "notebooks"
    (folder / "solutions").mkdir(parents=True)
    chapter = [code(SETUP), code(STUB, "exercise"), code(CHECK, "exercise-check"), code(USE)]
    nbformat.write(nbformat.v4.new_notebook(cells=chapter), folder / "04_turning.ipynb")
    told = "## Exercise: turn a list\n\nA slice.\n\n**Hint:** The last is `items[-1:]`.\n\n**Hint:** Add two slices."
    solved = [nbformat.v4.new_markdown_cell(told), code(COURSE), code(CHECK, "exercise-check")]
    nbformat.write(nbformat.v4.new_notebook(cells=solved), folder / "solutions" / "04_turning.ipynb")
    monkeypatch.setattr(use, "NOTEBOOKS", folder)
    monkeypatch.setattr(answers, "NOTEBOOKS", folder)
    yield folder
    answers.EXERCISES.clear()
    use._course.cache_clear()


def code(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


@pytest.fixture
def start(course, monkeypatch, capsys):
    """Return a function that starts a kernel in this process; the kernel runs cells and returns what they show."""

    def start(setup=SETUP):
        answers._CELLS.clear()
        answers.EXERCISES.clear()
        shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
        shell.ask_exit = None  # a kernel's has one
        monkeypatch.setattr(answers, "shell", lambda: shell)

        def run(source, cell=None):
            capsys.readouterr()
            shell.run_cell(source, store_history=False, cell_id=cell)
            return re.sub(r"\x1b\[[0-9;]*m|Out\[\d+\]:", "", capsys.readouterr().out).strip()

        run.first = run(setup)
        return run

    return start


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """Work in a folder of learners' copies, as JupyterLab's kernels do."""
    folder = tmp_path / "wörk"
    folder.mkdir()
    (folder / ".copied.json").write_text("{}")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("COURSE_PROGRESS", raising=False)
    return folder


# The cell as it stands


def test_from_stub_to_right(start):
    run = start()
    assert run(CHECK) == "Not yet: rotate - its cell has not run yet: run it, then this one"
    run(STUB)
    assert run(CHECK) == "Not yet: rotate - not written yet"
    run(WRONG)
    assert run(CHECK).splitlines()[0] == "Not yet: rotate - turned the wrong way round"
    run(RIGHT)
    assert run(CHECK) == "Right: rotate"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (RIGHT.replace("(items):", "(items)"), "the cell does not compile: line 2: expected ':'"),
        (RIGHT + "\n1 / 0", "the cell stopped with an error: line 4: ZeroDivisionError: division by zero"),
        (RIGHT.replace("rotate(", "rotat("), "no function named rotate: found rotat"),
        ("# Exercise: rotate", "no function named rotate: found none in its cell"),
        (RIGHT.replace("    return", "    items"), "the cell does not compile: line 3: "),
        (RIGHT.replace("return", "pass;"), "the function returned None: does its last line `return` something?"),
        (RIGHT + "\nraise SystemExit", "the cell stopped with an error: line 4: SystemExit"),
        (RIGHT.replace("return", "raise NotImplementedError; return"), "it still raises NotImplementedError"),
        ("# Exercise: rotate\nrotate = ...", "not written yet"),
    ],
)
def test_no_old_right_stands(start, source, reason):
    run = start()
    run(RIGHT)
    assert run(CHECK) == "Right: rotate"
    run(source)
    assert run(CHECK).startswith(f"Not yet: rotate - {reason}")
    assert run(USE).startswith("rotate: the course's")


def test_a_cell_is_known_again_without_its_comment(start):
    run = start()
    run(RIGHT, cell="a1")
    assert run(CHECK) == "Right: rotate"
    run("def turn_round(items):\n    return items", cell="a1")
    assert run(CHECK).splitlines()[0] == "Not yet: rotate - no function named rotate: found turn_round"


def test_only_a_changed_answer_is_a_new_try(start):
    run = start()
    run(WRONG)
    first = run(CHECK)
    assert first.endswith('Try 1. For help, run hint("rotate") in a new cell.') and run(CHECK) == first
    run(WRONG.replace("return", "# a remark\n    return "))
    assert run(CHECK) == first
    run(RIGHT)
    assert run(CHECK) == "Right: rotate"
    run(WRONG.replace("items[:1]", "items[:2]"))
    assert run(CHECK).endswith('Try 2. For help, run hint("rotate") in a new cell.')


@pytest.mark.parametrize("body", ["...", "pass", "raise NotImplementedError", "'''Docstring.'''\n    ..."])
def test_an_untouched_stub_is_not_written(start, body):
    run = start()
    run(f"def rotate(items):\n    {body}")
    assert run(CHECK) == "Not yet: rotate - not written yet"


def test_plain_python_needs_no_notebook(course, capsys):
    def own(items):
        return items[-1:] + items[:-1]

    tests = [exercises.called_with([1, 2], gives=exercises.equals([2, 1]))]
    rotat, namespace = None, {"check": check, "tests": tests}
    exec("def rotat(items):\n    return items\ncheck('rotate', *tests)", namespace)
    assert capsys.readouterr().out == "Not yet: rotate - no function named rotate: found rotat\n" and rotat is None
    exec(f"{RIGHT}\ncheck('rotate', *tests)", namespace)
    assert capsys.readouterr().out == "Right: rotate\n"
    namespace["use"] = use.use
    exec("turn = use('rotate')", namespace)
    assert capsys.readouterr().out == "rotate: yours\n"
    exec(f"{WRONG}\nturn = use('rotate')", namespace)
    assert capsys.readouterr().out == "rotate: the course's (yours changed: run its check again)\n"
    assert own([1, 2]) == namespace["turn"]([1, 2])


def test_the_box_says_the_same_and_can_be_read(monkeypatch):
    boxes = []
    monkeypatch.setattr(answers, "show", lambda text, html: boxes.append((text, html)))
    exercises._show_box(exercises.NOT_YET, "turn <it>", "found 1 & 2", ["Try 2."])
    ((text, shown),) = boxes
    assert text == "Not yet: turn <it> - found 1 & 2\nTry 2."
    assert "✎ Not yet" in shown and "turn &lt;it&gt;" in shown and "found 1 &amp; 2" in shown and "Try 2." in shown
    for _, colour in exercises.MARKS.values():  # black words on them; each stands out as a border, light or dark
        light = luminance(colour)
        assert (light + 0.05) / 0.05 >= 4.5
        assert min(1.05 / (light + 0.05), (light + 0.05) / (luminance("#111111") + 0.05)) >= 1.8


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


# Whose function serves


def test_a_right_answer_serves_and_an_edit_drops_it(start):
    run = start()
    assert run(USE) == "rotate: the course's (until its check says Right)\n[4, 1, 2, 3]"
    run(RIGHT)
    assert run(USE).startswith("rotate: the course's")
    run(CHECK)
    assert run(USE) == "rotate: yours\n[4, 1, 2, 3]"
    assert run("print(credits())") == "rotate: yours"
    run(RIGHT.replace("return", "# a remark\n    return"))
    assert run(USE).startswith("rotate: yours")
    run(WRONG)
    assert run(USE) == "rotate: the course's (yours changed: run its check again)\n[4, 1, 2, 3]"
    assert run("print(credits())") == "rotate: the course's"


def test_a_right_and_slow_answer_does_not_serve(start):
    run = start()
    run("import time\n" + RIGHT.replace("return", "time.sleep(0.02)\n    return"))
    assert run(CHECK) == "Right: rotate"
    assert run(USE).startswith("rotate: yours")
    slow = run(USE.replace('"rotate"', '"rotate", runs=100'))
    assert slow.startswith("rotate: the course's (yours is right, and over 5 times slower, too slow for what follows)")


def test_an_error_further_down_names_the_function(start):
    run = start()
    run(RIGHT)
    run(CHECK)
    shown = run(USE + "\nturn(5)")
    assert "TypeError: 'int' object is not subscriptable" in shown and "return items[-1:] + items[:-1]" in shown
    assert shown.endswith(
        "This happened in your own rotate: mend it in its exercise, run its check, run this cell again."
    )


def test_unknown_names_are_refused(course):
    with pytest.raises(ValueError, match="name: found 'attend', which no solution of 04_turning defines"):
        use.use("attend")
    with pytest.raises(ValueError, match="chapter: found 9"):
        use.resume(9)


def test_hints_come_in_steps_and_end_with_the_solution(start):
    run = start()
    assert run('hint("rotate")') == "rotate, hint 1 of 3: The last is `items[-1:]`."
    assert run('hint("rotate")') == "rotate, hint 2 of 3: Add two slices."
    link = "rotate, hint 3 of 3: The [solution](solutions/04_turning.ipynb#Exercise:-turn-a-list), with its reasons."
    assert run('hint("rotate")') == run('hint("rotate")') == link


# The next day


def test_what_was_right_yesterday_counts_today(start, learner):
    run = start()
    assert run.first == ""
    run(RIGHT.replace("items", "ítems"))
    assert run(CHECK) == "Right: rotate"
    kept = learner / "answers" / "04_turning" / "rotate.py"
    assert kept.read_text(encoding="utf-8") == RIGHT.replace("items", "ítems")
    run = start()
    assert run.first == "Your own, kept and still right: rotate."
    assert run(USE) == "rotate: yours (as kept)\n[4, 1, 2, 3]"
    run(STUB)
    assert run(CHECK).splitlines()[1] == "Your right answer from before is kept, and serves the lesson."
    assert run(USE).startswith("rotate: yours (as kept)")
    run(WRONG)
    assert run(USE).startswith("rotate: the course's")
    run(CHECK)
    assert not kept.exists()


def test_an_untouched_program_to_repair_is_no_try_and_leaves_the_kept_answer(start, course, learner):
    path = course / "04_turning.ipynb"
    stored = nbformat.read(path, 4)
    stored.cells[1].source = WRONG
    nbformat.write(stored, path)
    run = start()
    run(WRONG.replace("return", "# as given\n    return "))
    assert run(CHECK) == "Not yet: rotate - turned the wrong way round"
    run(RIGHT)
    assert run(CHECK) == "Right: rotate"
    run = start()
    run(WRONG)
    assert run(CHECK).splitlines()[1] == "Your right answer from before is kept, and serves the lesson."
    assert run(USE).startswith("rotate: yours (as kept)")
    run(WRONG.replace("items[:1]", "items[:2]"))
    assert run(CHECK).endswith('Try 1. For help, run hint("rotate") in a new cell.')


def test_a_kept_answer_may_call_what_the_lesson_gives_and_other_exercises(start, course, learner):
    path = course / "solutions" / "04_turning.ipynb"
    solved = nbformat.read(path, 4)
    solved.cells.append(code("def join(first, second):\n    return [*first, *second]"))
    nbformat.write(solved, path)
    folder = learner / "answers" / "04_turning"
    folder.mkdir(parents=True)
    (folder / "rotate.py").write_text(RIGHT.replace("items[-1:] + items[:-1]", "join(items[-1:], items[:-1])"))
    assert start().first == "Your own, kept and still right: rotate."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WRONG.encode(), "turned the wrong way round"),
        (b"\xff\xfe\x00", "04_turning/rotate.py cannot be read ("),
        (b"def rotate(:", "raised SyntaxError: invalid syntax (rotate.py, line 1)"),
        (b"items = helper", "raised NameError: name 'helper' is not defined"),
        (b"exit()", "raised SystemExit: "),
        (b"", "not written yet"),
    ],
)
def test_a_kept_answer_that_is_damaged_is_one_sentence(start, learner, content, reason):
    folder = learner / "answers" / "04_turning"
    folder.mkdir(parents=True)
    (folder / "rotate.py").write_bytes(content)
    run = start()
    assert run.first.startswith(f"rotate: the kept answer does not count, {reason}") and "\n" not in run.first
    assert run(USE).startswith("rotate: the course's")
    run(RIGHT)
    assert run(CHECK) == "Right: rotate" and (folder / "rotate.py").read_text() == RIGHT


def test_a_folder_that_cannot_be_written_is_one_sentence(start, learner):
    (learner / "answers").write_text("a file where the folder should be")
    run = start()
    run(RIGHT)
    assert run(CHECK).startswith("Right: rotate\nIt counts until the kernel stops, and is not kept: cannot write ")
    assert run(USE).startswith("rotate: yours")


def test_nothing_is_read_or_kept_elsewhere(start, learner, monkeypatch):
    folder = learner / "answers" / "04_turning"
    folder.mkdir(parents=True)
    (folder / "rotate.py").write_text("raise SystemExit")
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    run = start()
    run(RIGHT)
    assert (run.first, run(CHECK)) == ("", "Right: rotate")
    assert (folder / "rotate.py").read_text() == "raise SystemExit"
    monkeypatch.delenv("COURSE_PROGRESS")
    (learner / ".copied.json").unlink()
    run = start()
    run(RIGHT)
    assert (run.first, run(CHECK)) == ("", "Right: rotate")
    assert (folder / "rotate.py").read_text() == "raise SystemExit"


def test_only_files_of_the_chapters_exercises_run(start, learner):
    folder = learner / "answers" / "04_turning"
    folder.mkdir(parents=True)
    (folder / "other.py").write_text("open('ran', 'w')")
    assert start().first == "" and not (learner / "ran").exists()


def test_a_kernel_shows_the_box(tmp_path):
    cells = [code("from course_utils.exercises import called_with, check, equals"), code(STUB), code(CHECK)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, timeout=120).execute()
    (output,) = notebook.cells[2].outputs
    assert output.data["text/plain"] == "Not yet: rotate - not written yet" and "✎ Not yet" in output.data["text/html"]


def test_an_answer_in_float64_does_not_slow_a_lesson_in_float32():
    serve = use._named(lambda x, divisor: x / np.float64(divisor), "halve")
    assert serve(np.ones(2, np.float32), 2).dtype == np.float32
    assert serve(np.ones(2), 2).dtype == np.float64


def test_credits_may_name_the_exercises(start):
    run = start()
    run('use("rotate")')
    assert run('print(credits("rotate", "unused"))') == "rotate: the course's"
