"""Let SmolLM2 translate the course's phrases into French, with and without examples in the prompt, and store its text.

    python experiments/chat_translation.py

A wording of the request is chosen on 16 phrases ("choose"): the one with the best mean chrF, over both ways of asking.
48 others are translated by it ("score"): without an example, after five turns that show the task, and after the same
five with their translations exchanged. The five are scored nowhere. Last come four sentences that are no everyday ones
("unlike"). The likeliest token each time, sixteen texts side by side; `gap` is the smallest difference between the
first and the second logit of an answer: where it is tiny, another processor may write another text. Rows are appended,
and what is there already is not run again.
"""

import os
import platform

import numpy as np
from ask_language_model import answers_of, in_batches
from sacrebleu import sentence_chrf

from course_utils.data import load_phrases
from course_utils.networks.pretrained import load_language_model
from course_utils.runtime import progress
from course_utils.tables import append_rows, start_sweep

NAME, TOKENS = "chat_translation", 48
COLUMNS = "part wording examples english answer gap".split()
WORDINGS = {
    "short": "Translate into French: {}",
    "long": "Translate this sentence into French. Write only the translation.\n{}",
}
PHRASES = load_phrases()
PAIRS = list(zip(PHRASES.english, PHRASES.french, strict=True))
SCORED, OTHERS, EXAMPLES = PAIRS[:48], PAIRS[60:76], PAIRS[-5:]
EXCHANGED = [(english, EXAMPLES[place - 1][1]) for place, (english, _) in enumerate(EXAMPLES)]
SHOWN = {"none": [], "five": EXAMPLES, "exchanged": EXCHANGED}
UNLIKE = (
    "The mitochondrion is the powerhouse of the cell.",
    "Interest rates rose by half a percentage point in the third quarter.",
    "To be, or not to be, that is the question.",
    "My phone number is 555 0199.",
)


def conversation(wording, examples, english):
    """Return the messages that ask for a translation, after the turns of the examples, one of the keys of `SHOWN`."""
    turns = [(asked, told) for asked, told in SHOWN[examples]] + [(english, None)]
    messages = []
    for asked, told in turns:
        messages.append({"role": "user", "content": WORDINGS[wording].format(asked)})
        messages += [{"role": "assistant", "content": told}] if told else []
    return messages


def translate(model, part, wording, examples, sentences):
    """Translate and store the sentences that are not there yet; return the answers to all, by sentence."""
    asked = {"part": part, "wording": wording, "examples": examples}
    there = [row for row in start_sweep(NAME, comments(), COLUMNS) if asked.items() <= row.items()]
    answers = {row["english"]: row["answer"] for row in there}
    todo = [sentence for sentence in sentences if sentence not in answers]
    for group in progress(in_batches(todo), f"{part}, {wording}, {examples}"):
        prompts = [model.tokenizer.encode_chat(conversation(wording, examples, sentence)) for sentence in group]
        found = dict(zip(group, answers_of(model, prompts, TOKENS), strict=True))
        append_rows(NAME, [(*asked.values(), sentence, answer, gap) for sentence, (answer, gap) in found.items()])
        answers |= {sentence: answer for sentence, (answer, _) in found.items()}
    return answers


def mean_chrf(answers, pairs):
    return np.mean([sentence_chrf(answers[english], [french]).score for english, french in pairs])


def comments():
    return [
        f"# command: python experiments/{NAME}.py",
        f"# hardware: {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        "# model: SmolLM2-135M-Instruct, weights rounded to 4 bits, float32 arithmetic",
        f"# decoding: the likeliest token each time, at most {TOKENS} tokens; no seed",
        *(f"# wording {name}: {text!r}" for name, text in WORDINGS.items()),
    ]


def main():
    model, quality = load_language_model(), {}
    for wording in WORDINGS:
        found = [translate(model, "choose", wording, way, [e for e, _ in OTHERS]) for way in ("none", "five")]
        quality[wording] = np.mean([mean_chrf(answers, OTHERS) for answers in found])
        print(f"{wording}: mean chrF {quality[wording]:.1f}")
    best = max(quality, key=quality.get)
    for way in SHOWN:
        print(way, f"{mean_chrf(translate(model, 'score', best, way, [e for e, _ in SCORED]), SCORED):.1f}")
    for way in ("none", "five"):
        translate(model, "unlike", best, way, UNLIKE)


if __name__ == "__main__":
    main()
