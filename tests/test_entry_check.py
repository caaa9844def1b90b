"""The entry check: its answers are what the code prints, and what the formulas give."""

import contextlib
import io
import math
import re

from course_utils.notebooks import ROOT

TEXT = (ROOT / "docs" / "entry_check.md").read_text(encoding="utf-8")


def test_answers_are_what_the_code_prints():
    questions = TEXT.split("\n**")[1:]
    answers = [re.search(r"</summary>\n\n`([^`]+)`", question)[1] for question in questions]
    for question, answer in zip(questions, answers, strict=True):
        for code in re.findall(r"```python\n(.+?)```", question, re.DOTALL):
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, {})
            assert printed.getvalue().strip() == answer
    step = 1e-6
    slope = ((3 * (1 + step) + 1) ** 2 - (3 * (1 - step) + 1) ** 2) / (2 * step)
    assert answers[4:] == [f"{slope:.0f}", f"{-math.log2(1 / 8):.0f}"]
