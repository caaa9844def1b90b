"""Let SmolLM2 answer questions, write from examples and write stories, and store its text with verdicts made by rules.

    python experiments/ask_language_model.py questions [--adapter course]
    python experiments/ask_language_model.py examples [--adapter course]
    python experiments/ask_language_model.py stories

questions: `course_utils.questions.load_chat_questions`, in four forms: the chat template, the same with permission to
say "I do not know", the bare text, and, known questions only, the bare text where the model must not end its text.
Without the adapter, mini-GPT goes on from that, too. examples: the opposite of a word, without an example, after three
turns that show it, or after the same three with their answers exchanged. stories: how much of them is repeated, by the
likeliest token and by drawn ones. All but the drawn texts are the likeliest token each time, sixteen texts side by
side; `gap` is the smallest difference between the first and the second logit of an answer: where it is tiny, another
processor may write another text. Rows are appended, and what is there already is not run again.
"""

import argparse
import os
import platform

import numpy as np
from tokenizers import Tokenizer

from course_utils.networks.chat_batches import pad_left, write_batch
from course_utils.networks.pretrained import load_language_model
from course_utils.questions import load_chat_questions
from course_utils.runtime import load_torch, load_transformers, progress
from course_utils.tables import append_rows, start_sweep
from course_utils.verdicts import abstains, says
from course_utils.weights import verified_path

BATCH, TOKENS, STORY_TOKENS = 16, 40, 120
PERMISSION = "\nIf you do not know the answer, or nobody can know it, write: I do not know."
EXAMPLES = {"hot": "cold", "up": "down", "early": "late"}
OPPOSITES = """
big small little tiny · happy sad unhappy · fast slow · open closed close shut · day night · young old · wet dry ·
full empty · hard soft easy · light dark heavy · strong weak · rich poor · long short · high low · first last ·
inside outside · left right · black white · true false · buy sell · push pull · win lose · love hate · alive dead ·
clean dirty · noisy quiet silent · begin end finish stop · remember forget · before after · north south ·
summer winter · thick thin · wide narrow · deep shallow · sweet sour bitter salty · laugh cry weep · friend enemy foe ·
question answer · arrive leave depart · cheap expensive costly dear
"""
OPPOSITES = {word: accepted for word, *accepted in map(str.split, OPPOSITES.split("·"))}
STORIES = [
    *(f"Write a short story about {about}." for about in (
        "a lost umbrella", "a girl who finds a map", "an old lighthouse", "two brothers and a boat", "a talking clock",
        "a baker at night", "a dog that waits", "the last train home",
    )),
    *(f"Write a short news report about {about}." for about in (
        "a new bridge", "a flood in a village", "a school that wins a prize", "a bus strike", "a stolen painting",
        "the first snow of the year", "a library that closes", "a record harvest",
    )),
]  # fmt: skip


def judge(question, answer):
    """Return right, wrong, invented or abstained; to correct a false premise counts as abstaining."""
    if says(answer, question.accepted):
        return "right" if question.kind == "known" else "abstained"
    return "abstained" if abstains(answer) else "wrong" if question.kind == "known" else "invented"


def user(text):
    return [{"role": "user", "content": text}]


def write_likeliest(model, rows, new, forbidden=()):
    """Return, for each of several prompts, the likeliest tokens (a list) up to the end, and the smallest gap.

    The gap is the one between the first and the second logit, where a token or the end was chosen. The `forbidden`
    tokens are never chosen.
    """
    (ids, counted), sizes = pad_left(rows), model.config
    room = (len(rows), sizes.key_value_heads, ids.shape[1] + new, sizes.d_head)
    cache = [(np.zeros(room, np.float32), np.zeros(room, np.float32)) for _ in model.layers]
    written, gaps, done = [[] for _ in rows], np.full(len(rows), np.inf), np.zeros(len(rows), bool)
    for _ in range(new):
        logits = model.states(ids, counted, cache)[:, -1] @ model.head
        logits[:, list(forbidden)] = -np.inf
        tokens, top = logits.argmax(axis=-1), np.partition(logits, -2, axis=-1)
        gaps = np.where(done, gaps, np.minimum(gaps, top[:, -1] - top[:, -2]))
        done |= np.isin(tokens, list(model.tokenizer.ends))
        for place in np.flatnonzero(~done):
            written[place].append(int(tokens[place]))
        if done.all():
            break
        ids, counted = tokens[:, None], np.concatenate([counted, np.ones((len(rows), 1), int)], axis=1)
    return written, gaps


def in_batches(items, size=BATCH):
    return [items[start : start + size] for start in range(0, len(items), size)]


def one_line(text):
    return " / ".join(line.strip() for line in text.strip().splitlines() if line.strip())


def answers_of(model, prompts, new, forbidden=()):
    """Return (one-line answer, gap) for each of at most `BATCH` prompts (lists of tokens)."""
    written, gaps = write_likeliest(model, prompts, new, forbidden)
    return [(one_line(model.decode(row)), round(float(gap), 4)) for row, gap in zip(written, gaps, strict=True)]


def question_prompts(model):
    """Return, for each form of asking, the function that makes a prompt's tokens of a question."""
    return {
        "chat": lambda text: model.tokenizer.encode_chat(user(text)),
        "told": lambda text: model.tokenizer.encode_chat(user(text + PERMISSION)),
        "bare": model.encode,
        "bare, no end": model.encode,
    }


def ask_questions(model, name, comments):
    """Ask all questions in each form and store answers and verdicts."""
    columns = "model form id answer verdict gap".split()
    there = {(row["model"], row["form"], row["id"]) for row in start_sweep("chat_answers", comments, columns)}
    todo = [
        (form, question)
        for form in (("chat", "told") if "adapter" in name else question_prompts(model))
        for question in load_chat_questions()
        if (name, form, question.id) not in there and (form != "bare, no end" or question.kind == "known")
    ]
    for form, make in question_prompts(model).items():
        forbidden = model.tokenizer.ends if form == "bare, no end" else ()
        for part in progress(in_batches([question for wanted, question in todo if wanted == form]), form):
            found = answers_of(model, [make(question.question) for question in part], TOKENS, forbidden)
            append_rows(
                "chat_answers",
                [
                    (name, form, question.id, answer, judge(question, answer), gap)
                    for question, (answer, gap) in zip(part, found, strict=True)
                ],
            )
    return there


def ask_mini_gpt(there):
    """Let mini-GPT write on from each question, and store it beside SmolLM2's bare answers."""
    torch, transformers = load_torch(), load_transformers()
    folder = verified_path("mini_gpt").parent
    gpt = transformers.GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    end = gpt.config.eos_token_id
    known = [question for question in load_chat_questions() if question.kind == "known"]
    for question in progress([q for q in known if ("mini-GPT", "bare, no end", q.id) not in there], "mini-GPT"):
        ids, gaps = [end, *tokenizer.encode(question.question).ids], []
        prompt, cache = len(ids), None
        with torch.inference_mode():
            for _ in range(TOKENS):
                output = gpt(input_ids=torch.tensor([ids if cache is None else ids[-1:]]), cache=cache, use_cache=True)
                cache, logits = output.cache, output.logits[0, -1]
                logits[end] = -torch.inf
                top = logits.topk(2)
                gaps.append(float(top.values[0] - top.values[1]))
                ids.append(int(top.indices[0]))
        answer = one_line(tokenizer.decode(ids[prompt:]))
        append_rows(
            "chat_answers",
            [("mini-GPT", "bare, no end", question.id, answer, judge(question, answer), round(min(gaps), 4))],
        )


def examples_turns(word, examples):
    """Return the conversation that asks for the opposite of a word, after the turns of the examples (a dict)."""
    turns = [(ask_opposite(first), second) for first, second in examples.items()]
    shown = [
        {"role": role, "content": text}
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]
    return shown + user(ask_opposite(word))


def ask_opposite(word):
    return f"What is the opposite of {word}? Answer with one word."


def ask_with_examples(model, name, comments):
    """Ask for opposites after no example, after three, and after three whose answers were exchanged."""
    exchanged = dict(zip(EXAMPLES, [*EXAMPLES.values()][1:] + [*EXAMPLES.values()][:1], strict=True))
    ways = {"none": {}, "three": EXAMPLES, "exchanged": exchanged}
    columns = "model examples word answer word_alone somewhere gap".split()
    there = {(row["model"], row["examples"], row["word"]) for row in start_sweep("prompt_examples", comments, columns)}
    todo = [(way, word) for way in ways for word in OPPOSITES if (name, way, word) not in there]
    for part in progress(in_batches(todo), "examples"):
        prompts = [model.tokenizer.encode_chat(examples_turns(word, ways[way])) for way, word in part]
        rows = []
        for (way, word), (answer, gap) in zip(part, answers_of(model, prompts, 24), strict=True):
            alone = answer.strip(" .").casefold() in OPPOSITES[word]
            rows.append((name, way, word, answer, int(alone), int(says(answer, OPPOSITES[word])), gap))
        append_rows("prompt_examples", rows)


def repeated_share(tokens, n=4):
    """Return which share of the n-grams stood earlier in the same text."""
    grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams)


def write_stories(model, name, comments):
    """Write stories and news reports by the likeliest token and by drawn ones, and count what is repeated."""
    columns = "model way seed request tokens repeated text".split()
    there = {(row["way"], row["request"]) for row in start_sweep("story_repetition", comments, columns)}
    for way, settings in {"greedy": {}, "top-p 0.9": {"temperature": 1.0, "top_p": 0.9, "seed": 0}}.items():
        for part in progress(in_batches([text for text in STORIES if (way, text) not in there]), way):
            prompts = [model.tokenizer.encode_chat(user(text)) for text in part]
            written = write_batch(model, prompts, STORY_TOKENS, **settings)
            append_rows(
                "story_repetition",
                [
                    (name, way, 0, text, len(row), round(repeated_share(row), 4), one_line(model.decode(row)))
                    for text, row in zip(part, written, strict=True)
                ],
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=["questions", "examples", "stories"])
    parser.add_argument("--adapter", help="what load_language_model takes: course, or a folder")
    given = parser.parse_args()
    options = {"adapter": given.adapter} if given.adapter else {}
    model = load_language_model(**options)
    name = "SmolLM2 + adapter" if given.adapter else "SmolLM2"
    comments = [
        f"# command: python experiments/ask_language_model.py {given.part} (and with --adapter course)",
        f"# hardware: {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        "# model: SmolLM2-135M-Instruct, weights rounded to 4 bits, float32 arithmetic",
        "# decoding: the likeliest token each time; top-p 0.9 draws at temperature 1, seed 0",
    ]
    if given.part == "questions":
        there = ask_questions(model, name, comments)
        if not given.adapter:
            ask_mini_gpt(there)
    elif given.part == "examples":
        ask_with_examples(model, name, comments)
    else:
        write_stories(model, name, comments)


if __name__ == "__main__":
    main()
