"""Put states of one prompt into the run of another: where does SmolLM2 keep the country whose capital it will name?

    python experiments/patch_capitals.py

24 prompts "The capital of X is the city of" have the same tokens but for the country; each is paired with the next one.
A row says how far the logit of the prompt's own capital stands above that of the partner's, after a state of the run
was replaced by the same place's and depth's of a source: the partner's prompt, or "A town in X is the city of" with the
same country. `clean` is the run without a patch, `source` the source's own run.
"""

import platform

import numpy as np

from course_utils.networks.pretrained import load_language_model
from course_utils.notebooks import load_definitions
from course_utils.tables import RESULTS, append_rows, start_sweep

LESSON = "07_trends_and_challenges"
COLUMNS = ("pair", "source_prompt", "place", "depth", "clean", "source", "patched")
PLACES = {3: "country", 4: "is", 5: "the", 6: "city", 7: "of"}  # before the country both prompts are alike
DEPTHS = (0, 4, 8, 12, 16, 18, 20, 21, 22, 23, 24, 25, 26, 28, 30)  # blocks that were run before the patch


def difference(lesson, model, states, own, other):
    """Return the logit of each own capital minus the other's (b,), after the last token of states (31, b, n, …)."""
    logits, rows = lesson.read(model, states[-1, :, -1]), np.arange(len(own))
    return logits[rows, own] - logits[rows, other]


def main():
    """Patch each place at each depth, for all pairs at once."""
    (RESULTS / "capital_patches.csv").unlink(missing_ok=True)
    comments = [
        "# command: python experiments/patch_capitals.py",
        f"# hardware: 2 CPU cores ({platform.machine()}) that other work shared; seeds: none",
        "# model: SmolLM2-135M-Instruct, weights rounded to 4 bits, computed in float32; depth: blocks before the "
        "patch",
        "# countries: 24 of 36 tried, those whose capital is one token and the first choice by more than 1 in the "
        "logit",
    ]
    start_sweep("capital_patches", comments, COLUMNS)
    lesson = load_definitions(LESSON, ["capital_prompts", "run_blocks", "read"])
    model = load_language_model()
    ids, own = lesson.capital_prompts(model)
    other = np.roll(own, -1)
    towns, _ = lesson.capital_prompts(model, "A town in {} is the city of")
    runs = {"another country": np.roll(ids, -1, axis=0), "the same country": towns}
    clean = difference(lesson, model, lesson.run_blocks(model, ids), own, other)
    for name, source_ids in runs.items():
        states = lesson.run_blocks(model, source_ids)
        there = difference(lesson, model, states, own, other)
        for place, word in PLACES.items():
            for depth in DEPTHS if name == "another country" or word in ("country", "of") else ():
                patched = lesson.run_blocks(model, ids, (depth, place, states[depth, :, place]))
                values = zip(clean, there, difference(lesson, model, patched, own, other), strict=True)
                rows = [(pair, name, word, depth, *(f"{v:.3f}" for v in row)) for pair, row in enumerate(values)]
                append_rows("capital_patches", rows)


if __name__ == "__main__":
    main()
