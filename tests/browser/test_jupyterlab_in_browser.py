"""Learners meet JupyterLab: notebooks open, chapters run, bars move, sliders answer, exercises say right or wrong.

All that these tests do in JupyterLab is done with the keyboard.
"""

import re
import time

import pytest
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook

from course_utils.notebooks import NOTEBOOKS, ROOT, list_notebooks, read_notebook

NAMES = [path.relative_to(NOTEBOOKS).as_posix() for path in list_notebooks()]
CELLS = "window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel"
UNDONE = "[...window.jupyterapp.shell.currentWidget.content.model.cells].some(c => c.executionCount === null)"
LOOK_AT = {
    "04": ("plot_images", "plot_confusion_matrix", 'claim(\n    "4.1"'),
    "08": ('claim(\n    "8.1"', "in_table(text)"),
}
BARS = "[...document.querySelectorAll('.jp-OutputArea-output')].map(one => one.textContent).join(' ')"
RUN_ALL = "Restart Kernel and Run All Cells"


@pytest.fixture
def open_notebook(open_page, lab):
    """Return a function that opens a copy in JupyterLab and waits for its kernel; the kernel is stopped at the end."""
    (address, token), pages = lab, []

    def open_notebook(name):
        page = open_page(1280, 900)
        page.goto(f"{address}/{name}?token={token}&reset")
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
        wait_for(page, f"{KERNEL}?.status === 'idle'", 60)
        pages.append(page)
        return page

    yield open_notebook
    for page in pages:
        page.evaluate(f"{KERNEL}.shutdown()")


def wait_for(page, condition, seconds):
    page.wait_for_function(condition, timeout=1000 * seconds)


def command(page, words):
    """Choose a command by typing its name into JupyterLab's command palette."""
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Shift+C")
    page.keyboard.type(words, delay=10)
    page.locator(".lm-CommandPalette-item.lm-mod-active").first.wait_for(timeout=10_000)
    page.keyboard.press("Enter")


def is_running(page):
    return page.evaluate(f"{KERNEL}.status !== 'idle' || {UNDONE}")


def run_all(page, seconds, watch=lambda: None):
    """Restart the kernel and run all cells, calling `watch` meanwhile; return the seconds it took."""
    command(page, RUN_ALL)
    page.locator(".jp-Dialog").wait_for(timeout=10_000)
    page.keyboard.press("Enter")
    page.locator(".jp-Dialog").wait_for(state="detached")
    start = time.monotonic()
    page.wait_for_timeout(2000)
    while is_running(page):
        assert time.monotonic() - start < seconds, "it still runs"
        watch()
        page.wait_for_timeout(200)
    return time.monotonic() - start


def outputs(page):
    return [output for cell in page.evaluate(CELLS) for output in cell.get("outputs", [])]


def text_of(value):
    return "".join(value) if isinstance(value, list) else value


def pictures(cells):
    return sum(
        mime.startswith("image/") for cell in cells for o in cell.get("outputs", []) for mime in o.get("data", {})
    )


@pytest.mark.parametrize("name", NAMES)
def test_notebook_opens_without_a_complaint(open_notebook, shot, name):
    page = open_notebook(name)
    shot(page, "lab-" + name.replace("/", "-").removesuffix(".ipynb"))
    title = read_notebook(NOTEBOOKS / name).cells[0].source.split("\n")[0].lstrip("# ")
    assert page.locator(".jp-Notebook h1").first.inner_text().strip("¶\n ") == title
    assert page.locator(".jp-Dialog").count() == 0
    assert page.locator(".jp-RenderedMarkdown merror, .jp-RenderedMarkdown .MathJax_Error").count() == 0
    assert page.refused == [] and page.script_errors == []


@pytest.mark.parametrize(("name", "has_bars"), [("04_best_practice.ipynb", True), ("08_faq.ipynb", False)])
def test_chapter_runs_from_top_to_bottom(open_notebook, shot, name, has_bars):
    page, bars = open_notebook(name), set()

    def watch():
        bars.update(re.findall(r"\d+%\|", page.evaluate(BARS)))

    run_all(page, 600, watch)
    found, stored = outputs(page), read_notebook(NOTEBOOKS / name).cells
    for number, words in enumerate(LOOK_AT[name[:2]]):
        index = next(i for i, cell in enumerate(stored) if words in cell.source)
        page.evaluate(f"window.jupyterapp.shell.currentWidget.content.scrollToItem({index}, 'center')")
        page.wait_for_timeout(500)
        shot(page, f"lab-ran-{name[:2]}-{number}")
    assert [output for output in found if output["output_type"] == "error"] == []
    assert [output for output in found if output.get("name") == "stderr"] == []  # TensorFlow's red noise
    assert pictures(page.evaluate(CELLS)) == pictures(stored) and page.locator(".jp-OutputArea-error").count() == 0
    boxes = [text_of(output.get("data", {}).get("text/plain", "")) for output in found]
    assert page.locator(".jp-InputPlaceholder").count(), "the code of claims is not folded"
    assert any(box.startswith("Not yet: ") for box in boxes)
    if has_bars:
        assert len(bars) >= 3, f"the bars showed {sorted(bars)}: they did not move"
    assert page.refused == [] and page.script_errors == []


def test_exercise_says_wrong_and_right_to_a_learner_with_a_keyboard(open_notebook, shot):
    page, name = open_notebook("04_best_practice.ipynb"), "04_best_practice.ipynb"
    cells = read_notebook(NOTEBOOKS / name).cells
    stub = next(i for i, cell in enumerate(cells) if "exercise" in cell.metadata.get("tags", []))
    solution = next(
        cell.source
        for cell in read_notebook(NOTEBOOKS / "solutions" / name).cells
        if cell.cell_type == "code" and cell.source.startswith(cells[stub].source.split("\n")[0])
    )
    wrong = solution.replace("1.96 * ", "")
    assert wrong != solution
    page.locator(".jp-Notebook .jp-Cell").first.focus()
    run_to(page, next(i for i, cell in enumerate(cells) if cell.cell_type == "code"))  # the part's set-up
    for text, word in ((wrong, "Not yet"), (solution, "Right")):
        select(page, stub)
        page.keyboard.press("Enter")
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(text)
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")
        shown = "(o.data?.['text/plain'] || '').toString()"
        wait_for(page, f"{CELLS}[{stub + 1}].outputs.some(o => {shown}.startsWith('{word}'))", 60)
        shot(page, f"lab-exercise-{word.lower().replace(' ', '-')}")


def select(page, index):
    """Select a cell with the arrow keys, which pass over folded cells."""
    active = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    page.keyboard.press("Escape")
    while (at := page.evaluate(active)) != index:
        page.keyboard.press("ArrowDown" if at < index else "ArrowUp")
        page.wait_for_timeout(20)


def run_to(page, index):
    """Run the cells up to an index, one by one, and wait for them."""
    select(page, 0)
    for _ in range(index + 1):
        page.keyboard.press("Shift+Enter")
    condition = f"{CELLS}.slice(0, {index + 1}).every(c => c.cell_type !== 'code' || c.execution_count !== null)"
    wait_for(page, condition, 120)


ASK = """import sys
sys.path.insert(0, {tests!r})
import stand_in_models
stand_in_models.install()
from course_utils.ask import ask_box
ask_box({folder!r})"""


def test_box_answers_from_a_persons_own_texts(open_notebook, lab, shot, tmp_path):
    (tmp_path / "flat.txt").write_text("The rent of the <b>flat</b> is 940 euros a month. Dogs are not allowed in it.")
    (tmp_path / "empty.md").touch()
    cell = new_code_cell(ASK.format(tests=str(ROOT / "tests"), folder=str(tmp_path)))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    write(new_notebook(cells=[cell], metadata=kernel), ROOT / "build" / "browser" / "work" / "ask.ipynb")
    page = open_notebook("ask.ipynb")
    page.locator(".jp-Notebook .jp-Cell").first.focus()
    page.keyboard.press("Shift+Enter")
    box = page.locator(".jp-OutputArea-output .widget-vbox")
    field = box.locator("input[type=text]")
    field.wait_for(timeout=60_000)
    field.focus()
    page.keyboard.type("How high is the rent of the flat?")
    page.keyboard.press("Enter")
    box.get_by_text("allowed in it.", exact=False).first.wait_for(timeout=30_000)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the button, which has nothing new to ask
    field.fill("Who was Napoleon?")
    page.keyboard.press("Tab")
    box.get_by_text("Not in the texts").wait_for(timeout=30_000)
    shot(page, "lab-ask-box")
    said = box.inner_text()
    assert "empty.md: not read: it is empty." in said and "flat.txt, line 1 (similarity 0." in said
    assert "The rent of the <b>flat</b>" in said and page.script_errors == [] and page.refused == []
