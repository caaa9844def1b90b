"""The translator: contract, agreement with transformers, bad input, local folders, and the hub without a network."""

import json
import re
import shutil
import socket
import warnings
from pathlib import Path

import numpy as np
import pytest

from course_utils import weights
from course_utils.data import load_phrases
from course_utils.networks import translator
from course_utils.networks.pretrained import load_translator
from course_utils.networks.translator import BATCH_TOKENS, BEAMS, LONGEST, Translator
from course_utils.runtime import load_torch, load_transformers
from course_utils.tables import read_sweep
from course_utils.weights import WEIGHTS, WeightsError, locate


@pytest.fixture(scope="module")
def mini():
    return load_translator()


@pytest.fixture(scope="module")
def english():
    return list(load_phrases().english)


@pytest.fixture(scope="module")
def tiny_folder(mini, tmp_path_factory):
    """Save a T5 with 5,000 tokens and tiny random weights: it knows no language, and ends a sentence by chance only."""
    transformers, torch = load_transformers(), load_torch()
    folder = tmp_path_factory.mktemp("modèle 模型")
    torch.manual_seed(0)
    size = {"d_model": 16, "d_ff": 32, "d_kv": 8, "num_layers": 1, "num_heads": 2}
    config = transformers.T5Config(**size, vocab_size=mini.model.config.vocab_size, decoder_start_token_id=0)
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    mini.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def copy_of_tiny(tiny_folder, tmp_path):
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


# What the translator answers


def test_description(mini):
    assert repr(mini) == "Translator(mini-T5: 5,740,800 parameters, to French, German)"
    assert mini.model.num_parameters() == WEIGHTS["mini_t5"].parameters
    assert mini.source == WEIGHTS["mini_t5"].source and mini.licence == WEIGHTS["mini_t5"].licence
    assert not mini.model.training


def test_float32_from_a_float16_file(mini):
    from safetensors import safe_open

    with safe_open(locate("mini_t5"), framework="numpy") as stored:
        assert {stored.get_slice(name).get_dtype() for name in stored.keys()} == {"F16"}
        name = "shared.weight"
        expected = stored.get_tensor(name).astype(np.float32)
    assert {str(parameter.dtype) for parameter in mini.model.parameters()} == {"torch.float32"}
    np.testing.assert_array_equal(mini.model.shared.weight.detach().numpy(), expected)


@pytest.mark.parametrize("target", ["French", "German"])
def test_one_sentence(mini, target):
    found = mini.translate(["Thank you."], target=target)
    assert isinstance(found, list) and len(found) == 1 and isinstance(found[0], str)
    assert found[0] and "<" not in found[0]
    assert mini.translate(("Thank you.",), target=target) == found


def test_french_is_the_default_and_differs_from_german(mini, english):
    french = mini.translate(english[:5])
    assert french == mini.translate(english[:5], target="French")
    assert all(a != b for a, b in zip(french, mini.translate(english[:5], target="German"), strict=True))


def test_a_thousand_sentences_keep_their_order(mini):
    short = ["Thank you.", "Where is the station?", "I have two cats and a dog.", "He sleeps."]
    expected = mini.translate(short)
    assert len(set(expected)) == len(short)
    assert mini.translate(short * 250, max_new_tokens=30) == expected * 250


def own_generate(translator, sentences, target, **options):
    """Translate one sentence at a time with nothing but transformers."""
    texts = []
    for sentence in sentences:
        inputs = translator.tokenizer([f"translate English to {target}: {sentence}"], return_tensors="pt")
        output = translator.model.generate(**inputs, do_sample=False, **options)
        texts.append(translator.tokenizer.decode(output[0], skip_special_tokens=True))
    return texts


@pytest.mark.parametrize(("target", "beams"), [("French", 1), ("German", 1), ("French", 3)])
def test_agrees_with_transformers(mini, english, target, beams):
    sample = english[:40:3]
    expected = own_generate(mini, sample, target, num_beams=beams, max_new_tokens=60)
    found = mini.translate(sample, target=target, beams=beams, max_new_tokens=60)
    assert np.mean([a == b for a, b in zip(found, expected, strict=True)]) > 0.9  # rounding may decide between equals


def test_a_sentence_alone_and_in_a_batch(mini, english):
    sample = english[:30]
    alone = [mini.translate([sentence])[0] for sentence in sample]
    together = mini.translate(sample)
    assert np.mean([a == b for a, b in zip(alone, together, strict=True)]) > 0.9


def test_the_limit_of_the_output_is_a_matter_of_the_sentence_alone(tiny_folder):
    """The tiny model never ends a sentence, so that every output is as long as it may be."""
    tiny = load_folder(tiny_folder)
    sentences = ["Go.", "We went out into the garden. " * 6, "Where is the station, please?"]
    alone = [tiny.translate([sentence])[0] for sentence in sentences]
    assert tiny.translate(sentences) == alone
    assert len({len(text) for text in alone}) == 3


def log_probability(translator, sentence, translation):
    """Compute the mean log-probability of a translation's tokens, which beam search looks for."""
    torch = load_torch()
    inputs = translator.tokenizer([translator.prefix("French") + sentence], return_tensors="pt")
    labels = translator.tokenizer([translation], return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return -translator.model(**inputs, labels=labels).loss.item()


def test_beam_search_finds_likelier_translations(mini, english):
    sample = english[:40]
    greedy, beam = mini.translate(sample), mini.translate(sample, beams=4)
    gains = [
        log_probability(mini, sentence, b) - log_probability(mini, sentence, g)
        for sentence, g, b in zip(sample, greedy, beam, strict=True)
    ]
    assert np.mean(np.array(gains) >= -1e-6) >= 0.85 and max(gains) > 0


@pytest.mark.parametrize("beams", [1, 2, BEAMS])
def test_the_model_keeps_as_many_hypotheses_as_beams(mini, monkeypatch, beams):
    seen, forward = set(), mini.model.decoder.forward

    def count(input_ids, *arguments, **options):
        seen.add(len(input_ids))
        return forward(input_ids, *arguments, **options)

    monkeypatch.setattr(mini.model.decoder, "forward", count)
    mini.translate(["Thank you.", "Hello there."], beams=beams, max_new_tokens=2)
    assert seen == {2 * beams}


@pytest.mark.parametrize("beams", [1, 2])
def test_max_new_tokens_cuts_each_translation(mini, english, beams):
    for limit in (1, 5):
        found = mini.translate(english[:10], beams=beams, max_new_tokens=limit)
        assert max(len(mini.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in found) <= limit + 1
    whole, cut = mini.translate(english[:10]), mini.translate(english[:10], max_new_tokens=5)
    assert all(text.startswith(start) for text, start in zip(whole, cut, strict=True))


def test_spaces_and_line_breaks_do_not_matter(mini):
    assert mini.translate(["  Where is\n\tthe  station? "]) == mini.translate(["Where is the station?"])


def test_unicode_text(mini):
    sentences = ["你好", "😀", "Zoë’s café — “naïve”", "e\u0301", "\u202eabc\u202c", "\x00\x07"]
    found = mini.translate(sentences, max_new_tokens=10, warn=False)
    assert len(found) == len(sentences) and all(isinstance(text, str) for text in found)


def test_batches():
    rows = [[0] * length for length in (3, 250, 17, 9, 9, 24, 100, 16, *[12] * 400)]
    for beams in (1, 4, BEAMS):
        batches = translator._batches_by_length(rows, beams)
        assert sorted(position for batch in batches for position in batch) == list(range(len(rows)))
        for batch in batches:
            lengths = {-(-len(rows[position]) // 8) for position in batch}
            assert len(lengths) == 1 and (len(batch) == 1 or len(batch) * beams * 8 * lengths.pop() <= BATCH_TOKENS)
    lengths = [len(rows[batch[0]]) for batch in batches]
    assert lengths == sorted(lengths, reverse=True)


def test_nothing_is_printed_and_nothing_warns(mini, capfd, caplog):
    logging = load_transformers().logging
    logging.set_verbosity_warning()
    logging.enable_propagation()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            mini.translate(["Thank you.", "Where is the station, please?"])
            mini.translate(["Thank you."], beams=2, max_new_tokens=5)
    finally:
        logging.disable_propagation()
        logging.set_verbosity_error()
    assert caplog.records == [] and capfd.readouterr() == ("", "")
    mini.translate(["word " * 150], max_new_tokens=1, warn=False)  # longer than the tokenizer's own limit of 128
    assert capfd.readouterr() == ("", "")


def test_no_network_and_another_working_directory(monkeypatch, tmp_path):
    def refuse(*arguments, **options):
        pytest.fail(f"looked for {arguments}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert load_translator().translate(["Thank you."], max_new_tokens=5)


# Bad input


def test_unknown_target_names_the_known_ones(mini):
    for target in ("Spanish", "french", "", None, 3, ["French"]):
        with pytest.raises(ValueError, match="target: found .*, expected one of French, German"):
            mini.translate(["Hello."], target=target)


BAD_SENTENCES = [
    ("Hello.", r"sentences: found the text 'Hello.', expected a list. Write \['Hello.'\]"),
    (None, "sentences: found None"),
    ([], "sentences: found 0 entries"),
    ([""], r"sentences\[0\]: found an empty string"),
    (["Hello.", " \n"], r"sentences\[1\]: found an empty string"),
    (["Hello.", None], r"sentences: found \['Hello.', None\], expected a list of strings"),
    (["Hello.", "caf\udce9"], r"sentences\[1\]: found a broken character"),
    (["Hello.", "I am. " * 200], rf"sentences\[1\]: found \d+ tokens, at most {LONGEST} .*Split the text"),
]


@pytest.mark.parametrize(("sentences", "message"), BAD_SENTENCES)
def test_bad_sentences(mini, sentences, message):
    with pytest.raises(ValueError, match=message):
        mini.translate(sentences)


@pytest.mark.parametrize("beams", [0, -1, BEAMS + 1, True, 1.5, "4", None])
def test_bad_beams(mini, beams):
    with pytest.raises(ValueError, match=f"beams: found .* from 1 to {BEAMS}"):
        mini.translate(["Hello."], beams=beams)


@pytest.mark.parametrize("limit", [0, -5, 10_000, False, 2.0, "9"])
def test_bad_max_new_tokens(mini, limit):
    with pytest.raises(ValueError, match="max_new_tokens: found .* from 1 to 512"):
        mini.translate(["Hello."], max_new_tokens=limit)


def test_a_sentence_of_the_greatest_length(mini):
    length = len(mini.tokenizer(mini.prefix("French"))["input_ids"])
    words = " ".join(["cat"] * (LONGEST - length))
    assert LONGEST // 2 < len(mini.tokenizer(mini.prefix("French") + words)["input_ids"]) <= LONGEST
    assert isinstance(mini.translate([words], max_new_tokens=2, warn=False)[0], str)


# Sentences unlike those that mini-T5 learned from

UNLIKE = [
    ("你好", "no '你': write English in plain letters and punctuation"),
    ("Call me 😀.", "no '😀'"),
    ("I am </s> here.", "no '<'"),
    ("Snake▁case.", "no '▁'"),
    ("THE DOG SLEEPS.", "hardly a sentence in capitals: use small letters"),
    ("the dog sleeps.", "hardly a sentence that begins with a small letter: begin with a capital"),
    ("The dog sleeps", "hardly a sentence without a full stop: end it with one"),
    ("Hello! " * 8, "hardly an entry of 8 sentences: make each an entry of the list"),
    ("The dog" + " and the dog" * 10 + ".", "hardly a sentence of 32 words: cut it into shorter ones"),
]


@pytest.mark.parametrize(("sentence", "told"), UNLIKE)
def test_mini_t5_warns_of_a_sentence_unlike_its_own(mini, sentence, told):
    with pytest.warns(UserWarning) as caught:
        mini.translate(["Thank you.", sentence], max_new_tokens=2)
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith("sentences[1]: found '") and f"mini-T5 learned from has {told}" in message
    assert sentence[:8] in message and message.endswith(", or say warn=False.")
    assert warning.filename == __file__  # the line that called


def test_one_warning_a_call_names_the_first_and_counts_the_others(mini):
    with pytest.warns(UserWarning, match=r"sentences\[1\]: .* \(2 more of 5 are unlike it, too\)\.$") as caught:
        mini.translate(["Go.", "go.", "I am here.", "GO!", "Go"], max_new_tokens=2)
    assert len(caught) == 1


@pytest.mark.parametrize(
    "sentence", ["Hello, how are you?", 'He said: "Go!"', "Wait! Who is it?", "I'm 5 years old.", "Mrs. Hill is ill."]
)
def test_nobody_is_warned_of_everyday_sentences(mini, english, sentence):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mini.translate([sentence, *english], max_new_tokens=1)


def test_no_warning_for_who_knows_nor_for_another_model(mini, tiny_folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mini.translate(["你好", "THE DOG"], max_new_tokens=2, warn=False)
        load_folder(tiny_folder).translate(["你好", "THE DOG"], max_new_tokens=2)


def test_the_stored_bounds_are_those_of_the_translator(mini):
    """Each rule concerns few training sentences, and what it is about costs points of chrF where that was measured."""
    rows = read_sweep("unlike_sentences")
    assert max(row["training_sentences"] for row in rows) <= 100
    advice = {translator.describe_unlike(sentence.strip(), mini.alphabet)[1] for sentence, _ in UNLIKE}
    assert advice == {row["advice"] for row in rows}
    assert {row["advice"] for row in rows if row["change"]} == {
        row["advice"] for row in rows if row["change"] and row["low"] > 0
    }


SPECIAL = ["</s>", "<pad>", "<unk>", "<extra_id_0>", "a</s>b", "</s></s>"]


def encoded(translator, sentence, monkeypatch):
    """Return the tokens that the model is given for one sentence, its prefix and its end left out."""
    seen = []
    monkeypatch.setattr(translator.model, "generate", lambda input_ids, **options: seen.append(input_ids) or input_ids)
    translator.translate([sentence], warn=False)
    start = len(translator.tokenizer(translator.prefix("French").strip())["input_ids"]) - 1
    (row,) = seen[0].tolist()
    assert row[-1] == translator.tokenizer.eos_token_id
    return row[start:-1]


@pytest.mark.parametrize("typed", SPECIAL)
def test_a_special_token_that_is_typed_is_text(mini, monkeypatch, typed):
    row = encoded(mini, f"I am {typed} here.", monkeypatch)
    assert not {mini.tokenizer.eos_token_id, mini.tokenizer.pad_token_id} & set(row)
    pieces = "".join(mini.tokenizer.convert_ids_to_tokens(row))
    assert pieces.startswith("▁I▁am▁") and pieces.endswith("▁here.")
    assert pieces.replace("<unk>", "") == re.sub("[<>_]", "", f"▁I▁am▁{typed}▁here.")  # which it never saw


@pytest.mark.parametrize("typed", SPECIAL)
def test_it_stays_readable_where_the_vocabulary_has_its_letters(copy_of_tiny, monkeypatch, typed):
    file = copy_of_tiny / "tokenizer.json"
    written = json.loads(file.read_text(encoding="utf-8"))
    written["model"]["vocab"][-3:] = [["<", -9.0], [">", -9.0], ["_", -9.0]]
    file.write_text(json.dumps(written), encoding="utf-8")
    tiny = load_folder(copy_of_tiny)
    row = encoded(tiny, f"I am {typed} here.", monkeypatch)
    assert tiny.tokenizer.decode(row) == f"I am {typed} here."


def test_text_is_cut_as_the_library_cuts_it(mini, english, monkeypatch):
    for sentence in [*english[:20], "Zoë’s café — “naïve” 100 %."]:
        row = mini.tokenizer(mini.prefix("French") + sentence)["input_ids"]
        assert row[-len(encoded(mini, sentence, monkeypatch)) - 1 : -1] == encoded(mini, sentence, monkeypatch)


# From the files to the model


def load_folder(folder):
    return Translator.from_folder(folder, ("French", "German"), "tiny", "random numbers", "none")


def logits(model):
    """Return a model's logits for two rows of source tokens, one of them masked in part, and their target."""
    torch, rng = load_torch(), np.random.default_rng(0)
    source, target = torch.tensor(rng.integers(2, 5000, (2, 7))), torch.tensor(rng.integers(0, 5000, (2, 5)))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    with torch.inference_mode():
        return model(input_ids=source, attention_mask=mask, decoder_input_ids=target).logits.numpy()


def test_mini_t5_is_the_model_that_transformers_loads(mini):
    folder = locate("mini_t5").parent
    theirs = load_transformers().T5ForConditionalGeneration.from_pretrained(folder, dtype=load_torch().float32).eval()
    expected = logits(theirs)
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(logits(mini.model), expected, rtol=0, atol=1e-5)


def test_a_pickle_is_never_opened(copy_of_tiny, monkeypatch):
    torch = load_torch()
    torch.save({}, copy_of_tiny / "pytorch_model.bin")
    monkeypatch.setattr(torch, "load", lambda *arguments, **options: pytest.fail("opened a pickle"))
    assert load_folder(copy_of_tiny)
    (copy_of_tiny / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="cannot be loaded: .*model.safetensors"):
        load_folder(copy_of_tiny)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_file_ends_in_an_error_that_names_the_folder(copy_of_tiny, name):
    (copy_of_tiny / name).write_bytes(b"\xff\x00" * 500)
    with pytest.raises(WeightsError, match=f"tiny: the files in .*{copy_of_tiny.name} cannot be loaded: "):
        load_folder(copy_of_tiny)


def test_mini_t5_is_checked_before_it_is_opened(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "MODELS_FOLDER", tmp_path)
    monkeypatch.setattr(Translator, "from_folder", lambda *arguments, **options: pytest.fail("opened unchecked"))
    with pytest.raises(WeightsError, match="mini_t5: there is no file .*git checkout"):
        load_translator()
    (tmp_path / "mini_t5").mkdir()
    (tmp_path / "mini_t5" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(WeightsError, match="mini_t5: wrong checksum .*git checkout"):
        load_translator()


# The full profile: a tiny T5 stands in T5-base's place


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Switch to the full profile with an empty cache of the hub, which is on but cannot be reached."""
    load_transformers()
    import huggingface_hub

    constants = huggingface_hub.constants
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    return huggingface_hub


@pytest.fixture
def fill_cache(tmp_path, tiny_folder):
    """Return a function that puts the tiny T5 into the hub's cache, as the hub's library lays it out."""

    def fill():
        model = tmp_path / "hub" / "models--google-t5--t5-base"
        (model / "refs").mkdir(parents=True)
        (model / "refs" / "main").write_text("0" * 40)
        return Path(shutil.copytree(tiny_folder, model / "snapshots" / ("0" * 40)))

    return fill


def test_full_from_the_cache_needs_no_network(hub, fill_cache, monkeypatch):
    fill_cache()
    monkeypatch.setattr(hub, "get_hf_file_metadata", lambda url, timeout: pytest.fail("asked the hub"))
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: pytest.fail(f"connected to {address}"))
    for offline in (False, True):
        monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", offline)
        found = load_translator()
        assert found.targets == ("French", "German", "Romanian") and found.licence == "Apache-2.0"
        assert "google-t5/t5-base" in found.source and repr(found).startswith("Translator(T5-base: ")
    assert found.translate(["Hello."], target="Romanian", max_new_tokens=3)


def expect_one_clear_error(*parts):
    with pytest.raises(WeightsError) as raised:
        load_translator()
    message = str(raised.value)
    for part in ("google-t5/t5-base", "unset COURSE_PROFILE", *parts):
        assert part in message
    return raised.value


def test_full_with_a_hub_that_refuses(hub):
    error = expect_one_clear_error("could not be fetched from the Hugging Face hub", "127.0.0.1:9", "ConnectError")
    assert error.__cause__ is not None


def test_full_with_a_name_that_is_not_found(hub, monkeypatch):
    def fail(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", "https://hub.invalid/{filename}")
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    expect_one_clear_error("hub.invalid", "ConnectError")


def test_full_with_a_hub_that_never_answers(hub, monkeypatch):
    monkeypatch.setattr(translator, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{{filename}}"
        monkeypatch.setattr(hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
        expect_one_clear_error("timed out")


def test_full_with_a_hub_that_is_switched_off(hub, monkeypatch):
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    expect_one_clear_error("HF_HUB_OFFLINE", "Restart the kernel")


def test_full_fetches_what_it_needs_and_no_pickle(hub, fill_cache, monkeypatch):
    asked = {}

    def download(identifier, allow_patterns):
        asked.update(identifier=identifier, patterns=allow_patterns)
        fill_cache()

    monkeypatch.setattr(hub, "get_hf_file_metadata", lambda url, timeout: asked.update(seconds=timeout))
    monkeypatch.setattr(hub, "snapshot_download", download)
    assert load_translator().translate(["Hello."], max_new_tokens=3)
    assert asked == {
        "identifier": "google-t5/t5-base",
        "patterns": ["*.json", "model.safetensors"],
        "seconds": translator.CONNECT_SECONDS,
    }
    assert translator.CONNECT_SECONDS <= 10


def test_full_with_a_download_that_breaks_off(hub, monkeypatch):
    def download(identifier, allow_patterns):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hub, "get_hf_file_metadata", lambda url, timeout: None)
    monkeypatch.setattr(hub, "snapshot_download", download)
    expect_one_clear_error("No space left on device")


def test_full_with_half_a_model_in_the_cache_asks_the_hub(hub, fill_cache):
    (fill_cache() / "model.safetensors").unlink()
    expect_one_clear_error("could not be fetched")


def test_unknown_profile(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    with pytest.raises(ValueError, match="COURSE_PROFILE"):
        load_translator()
