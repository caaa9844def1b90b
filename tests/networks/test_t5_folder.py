"""Folders that hold a T5, field by field: each loads and translates, or one sentence names the file and the field."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.networks.pretrained import load_translator
from course_utils.networks.t5_folder import read_t5_folder
from course_utils.notebooks import ROOT
from course_utils.runtime import load_torch, load_transformers
from course_utils.weights import WeightsError

MINI = ROOT / "models" / "mini_t5"
HUGE = 10**12
WEIGHT = "encoder.block.0.layer.0.SelfAttention.q.weight"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Save a T5 with tiny random weights and mini-T5's tokenizer."""
    folder = tmp_path_factory.mktemp("good")
    sizes = dict(vocab_size=5000, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0)
    transformers = load_transformers()
    transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MINI / name, folder)
    return folder


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "copy")


def change(file, **changes):
    """Change a JSON file: a value of ... leaves the name out."""
    values = json.loads(file.read_text(encoding="utf-8")) | changes
    file.write_text(json.dumps({name: value for name, value in values.items() if value is not ...}), encoding="utf-8")


def change_tensors(folder, **changes):
    from safetensors.numpy import load_file, save_file

    tensors = {name: np.array(tensor) for name, tensor in load_file(folder / "model.safetensors").items()} | changes
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not ...}, folder / "model.safetensors")


def assert_refused(folder, *parts):
    """The loader says one sentence, and it holds all parts."""
    with pytest.raises(WeightsError) as raised:
        load_translator(folder)
    said = str(raised.value)
    assert "\n" not in said and len(said) < 900 and all(part in said for part in parts), said


def assert_translates(folder):
    torch, found = load_torch(), load_translator(folder)
    assert len(found.translate(["Thank you.", "Hello."], max_new_tokens=3)) == 2
    ids = torch.tensor([[5, 6, 1]])
    logits = found.model(input_ids=ids, decoder_input_ids=ids).logits
    assert torch.isfinite(logits).all()


NUMBERS = [-1, 0, HUGE, 10**40, 2.5, float("nan"), float("inf"), True, "3", [3], {}]
SIZES = ["vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads"]
SIZES += ["relative_attention_num_buckets", "relative_attention_max_distance"]
BAD = {
    **{name: [*NUMBERS, 10**9] for name in SIZES if name != "relative_attention_max_distance"},
    "relative_attention_max_distance": [*NUMBERS[:2], 16, *NUMBERS[3:]],
    "layer_norm_epsilon": [-1.0, 0, 1, 1e30, float("nan"), float("inf"), -float("inf"), True, "1e-6", []],
    "dropout_rate": [-0.1, 2, float("nan"), "0.1", False],
    "is_gated_act": [True, 0, "false", []],
    "scale_decoder_outputs": [1, "yes", {}],
    "dense_act_fn": ["x", "", 3, ["relu"], True],
    "feed_forward_proj": ["gated-", "x-relu", "relu-gated", 3, ["relu"], False],
    "tie_word_embeddings": [0, "no", []],
    "pad_token_id": [-1, 5000, HUGE, 0.0, "0", True, [0]],
    "eos_token_id": [-1, 5000, HUGE, 1.0, "x", False, ["x"], [1, 5000], [[1]], {}],
    "decoder_start_token_id": [-1, 5000, HUGE, float("nan"), "x", True],
}
GENERATION = ("pad_token_id", "eos_token_id", "decoder_start_token_id")


@pytest.mark.parametrize("field", BAD)
def test_each_bad_value_of_the_configuration_is_named(field, folder):
    for value in BAD[field]:
        change(folder / "config.json", **{field: value})
        with pytest.raises(WeightsError) as raised:
            read_t5_folder(folder)
        assert "config.json" in str(raised.value) and field in str(raised.value) and len(str(raised.value)) < 900
    assert_refused(folder, "config.json", field)


@pytest.mark.parametrize("path", ["", None, 5])
def test_what_is_no_path_is_not_the_current_folder(path, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match="^folder: found .*, expected a path"):
        read_t5_folder(path)
    if path is not None:
        with pytest.raises(ValueError, match="^folder: found .*, expected a path"):
            load_translator(path)


@pytest.mark.parametrize("field", GENERATION)
def test_each_bad_token_of_the_generation_configuration_is_named(field, folder):
    for value in BAD[field]:
        change(folder / "generation_config.json", **{field: value})
        with pytest.raises(WeightsError, match=rf"generation_config.json does not describe a T5: {field}: found "):
            read_t5_folder(folder)
    assert_refused(folder, "generation_config.json", field)


@pytest.mark.parametrize("field", [*BAD, "dtype", "architectures", "initializer_factor", "use_cache", "auto_map"])
@pytest.mark.parametrize("value", [..., None])
def test_a_field_that_is_missing_or_null_has_its_default_or_is_named(field, value, folder):
    change(folder / "config.json", **{field: value})
    if field in ("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_heads"):
        assert_refused(folder, "config.json", field)
    else:
        assert_translates(folder)


def test_what_the_course_does_not_use_may_be_anything(folder):
    change(
        folder / "config.json",
        dtype=3,
        torch_dtype="x",
        architectures={},
        initializer_factor=float("nan"),
        n_positions=HUGE,
    )
    change(
        folder / "config.json", use_cache="x", is_encoder_decoder=False, auto_map={"AutoConfig": "x.Y"}, id2label=[1]
    )
    change(folder / "generation_config.json", num_return_sequences=3, min_new_tokens=HUGE, num_beams=-1, do_sample="x")
    assert_translates(folder)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is damaged"),
        ("{", "is damaged"),
        ("[" * 100_000 + "]" * 100_000, "is damaged: maximum recursion depth"),
        ('{"vocab_size": ' + "9" * 5000 + "}", "is damaged"),
        ("[]", "holds a list"),
        ("null", "holds a NoneType"),
    ],
)
def test_a_damaged_configuration_is_named(name, content, message, folder):
    (folder / name).write_text(content)
    assert_refused(folder, name, message)


def test_sizes_are_compared_before_any_tensor_is_read(folder, monkeypatch):
    monkeypatch.setattr("course_utils.networks.t5_folder._read_float32", lambda *asked: pytest.fail("read a tensor"))
    for field, name in {
        "d_ff": "encoder.block.0.layer.1.DenseReluDense.wi.weight",
        "vocab_size": "shared.weight",
    }.items():
        change(folder / "config.json", **{field: 10**9})
        assert_refused(folder, f"model.safetensors: {name}", "config.json says", f"{field} 1000000000")
        change(folder / "config.json", **{field: {"d_ff": 32, "vocab_size": 5000}[field]})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_a_weight_that_is_no_weight_is_named(kind, value, folder):
    with np.errstate(over="ignore"):
        tensor = np.zeros((16, 16)).astype(kind)
        tensor[3, 4] = value
    change_tensors(folder, **{WEIGHT: tensor})
    assert_refused(folder, f"model.safetensors: {WEIGHT}: found NaN, infinity or a weight beyond 1,000,000")


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (..., "found no such tensor, expected shape (16, 16)"),
        (np.zeros((16, 8), "float32"), "found shape (16, 8), expected shape (16, 16), of type F16"),
        (np.zeros((16, 16, 1), "float32"), "found shape (16, 16, 1)"),
        (np.zeros(256, "float32"), "found shape (256,)"),
        (np.zeros((0, 16), "float32"), "found shape (0, 16)"),
        (np.zeros((16, 16), "int64"), "found shape (16, 16) of type I64"),
        (np.zeros((16, 16), bool), "found shape (16, 16) of type BOOL"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(tensor, message, folder):
    change_tensors(folder, **{WEIGHT: tensor})
    assert_refused(folder, f"model.safetensors: {WEIGHT}: {message}", "d_model 16, d_kv 8, d_ff 32, num_heads 2")


def test_a_tensor_too_many_is_named(folder):
    change_tensors(folder, **{"encoder.block.1.layer_norm.weight": np.zeros(16, "float32")})
    assert_refused(
        folder, "model.safetensors", "encoder.block.1.layer_norm.weight: found shape (16,), expected no such tensor"
    )


@settings(max_examples=40)
@given(data=st.data())
def test_damaged_bytes_of_the_tensors_are_noticed_or_do_no_harm(good, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    shutil.copy(good / "config.json", folder)
    whole = bytearray((good / "model.safetensors").read_bytes())
    place = data.draw(st.integers(0, 3000))  # the header, and the first tensors
    if data.draw(st.booleans(), label="cut"):
        del whole[place:]
    else:
        whole[place] = data.draw(st.integers(0, 255))
    (folder / "model.safetensors").write_bytes(whole)
    try:
        _, tensors = read_t5_folder(folder)
    except WeightsError as error:
        assert "model.safetensors" in str(error)
    else:
        assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_a_header_that_claims_more_than_the_file_holds(folder):
    header = {WEIGHT: {"dtype": "F32", "shape": [HUGE, 16], "data_offsets": [0, 64 * HUGE]}}
    text = json.dumps(header).encode()
    for size in (len(text), 2**60):
        (folder / "model.safetensors").write_bytes(size.to_bytes(8, "little") + text)
        assert_refused(folder, "model.safetensors is damaged")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tokenizer.json", {"model": None}),
        ("tokenizer.json", {"model": ...}),
        ("tokenizer.json", {"model": {"type": "Unigram", "unk_id": HUGE, "vocab": []}}),
        ("tokenizer.json", {"added_tokens": "x"}),
        ("tokenizer.json", {"pre_tokenizer": {"type": "x"}}),
        ("tokenizer_config.json", {"model_max_length": "x"}),
        ("tokenizer_config.json", {"pad_token": 3}),
        ("tokenizer_config.json", {"padding_side": "x"}),
    ],
)
def test_a_tokenizer_that_cannot_work_is_named(name, changes, folder):
    change(folder / name, **changes)
    with pytest.raises(
        WeightsError, match="tokenizer.json or tokenizer_config.json does not describe a tokenizer of this model: "
    ):
        load_translator(folder)


def test_code_that_a_tokenizer_brings_is_not_run(folder):
    (folder / "x.py").write_text("raise SystemExit('ran')")
    change(folder / "tokenizer_config.json", tokenizer_class="Y", auto_map={"AutoTokenizer": ["x.Y", "x.Y"]})
    assert_translates(folder)


def test_a_tokenizer_with_more_tokens_than_the_model_is_named(folder):
    change(folder / "config.json", vocab_size=4999)
    change_tensors(folder, **{"shared.weight": np.zeros((4999, 16), "float32")})
    with pytest.raises(WeightsError, match="tokenizer.json .* knows the token 4999, .*says vocab_size 4999"):
        load_translator(folder)
