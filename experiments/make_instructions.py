"""Build course_utils/files/instructions.jsonl from the course's own texts, questions and forms of asking.

    python experiments/make_instructions.py

What it combines lies in experiments/instruction_texts, as plain text:
    "## name" begins a text; "key ? question = answer | other accepted answers" is a question that it answers, "! …" one
    that it does not, "+ …" one with yes for an answer, "- …" with no, "* question = first; second; third" one for a
    list, and "~ summary = words of which a summary must hold one".
forms.toml has the forms. In calculator_*.txt, "= question | expression | sentence with the result" needs a calculation
and "? question = answer" none. python.txt names passages of Python's documentation by topic and checksum.
Deterministic: the same files give the same bytes (seed below).
"""

import argparse
import json
import random
import re
import tomllib
from collections import Counter
from itertools import cycle
from pathlib import Path

from course_utils.answer_scores import ABSTAINING_ANSWER, normalise
from course_utils.calculator import calculate

SEED = 18
FOLDER = Path(__file__).parent / "instruction_texts"
FILE = Path(__file__).parents[1] / "course_utils" / "files" / "instructions.jsonl"
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
MONTHS = "january february march april may june july august september october november december".split()
PYTHON_FORMS = ("question first", "document tags", "do not guess", "capital headings", "look it up", "steps")

# pairs of each form: {kind of form: {what: count}}; "application" has its own counts
TRAIN = {
    "ask": {"answer": 9, "abstain": 7},
    "application": {"answer": 46, "abstain": 34},
    "planted": {"answer": 25},
    "json": {"format": 8},
    "json answer": {"format": 8},
    "yes/no": {"format": 10},
    "dashes": {"format": 8},
    "commas": {"format": 8},
    "numbered": {"format": 8},
    "one word": {"format": 8},
    "upper": {"format": 8},
    "row": {"format": 7},
    "digits": {"format": 8},
    "brackets": {"format": 8},
    "lines": {"format": 7},
    "summary": {"limit": 12},
    "limited answer": {"limit": 12},
    "calculator": {"request": 13, "result": 7, "direct": 6},
}
SEEN = {kind: dict.fromkeys(counts, 1) for kind, counts in TRAIN.items()} | {
    "application": {"answer": 12, "abstain": 8},
    "planted": {"answer": 3},
    "yes/no": {"format": 2},
    "summary": {"limit": 2},
    "limited answer": {"limit": 2},
    "calculator": {"request": 2, "result": 1, "direct": 1},
}
NEW = {
    "ask": {"answer": 9, "abstain": 7},
    "json": {"format": 6},
    "true/false": {"format": 6},
    "prefix": {"format": 6},
    "summary": {"limit": 10},
    "calculator": {"request": 4, "result": 2, "direct": 2},
}


def read_texts(path):
    """Read texts with their questions, a dict each."""
    texts = []
    for block in path.read_text("utf-8").split("## ")[1:]:
        name, text, *lines = [line for line in block.splitlines() if line.strip()]
        entry = dict(name=name, text=text, answered=[], unanswered=[], yes_no=[], lists=[], summary=None)
        for line in lines:
            sign, _, rest = line.partition(" ")
            if sign == "!":
                entry["unanswered"].append(rest)
            elif sign in "+-":
                entry["yes_no"].append((rest, sign == "+"))
            elif sign == "*":
                question, items = rest.split(" = ")
                entry["lists"].append((question, items.split("; ")))
            elif sign == "~":
                summary, words = rest.split(" = ")
                entry["summary"] = (summary, words.split(" | "))
            else:
                question, accept = rest.removeprefix("? ").split(" = ")
                entry["answered"].append((sign, question, accept.split(" | ")))
        texts.append(entry)
    return texts


def read_calculations(path):
    """Return what needs a calculation, [(question, expression, sentence)], and what does not, [(question, answers)]."""
    lines = path.read_text("utf-8").splitlines()
    needed = [tuple(line[2:].split(" | ")) for line in lines if line.startswith("= ")]
    direct = [line[2:].split(" = ") for line in lines if line.startswith("? ")]
    return needed, [(question, answers.split(" | ")) for question, answers in direct]


def other_candidates(entry, question, accept):
    """Return what stands in a text and is of the same sort as an answer: numbers, days, months, or other names."""
    taken = set(normalise(" ".join([question, *accept])).split())
    words = [word for word in dict.fromkeys(normalise(entry["text"]).split()) if word not in taken]
    first = normalise(accept[0]).split()
    sorts = []
    if any(word[0].isdigit() for word in first):
        sorts += [word for word in words if word[0].isdigit()]
    for names in (DAYS, MONTHS):
        if set(first) & set(names):
            sorts += [word for word in words if word in names]
    if accept[0][0].isupper():
        names = [answers[0] for _, asked, answers in entry["answered"] if asked != question and answers[0][0].isupper()]
        sorts += [name for name in names if not taken & set(normalise(name).split())]
    return list(dict.fromkeys(sorts))


def sentences(text):
    return re.split(r"(?<=[.!?:]) (?=[A-Z\"])", text.replace("Prof. ", "Prof.\xa0").replace("D. A", "D.\xa0A"))


def fill(template, **values):
    """Put values into a template; what else stands in braces stays as it is."""
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), template.strip("\n"))


def opened(accept):
    """Return the first of the accepted answers with a capital letter, but as it stands if it may be quoted."""
    as_it_stands = any(answer.startswith('"') for answer in accept)
    return accept[0] if as_it_stands else accept[0][0].upper() + accept[0][1:]


class Maker:
    """Draw pairs for one part from its texts, each question once for a kind before any comes again."""

    def __init__(self, part, forms, texts, calculations, counts, orders, seed):
        self.part, self.forms, self.texts, self.counts = part, forms, texts, counts
        self.random = random.Random(f"{seed} {part}")
        pick = [(entry, item) for entry in texts for item in entry["answered"]]
        self.answered = self._endless(pick)
        self.again = self._endless(pick)
        self.two_words = self._endless([(e, i) for e, i in pick if len(i[2][0].split()) > 1])
        self.one_word = self._endless([(e, i) for e, i in pick if i[2][0].isalpha()])
        self.letters = self._endless([(e, i) for e, i in pick if not re.search(r"\d", "".join(i[2]))])
        self.how_many = self._endless([(e, i) for e, i in pick if "ow many" in i[1]])
        self.unanswered = self._endless([(entry, item) for entry in texts for item in entry["unanswered"]])
        yes, no = ([(e, i) for e in texts for i in e["yes_no"] if i[1] is wanted] for wanted in (True, False))
        self.random.shuffle(yes), self.random.shuffle(no)
        self.yes_no = cycle([item for both in zip(yes, no, strict=True) for item in both])
        self.lists = self._endless([(entry, item) for entry in texts for item in entry["lists"]])
        self.summaries = self._endless([(entry, entry["summary"]) for entry in texts])
        needed, direct = calculations
        self.requests, self.results, self.direct = map(self._endless, (needed, needed, direct))
        self.orders = self._endless(orders)
        self.pairs = []

    def _endless(self, items):
        items = list(items)
        self.random.shuffle(items)
        return cycle(items)

    def add(self, form, kind, text_id, content, answer, accept, check, others=(), before=()):
        messages = [*before, {"role": "user", "content": content}]
        number = f"{self.part.split()[0]}-{len(self.pairs) + 1:03}"
        row = dict(id=number, form=form["id"], kind=kind, part=self.part, text_id=text_id, messages=messages)
        self.pairs.append(row | dict(answer=answer, accept=list(accept), others=list(others), check=check))

    def make(self):
        for form in self.forms:
            name = form["id"] if form["id"] in self.counts else form["kind"]
            for what, count in self.counts.get(name, {}).items():
                for index in range(count):
                    getattr(self, f"_{what}")(form, index)
        return self.pairs

    # a question about a text

    def _layout(self, form, entry, question, index, order="", strange=False):
        """Fill a form with a text; some of the application's have two or three, and `strange` ones not the right."""
        several = form["id"] == "numbered passages" or (form["id"] == "application" and index % 5 < 2)
        chosen = [entry]
        if several or strange:
            others = [other for other in self.texts if other is not entry]
            chosen = self.random.sample(others, self.random.choice((2, 3) if several else (1,)))
            if not strange:
                chosen[self.random.randrange(len(chosen))] = entry
        text = "\n\n".join(other["text"] for other in chosen)
        lines = sentences(text)
        place = self.random.randrange(1, len(lines) + 1)
        return fill(
            form["template"],
            text=text,
            question=question,
            quoted="\n".join(f"> {line}" for line in lines),
            bullets="\n".join(f"- {line}" for line in lines),
            passages="\n\n".join(f"Passage {number}: {other['text']}" for number, other in enumerate(chosen, 1)),
            planted=" ".join([*lines[:place], order, *lines[place:]]),
        )

    def _answer(self, form, index):
        entry, (_, question, accept) = next(self.answered)
        others, order = other_candidates(entry, question, accept), ""
        if form["kind"] == "planted":
            order = next(self.orders)
            others += re.findall(r'(?<=")[^"]+(?=")|\b[A-Z]{4,}\b|(?<=word )\w+', order)
        content = self._layout(form, entry, question, index, order)
        self.add(form, "answer", entry["name"], content, opened(accept), accept, "answer", others)

    def _abstain(self, form, index):
        entry, question = next(self.unanswered)
        content = self._layout(form, entry, question, index)
        if index % 5 == 1 and form["id"] in ("application", "numbered passages"):  # no text is on the subject
            entry, (_, question, _) = next(self.again)
            content = self._layout(form, entry, question, index, strange=True)
        self.add(form, "abstain", entry["name"], content, ABSTAINING_ANSWER, [ABSTAINING_ANSWER], "abstain")

    # a given form

    def _format(self, form, _index):
        getattr(self, f"_{form['kind'].translate(str.maketrans(' /', '__'))}")(form)

    def _form(self, form, entry, question, answer, accept, check, others=()):
        content = fill(form["template"], text=entry["text"], question=question)
        self.add(form, "format", entry["name"], content, answer, accept, check, others)

    def _two(self, form, write, check):
        entry, first = next(self.again)
        second = self.random.choice([item for item in entry["answered"] if item is not first])
        (key1, question1, accept1), (key2, question2, accept2) = first, second
        values = dict(key1=key1, question1=question1, key2=key2, question2=question2, text=entry["text"])
        accept = [f"{key}: {value}" for key, _, values_ in (first, second) for value in values_]
        answer = write(key1, accept1[0].replace('"', ""), key2, accept2[0].replace('"', ""))
        self.add(form, "format", entry["name"], fill(form["template"], **values), answer, accept, check)

    def _json(self, form):
        self._two(form, lambda k1, v1, k2, v2: json.dumps({k1: v1, k2: v2}, ensure_ascii=False), "json")

    def _row(self, form):
        self._two(form, lambda _k1, v1, _k2, v2: f"| {v1} | {v2} |", "row")

    def _lines(self, form):
        self._two(form, lambda k1, v1, k2, v2: f"{k1}: {v1}\n{k2}: {v2}", "sheet")

    def _json_answer(self, form):
        entry, (_, question, accept) = next(self.again)
        answer = json.dumps({"answer": accept[0]}, ensure_ascii=False)
        self._form(form, entry, question, answer, [f"answer: {value}" for value in accept], "json")

    def _yes_no(self, form):
        entry, (question, yes) = next(self.yes_no)
        answer = "Yes" if yes else "No"
        self._form(form, entry, question, answer, [answer], "choice")

    def _true_false(self, form):
        entry, (question, yes) = next(self.yes_no)
        answer = "true" if yes else "false"
        self._form(form, entry, question, answer, [answer], "choice")

    def _dashes(self, form):
        entry, (question, items) = next(self.lists)
        self._form(form, entry, question, "\n".join(f"- {item}" for item in items), items, "dashes")

    def _commas(self, form):
        entry, (question, items) = next(self.lists)
        self._form(form, entry, question, ", ".join(items), items, "commas")

    def _numbered(self, form):
        entry, (question, items) = next(self.lists)
        answer = "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
        self._form(form, entry, question, answer, items, "numbered")

    def _one_word(self, form):
        entry, (_, question, accept) = next(self.one_word)
        self._form(form, entry, question, opened(accept), accept, "word")

    def _digits(self, form):
        entry, (_, question, accept) = next(self.how_many)
        number = next(word for word in normalise(accept[0]).split() if word[0].isdigit())
        self._form(form, entry, question, number, [number], "digits")

    def _upper(self, form):
        entry, (_, question, accept) = next(self.letters)
        self._form(form, entry, question, accept[0].upper(), accept, "upper", other_candidates(entry, question, accept))

    def _brackets(self, form):
        entry, (_, question, accept) = next(self.again)
        others = other_candidates(entry, question, accept)
        self._form(form, entry, question, f"[{accept[0]}]", accept, "brackets", others)

    def _prefix(self, form):
        entry, (_, question, accept) = next(self.again)
        others = other_candidates(entry, question, accept)
        self._form(form, entry, question, f"Answer: {accept[0]}", accept, "prefix", others)

    # a word limit

    def _limit(self, form, _index):
        if form["kind"] == "summary":
            entry, (answer, accept) = next(self.summaries)
            question, others = "", ()
            answer = answer.removesuffix(".") if form["id"] in ("headline", "small sign") else answer
        else:
            entry, (_, question, accept) = next(self.two_words)
            answer, others = opened(accept), other_candidates(entry, question, accept)
        limit = len(answer.split()) + self.random.randrange(4)
        content = fill(form["template"], text=entry["text"], question=question, limit=limit)
        self.add(form, "limit", entry["name"], content, answer, accept, f"words {limit}", others)

    # a calculator

    def _request(self, form, _index):
        question, expression, _ = next(self.requests)
        request = json.dumps({"tool": "calculator", "expression": expression})
        content = fill(form["template"], question=question)
        self.add(form, "calculator", question, content, request, [str(calculate(expression))], "request")

    def _result(self, form, _index):
        question, expression, sentence = next(self.results)
        request = json.dumps({"tool": "calculator", "expression": expression})
        result = str(calculate(expression))
        before = [
            {"role": "user", "content": fill(form["template"], question=question)},
            {"role": "assistant", "content": request},
        ]
        answer = opened([sentence.replace("{}", result)])
        self.add(form, "calculator", question, f"calculator: {result}", answer, [result], "answer", before=before)

    def _direct(self, form, _index):
        question, accept = next(self.direct)
        content = fill(form["template"], question=question)
        self.add(form, "calculator", question, content, opened(accept), accept, "answer")


def chat_pairs(path, form):
    """Return pairs of plain conversation, for training only."""
    lines = [line[2:].split(" = ") for line in path.read_text("utf-8").splitlines()]
    return [
        dict(id=f"chat-{number:03}", form=form["id"], kind="chat", part="train", text_id=question)
        | dict(messages=[{"role": "user", "content": question}], answer=answer, accept=[], others=[], check="talk")
        for number, (question, answer) in enumerate(lines, 1)
    ]


def python_pairs(path, forms):
    """Return pairs on passages of Python's documentation, {text} for the passage, half in the application's form."""
    pairs, turn = [], [name for other in PYTHON_FORMS for name in ("application", other)]
    names = {"answer": cycle(turn), "abstain": cycle(turn)}
    for block in path.read_text("utf-8").split("## ")[1:]:
        head, *lines = block.splitlines()
        topic, checksum = head.rsplit(" ", 1)
        for line in filter(str.strip, lines):
            question, _, answers = line[2:].partition(" = ")
            accept = answers.split(" | ") if answers else [ABSTAINING_ANSWER]
            kind = "answer" if answers else "abstain"
            name = next(names[kind])
            content = fill(forms[name]["template"], question=question)
            row = dict(id=f"python-{len(pairs) + 1:03}", form=name, kind=kind, part="python", text_id=checksum)
            row |= dict(messages=[{"role": "user", "content": content}], answer=accept[0], accept=accept)
            pairs.append(row | dict(others=[], check=kind, topic=topic))
    return pairs


def make():
    """Return all pairs, in the order of the file."""
    listed = tomllib.loads((FOLDER / "forms.toml").read_text("utf-8"))["form"]
    forms = {form["id"]: form for form in listed}
    trained = [form for form in listed if "part" not in form]
    new = [form for form in listed if form.get("part") == "new"]
    held_out = read_texts(FOLDER / "held_out.txt")
    needed, direct = read_calculations(FOLDER / "calculator_held_out.txt")
    orders = (FOLDER / "planted.txt").read_text("utf-8").splitlines()
    held_orders = (FOLDER / "planted_held_out.txt").read_text("utf-8").splitlines()
    calculations = read_calculations(FOLDER / "calculator_train.txt")
    train = Maker("train", trained, read_texts(FOLDER / "train.txt"), calculations, TRAIN, orders, SEED)
    seen = Maker("seen forms", trained, held_out[::2], (needed[::2], direct[::2]), SEEN, held_orders, SEED)
    unseen = Maker("new forms", new, held_out[1::2], (needed[1::2], direct[1::2]), NEW, held_orders, SEED)
    chat = chat_pairs(FOLDER / "chat.txt", forms["chat"])
    return [*train.make(), *chat, *seen.make(), *unseen.make(), *python_pairs(FOLDER / "python.txt", forms)]


def main():
    """Write the file, and print how many pairs each part has of each kind."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    pairs = make()
    text = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
    FILE.write_text(text, encoding="utf-8", newline="\n")
    for (part, kind), count in sorted(Counter((pair["part"], pair["kind"]) for pair in pairs).items()):
        print(f"{part:10} {kind:10} {count:4}")
    print(f"{FILE.name}: {len(pairs)} pairs")


if __name__ == "__main__":
    main()
