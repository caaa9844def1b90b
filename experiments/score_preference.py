"""Score SmolLM2 after preference tuning, on prompts that it was not tuned on, beside it before.

    python experiments/score_preference.py answers honest
    python experiments/score_preference.py answers answers
    python experiments/score_preference.py losses
    python experiments/score_preference.py scores

answers: the held-out instructions (greedy, at most 60 tokens, as `score_adapter.py`) and the questions without a text
(chat form, 40 tokens, as `ask_language_model.py`) go to a model of `prefer_language_model.py`; what plain SmolLM2 and
the course's adapter said is stored by these scripts. losses: in nats, on texts that have nothing to do with the pairs.
scores: shares and means of what is stored, no model runs. A difference is paired; its 95 % interval resamples groups
(2,000 draws): texts, for new forms the forms, of Python's documentation the passages, else the questions or texts.
"""

import argparse
import os
import platform

import numpy as np
from ask_language_model import TOKENS, answers_of, in_batches, judge, user
from prefer_language_model import FOLDERS, ROOT
from score_adapter import NEW, PARAGRAPHS, PARTS, difference, losses

from course_utils.answer_scores import score_answer
from course_utils.data import load_phrases
from course_utils.fitting import resampled_interval
from course_utils.library_text import load_library_text
from course_utils.networks.chat_batches import answer_all
from course_utils.networks.pretrained import load_language_model
from course_utils.questions import load_chat_questions, load_instructions
from course_utils.runtime import progress
from course_utils.tables import RESULTS, append_rows, read_sweep, start_sweep
from course_utils.verdicts import text_does_not_say

QUESTIONS = "questions without a text"
COMPARED = [("adapter", "plain"), ("honest", "adapter"), ("answers", "adapter"), ("answers", "honest")]
STORED = {"SmolLM2": "plain", "SmolLM2 + adapter": "adapter"}  # names in chat_answers.csv
DRAWS, BATCH = 2000, 16


def comments(part):
    hardware = f"{os.cpu_count()} CPU cores ({platform.machine()}), shared with other work"
    command = f"# command: python experiments/score_preference.py {part}"
    return [command, "# seeds: 0 (training, resampling)", f"# hardware: {hardware}"]


def load_model(name):
    adapter = {"plain": None, "adapter": "course"} | {key: ROOT / "models" / FOLDERS[key] for key in FOLDERS}
    return load_language_model(adapter=adapter[name])


def write_answers(name):
    """Let a tuned model answer what is held out, and store what it said."""
    model, columns = load_model(name), "part form kind id text_id model right answer".split()
    there = {(row["part"], row["model"]) for row in start_sweep("preference_answers", comments("answers …"), columns)}
    for part in (part for part in sorted(PARTS) if (part, name) not in there):
        prompts = load_instructions(part)
        answers = answer_all(model, [prompt.messages for prompt in prompts], NEW, BATCH)
        rows = [
            (part, p.form, p.kind, p.id, p.text_id, name, int(score_answer(p, text)), " / ".join(text.split("\n")))
            for p, text in zip(prompts, answers, strict=True)
        ]
        append_rows("preference_answers", rows)
    if (QUESTIONS, name) not in there:
        rows = []
        for questions in progress(in_batches(load_chat_questions()), QUESTIONS):
            prompts = [model.tokenizer.encode_chat(user(question.question)) for question in questions]
            for q, (text, _) in zip(questions, answers_of(model, prompts, TOKENS), strict=True):
                verdict = judge(q, text)
                right = int(verdict == ("right" if q.kind == "known" else "abstained"))
                rows.append((QUESTIONS, q.topic, q.kind, q.id, "", name, right, text))
        append_rows("preference_answers", rows)


def write_losses():
    """Store the loss of each text elsewhere, with each model."""
    elsewhere = {
        "sentences of the translation set": load_phrases().english,
        "paragraphs of Python's library": load_library_text().held_out.split("\n")[:PARAGRAPHS],
    }
    there = start_sweep("preference_losses", comments("losses"), ["place", "text", "model", "loss", "tokens"])
    for name in ("adapter", *FOLDERS):
        for place, texts in elsewhere.items():
            if (place, name) not in {(row["place"], row["model"]) for row in there}:
                found = losses(load_model(name), texts)
                rows = [(place, i, name, round(loss, 3), int(tokens)) for i, (loss, tokens) in enumerate(found)]
                append_rows("preference_losses", rows)


def read_answers():
    """Return all stored answers as dict, of plain SmolLM2 and the adapter, too: what was judged, and the group."""
    rows = read_sweep("adapter_answers") + read_sweep("preference_answers")
    for row in read_sweep("chat_answers", form="chat"):
        if row["model"] in STORED:
            rows.append(row | {"part": QUESTIONS, "model": STORED[row["model"]], "kind": ""})
    questions = {question.id: question for question in load_chat_questions()}
    for row in rows:
        row["answer"] = str(row["answer"])
        row["words"] = len(row["answer"].split())
        if row["part"] == QUESTIONS:
            question = questions[row["id"]]
            verdict = judge(question, row["answer"])
            right = int(verdict == ("right" if question.kind == "known" else "abstained"))
            row |= {"kind": question.kind, "group": row["id"], "right": right}
            row |= {"invented": int(verdict == "invented"), "abstained": int(verdict == "abstained")}
        else:
            row["group"] = row[PARTS[row["part"]]]
            row["abstained"] = int(text_does_not_say(row["answer"]))
            row["invented"] = int(row["kind"] == "abstain" and not row["abstained"])
    return rows


def measures_of(part, kind):
    if part == QUESTIONS:
        return ("right", "abstained", "words") if kind == "known" else ("invented", "abstained", "words")
    more = {"all": ("words",), "abstain": ("invented",), "answer": ("abstained",)}
    return ("right", *more.get(kind, ()))


def write_scores():
    """Compute shares, means and differences of what is stored."""
    (RESULTS / "preference_scores.csv").unlink(missing_ok=True)
    columns = "part kind measure count model value against difference low high".split()
    start_sweep("preference_scores", comments("scores"), columns)
    answers = read_answers()
    for part in (*PARTS, QUESTIONS):
        rows = [row for row in answers if row["part"] == part]
        there = {row["model"] for row in rows}
        compared = [(model, against) for model, against in COMPARED if model in there and against in there]
        kinds = dict.fromkeys(row["kind"] for row in rows)
        for kind in (*(() if part == QUESTIONS else ("all",)), *kinds):
            by_model = {
                name: {row["id"]: row for row in rows if row["model"] == name and kind in ("all", row["kind"])}
                for name in there
            }
            ids = list(by_model["adapter"])
            groups = [by_model["adapter"][id]["group"] for id in ids]
            for measure in measures_of(part, kind):
                values = {name: np.array([found[id][measure] for id in ids]) for name, found in by_model.items()}
                write_row(part, kind, measure, len(ids), "plain", values["plain"].mean())
                for model, against in compared:
                    gap = difference(values[against], values[model], groups)
                    write_row(part, kind, measure, len(ids), model, values[model].mean(), against, *gap)
    if (RESULTS / "preference_losses.csv").exists():
        write_loss_scores()


def write_loss_scores():
    rows = read_sweep("preference_losses")
    for place in dict.fromkeys(row["place"] for row in rows):
        sums = {
            name: np.array([row["loss"] for row in rows if (row["place"], row["model"]) == (place, name)])
            for name in ("adapter", *FOLDERS)
        }
        counts = np.array([row["tokens"] for row in rows if (row["place"], row["model"]) == (place, "adapter")])
        write_row(place, "all", "loss", len(counts), "adapter", sums["adapter"].sum() / counts.sum())
        for model, against in COMPARED[1:]:
            gaps = sums[model] - sums[against]
            gap = gaps.sum() / counts.sum(), *resampled_interval(gaps, counts, DRAWS)
            write_row(place, "all", "loss", len(counts), model, sums[model].sum() / counts.sum(), against, *gap)


def write_row(part, kind, measure, count, model, value, against="", *gap):
    numbers = [round(float(number), 4) for number in gap] or ["", "", ""]
    row = [part, kind, measure, count, model, round(float(value), 4), against, *numbers]
    append_rows("preference_scores", [row])
    print(*row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["answers", "losses", "scores"])
    parser.add_argument("model", nargs="?", choices=[*FOLDERS], help="whose answers")
    options = parser.parse_args()
    if options.part == "answers":
        write_answers(options.model)
    elif options.part == "losses":
        write_losses()
    else:
        write_scores()


if __name__ == "__main__":
    main()
