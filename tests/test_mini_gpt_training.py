"""What trains and scores mini-GPT and mini-BERT: the n-gram model, the split of the text, and going on after a stop."""

import hashlib
import importlib
import json
import math
from collections import Counter, defaultdict
from types import SimpleNamespace

import numpy as np
import pytest

from course_utils.notebooks import ROOT
from course_utils.runtime import load_transformers

EXPERIMENTS = ROOT / "experiments"
GPT, BERT = ROOT / "models" / "mini_gpt", ROOT / "models" / "mini_bert"
TINY = dict(
    vocabulary=300,
    width=16,
    layers=1,
    heads=2,
    context=8,
    blocks_per_batch=8,
    masked_blocks_per_batch=8,
    warmup_steps=2,
)


def load_script(name):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXPERIMENTS))
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def kneser_ney():
    return load_script("kneser_ney").KneserNey


@pytest.fixture(scope="module")
def docs():
    return load_script("python_docs")


@pytest.fixture(scope="module")
def script():
    load_transformers()
    return load_script("train_mini_gpt")


@pytest.fixture(scope="module")
def scorer(script):
    return load_script("score_mini_gpt")


@pytest.fixture
def tiny(script, monkeypatch):
    """Give the script a tiny model and a tiny text: {part: {module: tokens}}."""
    for name, value in TINY.items():
        monkeypatch.setitem(script.SETTINGS, name, value)
    random = np.random.default_rng(0)
    return {
        part: {f"{part} {i}": [*random.integers(3, 40, 30).tolist(), script.END] for i in range(count)}
        for part, count in (("train", 6), ("validation", 2))
    }


def naive_kneser_ney(tokens, vocabulary, context, token, discounts):
    """Return the probability by the formulas of Chen and Goodman, with dictionaries."""
    order = max(discounts)
    grams = {n: Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)) for n in range(1, order + 1)}
    counts = {order: grams[order]}
    for n in range(order - 1, 0, -1):
        before = defaultdict(set)
        for gram in counts[n + 1]:
            before[gram[1:]].add(gram[0])
        counts[n] = {gram: len(tokens_before) for gram, tokens_before in before.items()}
    probability = 1 / vocabulary
    for n in range(1, order + 1):
        history = tuple(context[len(context) - n + 1 :])
        after = {gram[-1]: count for gram, count in counts[n].items() if gram[:-1] == history}
        if after:
            taken = {t: discounts[n][min(count, 3) - 1] for t, count in after.items()}
            total = sum(after.values())
            own = (after[token] - taken[token]) / total if token in after else 0
            probability = own + sum(taken.values()) / total * probability
    return probability


@pytest.fixture(scope="module")
def tokens():
    random = np.random.default_rng(1)
    return random.choice(12, 600, p=random.dirichlet(np.ones(12) / 2))


@pytest.mark.parametrize("modified", [True, False])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_after_any_context_sum_to_one(kneser_ney, tokens, order, modified):
    model = kneser_ney(tokens, 15, order, modified)  # tokens 12, 13 and 14 are in no training text
    seen = np.lib.stride_tricks.sliding_window_view(tokens, max(1, order - 1))[:40, : order - 1]
    unseen = np.random.default_rng(2).integers(0, 15, (40, order - 1))
    for context in np.concatenate([seen, unseen]):
        probabilities = model.probabilities(np.tile(context, (15, 1)), np.arange(15))
        assert probabilities.min() > 0
        assert probabilities.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_probabilities_equal_the_formulas(kneser_ney, tokens, order):
    model = kneser_ney(tokens, 15, order)
    random = np.random.default_rng(3)
    starts = random.integers(0, len(tokens) - order, 20)
    contexts = np.stack([tokens[i : i + order - 1] for i in starts] + list(random.integers(0, 15, (10, order - 1))))
    following = random.integers(0, 15, len(contexts))
    expected = [
        naive_kneser_ney(tokens.tolist(), 15, context.tolist(), token, model.discounts)
        for context, token in zip(contexts, following, strict=True)
    ]
    assert model.probabilities(contexts, following) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("modified", "expected"), [(False, [1 / 7] * 3), (True, [1 / 7, 13 / 7, 17 / 7])])
def test_discounts_come_from_the_counts_of_counts(kneser_ney, modified, expected):
    # Bigrams by hand: 01 three times, 11, 12 and 20 twice, 10 once: n1 = 1, n2 = 3, n3 = 1. Nothing stands there four
    # times; n4 counts as 1 at least. y = 1 / (1 + 2 * 3) = 1/7; 1 - 2 y 3 = 1/7; 2 - 3 y / 3 = 13/7; 3 - 4 y = 17/7.
    model = kneser_ney(np.array([0, 1, 1, 2, 0, 1, 1, 2, 0, 1, 0]), 3, 2, modified=modified)
    assert model.discounts[2] == pytest.approx(expected)


def test_a_score_uses_all_that_precedes_a_token(kneser_ney, tokens):
    model = kneser_ney(tokens, 15, 3)
    scores = model.score(tokens[:50], first=10)
    one = model.probabilities(tokens[None, 18:20], tokens[20:21])
    assert len(scores) == 40 and scores[10] == pytest.approx(math.log(one[0]))


def test_a_vocabulary_that_does_not_fit_is_refused(kneser_ney):
    with pytest.raises(ValueError, match="vocabulary: found 10000"):
        kneser_ney([1, 2, 3], 10_000, 5)


@pytest.fixture
def library(tmp_path):
    """Write a small standard library of 60 modules, each with its test; some sentences stand in several of them."""
    words = "alpha beta gamma delta value string module object method number returns called with from that this".split()
    random = np.random.default_rng(4)
    shared = " ".join(random.choice(words, 14))
    for number in range(60):
        own = [" ".join(random.choice(words, 12)) for _ in range(3)]
        own.append(f"Here {shared} {number} more words." if number % 3 else f"There {shared} then.")
        text = '"""' + "\n\n".join(own) + '\n\nx = 1\n\n>>> an example session that nobody wants to read"""\n'
        (tmp_path / f"module{number}.py").write_text(text, encoding="utf-8")
        (tmp_path / "test").mkdir(exist_ok=True)
        test = f'def test():\n    """Check that {" ".join(random.choice(words, 9))} does it."""\n'
        (tmp_path / "test" / f"test_module{number}.py").write_text(test, encoding="utf-8")
    return tmp_path


def test_no_module_and_no_run_of_words_stands_in_two_parts(docs, library):
    documents = docs.load_documents(library, compiled=False)
    modules = [set(documents.parts[part]) for part in docs.PARTS]
    assert all(modules) and sum(map(len, modules)) == len(set.union(*modules))
    known = [
        set().union(*(docs.runs(line) for text in documents.texts(part) for line in text.split("\n")))
        for part in docs.PARTS
    ]
    assert not known[0] & known[1] and not known[0] & known[2] and not known[1] & known[2]
    assert documents.left_out > 0
    lines = [line for part in docs.PARTS for text in documents.texts(part) for line in text.split("\n")]
    assert len(lines) == len(set(lines)) and not any(">>>" in line for line in lines)


def test_a_module_its_tests_and_its_compiled_half_count_as_one(docs):
    names = ["json/__init__.py", "json/tool.py", "test/test_json/test_dump.py", "_json", "test/test_json.py"]
    assert {docs.module_of(name) for name in names} == {"json"}
    assert docs.part_of("json") == "test" and docs.part_of("asyncio") == "train"


def test_an_epoch_predicts_each_token_once_and_differs_from_the_next(script, tiny):
    tokens, blocks = script.stream(tiny["train"]), script.training_blocks(tiny["train"], 0)
    assert blocks.shape == ((len(tokens) - 1) // 8, 9)
    left_out = Counter(tokens.tolist()) - Counter(blocks[:, 1:].flatten().tolist())
    assert left_out.total() == len(tokens) - 8 * len(blocks) <= 8
    assert (blocks == script.training_blocks(tiny["train"], 0)).all()
    assert not (blocks == script.training_blocks(tiny["train"], 1)).all()


def test_an_epoch_trains_on_every_block_the_short_last_batch_included(script, tiny, tmp_path, monkeypatch):
    trainer, seen = script.Trainer(300), []
    monkeypatch.setattr(trainer, "step", lambda blocks, factor: seen.append(blocks) or 1.0)
    monkeypatch.setattr(trainer, "validate", lambda tokens: 1.0)
    script.train(trainer, tiny, tmp_path, epochs=1, minutes=math.inf)
    assert [len(blocks) for blocks in seen] == [8, 8, 7]
    assert (script.torch.cat(seen) == script.training_blocks(tiny["train"], 0)).all()


@pytest.mark.parametrize("name", ["train_mini_gpt", "train_mini_t5"])
def test_the_learning_rate_rises_stays_and_falls_to_zero_but_not_below(script, name):
    other = load_script(name)
    rate = getattr(other, "schedule", None) or other.learning_rate
    highest = 1 if name == "train_mini_gpt" else other.SETTINGS["learning_rate"]
    warm, steps = other.SETTINGS["warmup_steps"], 10_000
    fall = round(steps * (1 - other.SETTINGS["decay_share"]))
    rates = np.array([rate(step, steps) for step in range(steps + 100)]) / highest  # a run may ask for fewer epochs
    assert rates[0] == pytest.approx(1 / warm) and rates[warm - 1] == 1 and rates[warm - 2] < 1
    assert rates[warm:fall].tolist() == [1] * (fall - warm)
    assert rates[(fall + steps) // 2] == pytest.approx(0.5, abs=1e-3) and rates[steps - 1] > 0
    assert rates[steps:].tolist() == [0] * 100


@pytest.mark.parametrize("masked", [False, True])
def test_a_resumed_run_goes_on_with_the_same_losses(script, tiny, tmp_path, masked):
    (tmp_path / "whole").mkdir()
    whole, finished = script.train(script.Trainer(300, masked), tiny, tmp_path / "whole", epochs=2, minutes=math.inf)
    assert finished and len(whole["history"]) == 2
    (tmp_path / "parts").mkdir()
    finished, starts = False, 0
    while not finished:  # stops after every batch
        parts, finished = script.train(script.Trainer(300, masked), tiny, tmp_path / "parts", epochs=2, minutes=0)
        starts += 1
    assert starts > 4
    assert parts["history"] == whole["history"] and parts["best"] == whole["best"]
    for name, tensor in whole["weights"].items():
        assert (tensor == parts["weights"][name]).all(), name


def test_training_stops_when_validation_has_risen_for_long(script, tiny, tmp_path, monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.4, 2.3, 2.2, 1.0])
    trainer = script.Trainer(300)
    monkeypatch.setattr(trainer, "validate", lambda tokens: next(losses))
    monkeypatch.setitem(script.SETTINGS, "patience", 3)
    state, finished = script.train(trainer, tiny, tmp_path, epochs=9, minutes=math.inf)
    assert finished and [row[3] for row in state["history"]] == [3.0, 2.0, 2.5, 2.4, 2.3] and state["best"] == 2.0


def test_fifteen_in_a_hundred_tokens_are_hidden_and_most_of_them_masked(script):
    tokens = script.torch.full((200, 256), 7)
    inputs, chosen = script.hide(tokens, 0.15, script.torch.Generator().manual_seed(0))
    assert chosen.float().mean().item() == pytest.approx(0.15, abs=0.01)
    assert (inputs == script.MASK)[chosen].float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert (inputs[~chosen] == 7).all() and inputs.min() >= script.MASK


def test_overlapping_windows_score_each_token_once_after_the_longest_past(script, scorer):
    class Model:
        """Says how many tokens it saw: after n tokens, token n has all the probability but a little."""

        config = SimpleNamespace(n_positions=8)

        def __call__(self, input_ids, use_cache):
            return SimpleNamespace(logits=8 * script.torch.eye(9)[1 : input_ids.shape[1] + 1][None])

    tokens = np.array([0, *range(1, 9), *[5, 6, 7, 8] * 3])
    losses = scorer.token_losses(Model(), tokens)
    assert len(losses) == len(tokens) - 1 and losses.max() < 0.01
    assert len(scorer.token_losses(Model(), tokens[:4])) == 3


def test_the_held_out_text_is_the_one_that_was_scored():
    training = json.loads((GPT / "training.json").read_text(encoding="utf-8"))
    text = (GPT / "held_out.txt").read_bytes()
    assert hashlib.sha256(text).hexdigest() == training["held_out_sha256"]


def test_mini_bert_was_trained_on_the_same_tokens():
    training = json.loads((GPT / "training.json").read_text(encoding="utf-8"))
    twin = json.loads((BERT / "training.json").read_text(encoding="utf-8"))
    assert all(twin[key] == training[key] for key in ("tokens", "held_out_sha256", "python"))
    assert (GPT / "tokenizer.json").read_bytes() == (BERT / "tokenizer.json").read_bytes()


@pytest.mark.parametrize("folder", [GPT, BERT], ids=lambda folder: folder.name)
def test_the_weights_are_small_and_have_a_card_that_names_version_and_scores(folder):
    assert (folder / "model.safetensors").stat().st_size <= 12e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    numbers = [f"{training['tokens'][part]:,}" for part in ("train", "validation", "test")]
    measured = [scores["mini_gpt"], scores["kneser_ney_5"]] if folder == GPT else [scores, scores["left_to_right"]]
    numbers += [f"{value:.1f}" for part in measured for key, value in part.items() if key.endswith("perplexity")]
    for expected in [f"Python {training['python']}", "PSF", f"{training['parameters']:,}", *numbers]:
        assert expected in card, expected


def test_mini_gpt_is_as_good_as_its_card_says_and_a_fifth_below_the_n_gram_model(script, scorer):
    scores = json.loads((GPT / "scores.json").read_text(encoding="utf-8"))
    assert scores["mini_gpt"]["perplexity"] <= 0.8 * scores["kneser_ney_5"]["perplexity"]
    assert scores["kneser_ney_5"]["perplexity"] <= scores["kneser_ney_5_one_discount"]["perplexity"]
    tokenizer = script.PreTrainedTokenizerFast.from_pretrained(GPT)
    documents = scorer.read_documents(GPT)
    tokens = script.stream(script.encode({"test": documents}, tokenizer))
    assert len(tokens) - 1 == scores["tokens"] and scorer.characters_of(documents) == scores["characters"]
    model = script.GPT2LMHeadModel.from_pretrained(GPT, dtype=script.torch.float32).eval()
    script.torch.set_num_threads(1)  # two wait for each other where another program keeps a core busy
    found = scorer.summary(scorer.token_losses(model, tokens), scores["characters"])
    assert found["perplexity"] == pytest.approx(scores["mini_gpt"]["perplexity"], rel=2e-3)
