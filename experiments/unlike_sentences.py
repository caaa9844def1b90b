"""Count which training sentences of mini-T5 the translator would warn of, and measure what such a change costs.

    python experiments/unlike_sentences.py DATA_FOLDER

DATA_FOLDER holds train.{fr,de}.tsv.xz as for experiments/train_mini_t5.py. Each change is made to the course's 200
phrases, and chrF is compared with that of the same phrases as they are (as they are, one at a time, where they are
joined), paired, with a 95 % bootstrap interval over the phrases (over the groups that are joined).
"""

import argparse
import platform
from collections import Counter
from pathlib import Path

import numpy as np
from sacrebleu.metrics import CHRF
from train_mini_t5 import PREFIXES, lesson_sentences, read_pairs

from course_utils.data import load_phrases
from course_utils.fitting import resampled_interval
from course_utils.networks.pretrained import load_translator
from course_utils.networks.translator import describe_unlike
from course_utils.tables import RESULTS, append_rows, start_sweep

# what `describe_unlike` advises, and the change to the phrases that brings it about: how many are joined, and how
CHANGES = {
    "write English in plain letters and punctuation": {},
    "use small letters": {"capitals": (1, str.upper)},
    "begin with a capital": {"first letter small": (1, lambda text: text[0].lower() + text[1:])},
    "end it with one": {"no full stop": (1, lambda text: text[:-1])},
    "make each an entry of the list": {f"{count} joined": (count, str) for count in (2, 3, 4)},
    "cut it into shorter ones": {},
}


def join(texts, count):
    """Join neighbouring texts, `count` at a time."""
    return [" ".join(texts[i : i + count]) for i in range(0, len(texts), count)]


def measure_loss(translator, phrases, language, count, change):
    """Return (mean chrF lost, the ends of its 95 % interval): groups of `count` changed phrases against single ones."""
    english, references = list(phrases.english), join(list(getattr(phrases, language.lower())), count)
    single = join(translator.translate(english, language), count)
    changed = translator.translate(join([change(text) for text in english], count), language, warn=False)
    score = CHRF().sentence_score
    lost = [
        score(one, [right]).score - score(other, [right]).score
        for one, other, right in zip(single, changed, references, strict=True)
    ]
    return np.mean(lost), *resampled_interval(np.array(lost), np.ones(len(lost)), 2000)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the pair files")
    folder = parser.parse_args().data
    translator, phrases, excluded = load_translator(), load_phrases(), lesson_sentences()
    learned = set().union(*(read_pairs(folder, language, excluded)[0] for language in PREFIXES))
    advice = Counter((describe_unlike(text, translator.alphabet) or ("", ""))[1] for text in sorted(learned))
    head = [
        "# command: python experiments/unlike_sentences.py DATA_FOLDER",
        "# seeds: none in the translations (greedy), 0 for the intervals",
        f"# hardware: 2 CPU cores ({platform.machine()})",
        f"# training_sentences: those of {len(learned):,} English sentences that the translator would warn of",
        "# lost: points of chrF on the 200 phrases, changed so, paired with the same phrases as they are",
    ]
    file = RESULTS / "unlike_sentences.csv"
    file.unlink(missing_ok=True)
    start_sweep(file, head, ["advice", "training_sentences", "change", "target", "lost", "low", "high"])
    for told, changes in CHANGES.items():
        rows = [
            [
                told,
                advice[told],
                name,
                language,
                *(f"{n:.2f}" for n in measure_loss(translator, phrases, language, *how)),
            ]
            for name, how in changes.items()
            for language in translator.targets
        ]
        append_rows(file, rows or [[told, advice[told], "", "", "", "", ""]])


if __name__ == "__main__":
    main()
