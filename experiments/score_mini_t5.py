"""Score mini-T5 on the dev pairs, greedy decoding, all references, and write the scores beside the weights.

python experiments/score_mini_t5.py DATA_FOLDER [--model models/mini_t5]
"""

import argparse
import json
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path

from sacrebleu.metrics import BLEU, CHRF

from course_utils.networks.translator import Translator

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = {"French": "fr", "German": "de"}


def read_dev(folder, language):
    """Return {English sentence: [references]} of one dev file."""
    references = defaultdict(list)
    for line in (Path(folder) / f"dev.{language}.tsv").read_text(encoding="utf-8").splitlines():
        english, translation = line.split("\t")[:2]
        references[english].append(translation)
    return references


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the pair files")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "mini_t5")
    parser.add_argument("--beams", type=int, default=1)
    arguments = parser.parse_args()
    translator = Translator.from_folder(arguments.model, targets=LANGUAGES, name="mini-T5", source="", licence="")
    scores = {}
    for target, language in LANGUAGES.items():
        references = read_dev(arguments.data, language)
        hypotheses = translator.translate(list(references), target=target, beams=arguments.beams)
        streams = list(zip_longest(*references.values()))  # the n-th references, None where there is none
        bleu, chrf = BLEU(), CHRF()
        scores[target] = {
            "BLEU": round(bleu.corpus_score(hypotheses, streams).score, 2),
            "chrF": round(chrf.corpus_score(hypotheses, streams).score, 2),
            "sentences": len(hypotheses),
            "signature": str(bleu.get_signature()),
        }
        print(target, scores[target])
    if arguments.beams == 1:
        path = arguments.model / "scores.json"
        path.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
