"""Tests of the Keras T5: equal to transformers' T5 on the same weights, whatever the folder; clear errors otherwise."""

import copy
import json
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.data import load_phrases
from course_utils.networks.pretrained import load_translator
from course_utils.networks.t5 import (
    T5,
    Attention,
    FeedForward,
    RelativePositionBias,
    RMSNorm,
    T5Config,
    causal_bias,
    mask_bias,
    named_weights,
    read_t5_folder,
    relative_position_bucket,
)
from course_utils.notebooks import ROOT
from course_utils.runtime import load_torch, load_transformers
from course_utils.weights import WeightsError

MINI = ROOT / "models" / "mini_t5"
SMALL = dict(vocab_size=40, d_model=12, d_kv=5, d_ff=20, num_layers=2, num_decoder_layers=1, num_heads=3)
SMALL |= dict(relative_attention_num_buckets=8, relative_attention_max_distance=16, decoder_start_token_id=0)
GATED = dict(feed_forward_proj="gated-gelu")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Keep torch on one thread: the models are small, and two threads wait for each other on a busy machine."""
    torch = load_torch()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_reference(seed=0, tied=True, **sizes):
    """Make a T5 of transformers with weights large enough that each of them matters."""
    torch, transformers = load_torch(), load_transformers()
    generator = torch.Generator().manual_seed(seed)
    model = transformers.T5ForConditionalGeneration(transformers.T5Config(**SMALL | sizes)).eval()
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=generator)
            else:
                last = 1 if "bias" in name or "shared" in name else parameter.shape[-1]
                parameter.normal_(0, last**-0.5, generator=generator)
    return model


def save(model, folder, **changes):
    """Save a model of transformers, and change its config.json: a value of ... leaves the name out."""
    model.save_pretrained(folder)
    file = Path(folder) / "config.json"
    values = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({name: value for name, value in values.items() if value is not ...}))
    return folder


def load_reference(folder):
    torch = load_torch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_transformers().T5ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()


def example(vocabulary, rows=3, source=7, target=5, seed=0):
    """Return source tokens, a mask with holes, and target tokens."""
    rng = np.random.default_rng(seed)
    mask = rng.integers(0, 2, (rows, source))
    mask[np.arange(rows), rng.integers(0, source, rows)] = 1
    return rng.integers(2, vocabulary, (rows, source)), mask, rng.integers(0, vocabulary, (rows, target))


def run_reference(model, ids, mask, target):
    torch = load_torch()
    ids, mask, target = (None if part is None else torch.tensor(part) for part in (ids, mask, target))
    with torch.inference_mode():
        found = model(input_ids=ids, attention_mask=mask, decoder_input_ids=target)
    return found.encoder_last_hidden_state.numpy(), found.logits.numpy()


def assert_equal(model, reference, ids, mask, target, within=1e-4):
    states, logits = run_reference(reference, ids, mask, target)
    found = model.encode(ids, mask)
    np.testing.assert_allclose(found, states, rtol=0, atol=within)
    np.testing.assert_allclose(model.decode(target, found, mask), logits, rtol=0, atol=within)
    np.testing.assert_allclose(model(ids, target, mask), logits, rtol=0, atol=within)


# Equal to transformers


@settings(max_examples=12)
@given(data=st.data())
def test_states_and_logits_equal_transformers_on_random_configurations(data, tmp_path_factory):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    sizes = dict(vocab_size=draw(10, 60), d_model=draw(4, 24), d_kv=draw(2, 9), d_ff=draw(4, 40))
    sizes |= dict(num_layers=draw(1, 3), num_decoder_layers=draw(1, 3), num_heads=draw(1, 4))
    sizes |= dict(relative_attention_num_buckets=4 * draw(2, 8), relative_attention_max_distance=draw(33, 100))
    kind = data.draw(st.sampled_from(["relu", "gated-gelu", "gelu", "gated-silu"]))
    made = make_reference(draw(0, 99), data.draw(st.booleans(), label="tied"), feed_forward_proj=kind, **sizes)
    made.config.scale_decoder_outputs = data.draw(st.booleans(), label="scaled")
    folder = save(made, tmp_path_factory.mktemp("t5"))
    ids, mask, target = example(sizes["vocab_size"], draw(1, 4), draw(1, 40), draw(1, 40))
    model, reference = T5.from_pretrained(folder), load_reference(folder)
    assert_equal(model, reference, ids, data.draw(st.sampled_from([mask, None])), target)
    assert model.count_params() == reference.num_parameters()


V1_0, V1_1, LEGACY = {}, GATED, dict(scale_decoder_outputs=..., dense_act_fn=..., is_gated_act=...)


@pytest.mark.parametrize(
    ("sizes", "tied", "changes", "expected"),
    [
        (V1_0, True, {}, dict(is_gated_act=False, scale_decoder_outputs=True, tied_head=True)),
        (V1_0, True, LEGACY | dict(tie_word_embeddings=...), dict(scale_decoder_outputs=True, tied_head=True)),
        (V1_0, True, LEGACY | dict(tie_word_embeddings=True), dict(scale_decoder_outputs=True, tied_head=True)),
        (V1_1, False, dict(scale_decoder_outputs=False), dict(scale_decoder_outputs=False, tied_head=False)),
        (V1_1, False, LEGACY | dict(tie_word_embeddings=False), dict(dense_act_fn="gelu_new", tied_head=False)),
        (V1_1, True, {}, dict(is_gated_act=True, scale_decoder_outputs=True, tied_head=True)),
        (V1_1, True, LEGACY | dict(tie_word_embeddings=...), dict(scale_decoder_outputs=True, tied_head=True)),
        (V1_1, True, LEGACY | dict(tie_word_embeddings=False), dict(scale_decoder_outputs=False, tied_head=True)),
        (V1_0, False, {}, dict(scale_decoder_outputs=True, tied_head=False)),
        (V1_0, False, LEGACY | dict(tie_word_embeddings=False), dict(scale_decoder_outputs=False, tied_head=False)),
        (V1_0, False, LEGACY | dict(tie_word_embeddings=True), dict(scale_decoder_outputs=True, tied_head=False)),
        (V1_0, False, dict(tie_word_embeddings=False), dict(scale_decoder_outputs=True, tied_head=False)),
        (V1_0, True, dict(dense_act_fn="gelu_new", is_gated_act=...), dict(dense_act_fn="gelu_new")),
        (V1_0, True, LEGACY | dict(num_decoder_layers=...), dict(num_decoder_layers=2)),
        (V1_0, True, dict(num_decoder_layers=None), dict(num_decoder_layers=2)),
    ],
)
def test_each_kind_of_configuration_is_read_as_transformers_reads_it(sizes, tied, changes, expected, tmp_path):
    sizes = sizes | (dict(num_decoder_layers=2) if "num_decoder_layers" in changes else {})
    save(make_reference(1, tied, **sizes), tmp_path, **changes)
    model, reference = T5.from_pretrained(tmp_path), load_reference(tmp_path)
    assert {name: getattr(model.config, name) for name in expected} == expected
    assert model.config.scale_decoder_outputs == reference.config.scale_decoder_outputs
    assert_equal(model, reference, *example(40))
    assert model.count_params() == reference.num_parameters()


def test_each_weight_changes_the_logits(tmp_path):
    import tensorflow as tf

    reference = make_reference(2, tied=False, **GATED, num_decoder_layers=2)
    model, (ids, mask, target) = T5.from_pretrained(save(reference, tmp_path)), example(40, rows=2)
    before = model(ids, target, mask).numpy()
    assert_equal(model, reference, ids, mask, target)
    compiled = tf.function(model, autograph=False)
    for name, variable in named_weights(model).items():
        stored = variable.numpy().copy()
        change = np.zeros_like(stored)
        change[{"shared.weight": int(ids[mask == 1][0])}.get(name, 0)] = 0.1
        variable.assign(stored + change)
        assert np.abs(compiled(ids, target, mask).numpy() - before).max() > 1e-3, name
        variable.assign(stored)


def test_the_bucket_of_each_distance_is_that_of_transformers():
    torch, distances = load_torch(), np.arange(-700, 701)
    bucket = load_transformers().models.t5.modeling_t5.T5Attention._relative_position_bucket
    for buckets, longest in [(32, 128), (8, 16), (16, 20), (32, 64), (12, 100), (64, 256), (4, 128)]:
        for both in (True, False):
            expected = bucket(torch.tensor(distances), both, buckets, longest).numpy()
            found = relative_position_bucket(distances, both, buckets, longest).numpy()
            assert (found == expected).all(), (buckets, longest, both)


def test_the_published_size_of_t5_small():
    torch, transformers = load_torch(), load_transformers()
    sizes, parameters = dict(d_model=512, d_ff=2048, num_layers=6, num_decoder_layers=6, num_heads=8), 60_506_624
    model = T5(T5Config(**sizes))
    assert model.count_params() == parameters
    with torch.device("meta"):
        reference = transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes)).eval()
    shared = {
        name: torch.from_numpy(variable.numpy().T if variable.name == "kernel" else variable.numpy())
        for name, variable in named_weights(model).items()
    }  # views, where memory allows it, of the same numbers
    missing, unexpected = reference.load_state_dict(shared, strict=False, assign=True)
    reference.tie_weights()
    assert unexpected == [] and all("embed_tokens" in name or "lm_head" in name for name in missing)
    assert reference.num_parameters() == parameters
    ids, _, target = example(32128, rows=2, source=9, target=4)
    mask = np.array([[1] * 9, [1] * 6 + [0] * 3])
    assert_equal(model, reference, ids, mask, target, within=1e-3)
    assert np.std(run_reference(reference, ids, mask, target)[1]) > 0.5


# mini-T5


@pytest.fixture(scope="module")
def mini():
    translator = load_translator()
    phrases = ["translate English to French: " + phrase for phrase in load_phrases().english[:64]]

    def batches(size, count=64):
        for start in range(0, count, size):
            padded = translator.tokenizer(phrases[start : start + size], padding=True, return_tensors="np")
            yield padded["input_ids"], padded["attention_mask"]

    return SimpleNamespace(model=T5.from_pretrained(MINI), reference=translator.model, batches=batches)


def generate(reference, ids, mask, **options):
    torch = load_torch()
    with torch.inference_mode():
        return reference.generate(
            input_ids=torch.tensor(ids),
            attention_mask=None if mask is None else torch.tensor(mask),
            do_sample=False,
            **options,
        )


def test_mini_t5_gives_the_same_logits(mini):
    ids, mask = next(mini.batches(8))
    target = mini.model.generate(ids, mask, max_new_tokens=64)
    assert mini.model.count_params() == 5_740_800
    assert_equal(mini.model, mini.reference, ids, mask, target)


@pytest.mark.parametrize(("size", "count"), [(32, 64), (1, 4)])
def test_greedy_tokens_equal_transformers(mini, size, count):
    for ids, mask in mini.batches(size, count):
        tokens = mini.model.generate(ids, mask, max_new_tokens=64)
        assert tokens.dtype == np.int64
        assert np.array_equal(tokens, generate(mini.reference, ids, mask, max_new_tokens=64, num_beams=1).numpy())


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("beams", [1, 2])
def test_searching_in_parts_changes_no_token(mini, parts, beams, monkeypatch):
    ids, mask = next(mini.batches(8))
    found = []
    for number in (1, parts):
        monkeypatch.setattr(mini.model, "parts", number)
        found.append(mini.model.generate(ids, mask, 40, beams))
    assert np.array_equal(*found)


def score(model, ids, mask, tokens):
    """Return the mean log-probability of each row's tokens (n, 1 + length), up to the first end token."""
    import tensorflow as tf

    chosen = tf.nn.log_softmax(model(ids, tokens[:, :-1], mask)).numpy()
    chosen = np.take_along_axis(chosen, tokens[:, 1:, None], axis=2)[..., 0]
    ends = np.isin(tokens[:, 1:], model.config.end_tokens)
    real = np.cumsum(ends, axis=1) - ends == 0
    return (chosen * real).sum(axis=1) / real.sum(axis=1)


def test_greedy_tokens_equal_transformers_where_texts_are_cut_and_without_a_mask(mini):
    ids, _ = next(mini.batches(16))
    for length in (1, 7):
        expected = generate(mini.reference, ids, None, max_new_tokens=length, num_beams=1).numpy()
        assert np.array_equal(mini.model.generate(ids, max_new_tokens=length), expected)
    assert mini.model.generate(ids).shape[1] <= 21


def test_beam_tokens_equal_transformers_or_score_as_well(mini):
    """transformers 5 fills the end of a row with the end token when the pad token is 0; here it is the pad token."""
    same = 0
    for ids, mask in mini.batches(32):
        found = generate(
            mini.reference, ids, mask, max_new_tokens=64, num_beams=4, output_scores=True, return_dict_in_generate=True
        )
        expected = found.sequences.numpy()
        after = np.cumsum(expected == 1, axis=1) - (expected == 1) > 0
        tokens = mini.model.generate(ids, mask, 64, num_beams=4)
        np.testing.assert_allclose(score(mini.model, ids, mask, tokens), found.sequences_scores, rtol=0, atol=1e-4)
        same += sum(
            list(ours[ours != 0]) == list(theirs[theirs != 0])
            for ours, theirs in zip(tokens, np.where(after, 0, expected), strict=True)
        )
    assert same >= 62


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(("ends", "read"), [(1, (1,)), ([5, 7], (5, 7)), (None, ())])
def test_random_models_generate_as_transformers(beams, ends, read, tmp_path):
    save(make_reference(4, d_model=16, eos_token_id=ends, pad_token_id=3, decoder_start_token_id=2), tmp_path)
    model, reference = T5.from_pretrained(tmp_path), load_reference(tmp_path)
    assert model.config.end_tokens == read
    ids, mask, _ = example(40, rows=12, source=6)
    if beams == 1:
        expected = generate(reference, ids, mask, max_new_tokens=9, num_beams=1).numpy()
        assert np.array_equal(model.generate(ids, mask, 9), expected)
    else:
        options = dict(output_scores=True, return_dict_in_generate=True)
        found = generate(reference, ids, mask, max_new_tokens=9, num_beams=beams, **options)
        tokens = model.generate(ids, mask, 9, num_beams=beams)
        np.testing.assert_allclose(score(model, ids, mask, tokens), found.sequences_scores, rtol=0, atol=1e-4)
        assert np.array_equal(tokens, found.sequences.numpy())


def test_a_row_does_not_depend_on_its_batch_or_its_padding(mini):
    ids, mask = next(mini.batches(8))
    together = mini.model.generate(ids, mask, 64)
    wide = np.pad(ids, ((0, 0), (3, 5))), np.pad(mask, ((0, 0), (3, 5)))
    assert np.array_equal(mini.model.generate(*wide, 64), together)
    for row in range(3):
        alone = mini.model.generate(ids[row : row + 1, : mask[row].sum()], None, 64)[0]
        assert np.array_equal(alone, together[row, : len(alone)]) and (together[row, len(alone) :] == 0).all()


def test_one_graph_serves_all_shapes(mini):
    for ids, mask in mini.batches(16, 48):
        mini.model.generate(ids, mask, max_new_tokens=4)
    mini.model.generate(ids[:1], mask[:1], max_new_tokens=9)
    for beams in (2, 3):
        mini.model.generate(ids, mask, 9, beams)
    assert mini.model._greedy.experimental_get_tracing_count() == 1
    assert mini.model._beam.experimental_get_tracing_count() == 1


def test_generate_takes_lists_and_tensors(mini):
    import tensorflow as tf

    ids, mask = next(mini.batches(2))
    expected = mini.model.generate(ids, mask, 5)
    for make in (np.ndarray.tolist, load_torch().tensor, tf.constant):
        assert np.array_equal(mini.model.generate(make(ids), make(mask), 5), expected)


# Single layers


def test_layers_take_plain_arrays_and_do_what_they_say():
    rng, config = np.random.default_rng(0), T5Config(**SMALL)
    x, states = rng.normal(size=(2, 4, 12)).astype("float32"), rng.normal(size=(2, 6, 12)).astype("float32")
    norm = RMSNorm(12)
    norm.scale.assign(rng.normal(size=12))
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * norm.scale.numpy()
    np.testing.assert_allclose(norm(x), expected, atol=1e-6)

    attention, bias = Attention(config), rng.normal(size=(1, 3, 4, 6)).astype("float32")
    parts = {"query": x, "key": states, "value": states}
    heads = {n: (part @ getattr(attention, n).kernel.numpy()).reshape(2, -1, 3, 5) for n, part in parts.items()}
    scores = np.einsum("nthd,nshd->nhts", heads["query"], heads["key"]) + bias
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = np.einsum("nhts,nshd->nthd", weights, heads["value"]).reshape(2, 4, 15) @ attention.merge.kernel.numpy()
    np.testing.assert_allclose(attention(x, states, bias), expected, atol=1e-5)
    keys, values = attention.keys_values(states)
    np.testing.assert_allclose(attention.attention_weights(x, keys, bias), weights, atol=1e-6)
    np.testing.assert_allclose(attention.attend(x, keys, values, bias), expected, atol=1e-5)
    np.testing.assert_allclose(attention(x), attention(x, x), atol=1e-6)

    plain, gated = FeedForward(config), FeedForward(T5Config(**SMALL, is_gated_act=True))
    expected = np.maximum(x @ plain.expand.kernel.numpy(), 0) @ plain.contract.kernel.numpy()
    np.testing.assert_allclose(plain(x), expected, atol=1e-5)
    expected = np.maximum(x @ gated.gate.kernel.numpy(), 0) * (x @ gated.expand.kernel.numpy())
    np.testing.assert_allclose(gated(x), expected @ gated.contract.kernel.numpy(), atol=1e-5)

    table = RelativePositionBias(config, bidirectional=True)
    found = table(np.arange(4), np.arange(6)).numpy()
    bucket = relative_position_bucket(np.array(2 - 3), True, 8, 16).numpy()
    assert found.shape == (1, 3, 4, 6) and (found[0, :, 3, 2] == table.table.numpy()[bucket]).all()
    assert mask_bias([[1, 0]]).numpy().tolist() == [[[[0.0, -1e9]]]]
    assert causal_bias(2).numpy().tolist() == [[[[0.0, -1e9], [0.0, 0.0]]]]


def test_one_position_causes_no_warning():
    model = T5(T5Config(**SMALL))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model(np.array([[3]]), np.array([[0]])).shape == (1, 1, 40)


def test_random_weights_start_as_t5_starts():
    """Queries start smaller by the root of d_kv, in place of a division of the scores."""
    block = T5(T5Config(vocab_size=50, d_model=64, d_kv=16, d_ff=256, num_heads=4)).decoder.blocks[0]
    deviations = {name: np.std(getattr(block.attention, name).kernel) for name in ("query", "key", "value", "merge")}
    assert deviations == pytest.approx(dict(query=1 / 32, key=1 / 8, value=1 / 8, merge=1 / 8), rel=0.1)
    assert np.std(block.feed_forward.contract.kernel) == pytest.approx(1 / 16, rel=0.1)


# Folders, good and bad


@pytest.fixture
def folder(tmp_path):
    return save(make_reference(3), tmp_path / "modèle — 模型")


def test_a_folder_loads_from_anywhere(folder, monkeypatch):
    ids, mask, target = example(40)
    expected = T5.from_pretrained(folder)(ids, target, mask).numpy()
    monkeypatch.chdir(folder.parent)
    for name in (str(folder), folder.name, Path(folder.name)):
        np.testing.assert_array_equal(T5.from_pretrained(name)(ids, target, mask), expected)


@pytest.mark.parametrize(("kind", "stored"), [("float16", b'"F16"'), ("bfloat16", b'"BF16"')])
def test_half_precision_is_cast_to_float32(kind, stored, tmp_path):
    save(make_reference(5).to(getattr(load_torch(), kind)), tmp_path)
    assert stored in (tmp_path / "model.safetensors").read_bytes()
    model = T5.from_pretrained(tmp_path)
    assert {variable.dtype for variable in model.weights} == {"float32"}
    assert_equal(model, load_reference(tmp_path), *example(40))


def test_older_files_hold_copies_and_a_weight_that_is_not_used(folder):
    before = T5.from_pretrained(folder)
    tensors = {name: variable.numpy() for name, variable in named_weights(before).items()}
    tensors = {name: t.T if named_weights(before)[name].name == "kernel" else t for name, t in tensors.items()}
    copies = dict.fromkeys(["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"], tensors["shared.weight"])
    copies["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = np.zeros((8, 3), "float32")
    copies["lm_head.weight"] = tensors["shared.weight"]
    ids, mask, target = example(40)
    expected = before(ids, target, mask).numpy()
    for left_out in ("nothing", "shared.weight"):
        write(folder, {name: t for name, t in (tensors | copies).items() if name != left_out})
        model = T5.from_pretrained(folder)
        assert model.head is None
        np.testing.assert_allclose(model(ids, target, mask), expected, atol=1e-6)
    write(folder, tensors | {"encoder.embed_tokens.weight": tensors["shared.weight"] + 1})
    with pytest.raises(WeightsError, match="encoder.embed_tokens.weight differs from shared.weight"):
        T5.from_pretrained(folder)


def test_the_generation_configuration_goes_first(folder):
    (folder / "generation_config.json").write_text('{"eos_token_id": [4, 5], "pad_token_id": 2, "num_beams": 7}')
    config, _ = read_t5_folder(folder)
    assert (config.end_tokens, config.pad_token_id, config.decoder_start_token_id) == ((4, 5), 2, 0)
    (folder / "generation_config.json").unlink()
    assert read_t5_folder(folder)[0].end_tokens == (1,)


def write(folder, tensors):
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors")


def change_config(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def change_tensors(folder, change):
    tensors = copy.deepcopy(read_t5_folder(folder)[1])
    change(tensors)
    write(folder, tensors)


WEIGHT = "encoder.block.1.layer.0.SelfAttention.q.weight"
BREAK = {
    "found no folder": (FileNotFoundError, shutil.rmtree),
    "found no file config.json": (FileNotFoundError, lambda f: (f / "config.json").unlink()),
    "found no file model.safetensors .*save_pretrained": (
        FileNotFoundError,
        lambda f: (f / "model.safetensors").unlink(),
    ),
    "found no file model.safetensors .*pytorch_model.bin is refused: .*run code": (
        FileNotFoundError,
        lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
    ),
    "found no file model.safetensors .*in several files": (
        FileNotFoundError,
        lambda f: (f / "model.safetensors").rename(f / "model.safetensors.index.json"),
    ),
    "config.json is damaged": (WeightsError, lambda f: (f / "config.json").write_text("{")),
    "config.json is damaged: 'utf-8'": (WeightsError, lambda f: (f / "config.json").write_bytes(b"\xff")),
    "config.json holds a list": (WeightsError, lambda f: (f / "config.json").write_text("[]")),
    "model type 'bert', expected 't5'": (WeightsError, lambda f: change_config(f, model_type="bert")),
    "model type 'umt5', .*not supported": (WeightsError, lambda f: change_config(f, model_type="umt5")),
    "model type None": (WeightsError, lambda f: (f / "config.json").write_text("{}")),
    "config.json does not describe a T5: d_model: found -1": (WeightsError, lambda f: change_config(f, d_model=-1)),
    "config.json does not describe a T5: num_heads: found '3'": (
        WeightsError,
        lambda f: change_config(f, num_heads="3"),
    ),
    "does not describe a T5: dense_act_fn: found 'swish7', expected one of relu": (
        WeightsError,
        lambda f: change_config(f, dense_act_fn="swish7"),
    ),
    "model.safetensors is damaged": (WeightsError, lambda f: (f / "model.safetensors").write_bytes(b"x" * 99)),
    "model.safetensors is damaged: .*": (
        WeightsError,
        lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-40]),
    ),
    f"{WEIGHT}: found no such tensor, .*config.json says vocab_size 40, d_model 12, d_kv 5, d_ff 20, num_heads 3": (
        WeightsError,
        lambda f: change_tensors(f, lambda tensors: tensors.pop(WEIGHT)),
    ),
    r"model.safetensors: spare: found shape \(3,\), expected no such tensor": (
        WeightsError,
        lambda f: change_tensors(f, lambda tensors: tensors.update(spare=np.zeros(3, "float32"))),
    ),
    rf"{WEIGHT}: found shape \(3, 12\), expected shape \(15, 12\)": (
        WeightsError,
        lambda f: change_tensors(f, lambda tensors: tensors.update({WEIGHT: np.zeros((3, 12), "float32")})),
    ),
    rf"{WEIGHT}: found shape \(15, 12\) of type I8": (
        WeightsError,
        lambda f: change_tensors(f, lambda tensors: tensors.update({WEIGHT: np.zeros((15, 12), "int8")})),
    ),
    "DenseReluDense.wi_0.weight: found no such tensor, .*is_gated_act True": (
        WeightsError,
        lambda f: change_config(f, is_gated_act=True),
    ),
}


@pytest.mark.parametrize("message", BREAK)
def test_a_bad_folder_gets_a_clear_error(message, folder):
    kind, spoil = BREAK[message]
    spoil(folder)
    with pytest.raises(kind, match=message):
        T5.from_pretrained(folder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(input_ids=[3, 4]), r"input_ids: found int64 of shape \(2,\), expected .*For one row, write"),
        (dict(input_ids=3), r"input_ids: found int64 of shape \(\)"),
        (dict(input_ids=[[[3]]]), r"input_ids: found int64 of shape \(1, 1, 1\)"),
        (dict(input_ids=[]), r"input_ids: found float64 of shape \(0,\)"),
        (dict(input_ids=[[3, 4], [5]]), "input_ids: found rows of different lengths"),
        (dict(input_ids=[[3.5]]), "input_ids: found float64 .*expected integers"),
        (dict(input_ids=[[True, False]]), "input_ids: found bool"),
        (dict(input_ids=[["a"]]), "input_ids: found <U1"),
        (dict(input_ids=[[3, 40]]), "input_ids: found 3 to 40, expected 0 to 39"),
        (dict(input_ids=[[-1, 3]]), "input_ids: found -1 to 3, expected 0 to 39"),
        (
            dict(input_ids=[[3]], attention_mask=[[1, 1]]),
            r"attention_mask: found \[\[1, 1\]\], .*shape of input_ids, \(1, 1\)",
        ),
        (dict(input_ids=[[3]], attention_mask=[1]), r"attention_mask: found \[1\]"),
        (dict(input_ids=[[3]], attention_mask=[[2]]), r"attention_mask: found \[\[2\]\], expected 0 \(hidden\) and 1"),
        (dict(input_ids=[[3]], attention_mask=[[float("nan")]]), r"attention_mask: found \[\[nan\]\]"),
        (dict(input_ids=[[3], [4]], attention_mask=[[1], [0]]), "attention_mask: found .* at least one 1 in each row"),
        (dict(input_ids=[[3]], max_new_tokens=0), "max_new_tokens: found 0"),
        (dict(input_ids=[[3]], max_new_tokens=2.0), "max_new_tokens: found 2.0"),
        (dict(input_ids=[[3]], num_beams=0), "num_beams: found 0"),
    ],
)
def test_generate_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        T5(T5Config(**SMALL)).generate(**arguments)
