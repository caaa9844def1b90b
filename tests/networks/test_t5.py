"""A T5 that the course loads is the one that transformers loads, number for number; a bad folder is named."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from course_utils.networks.pretrained import load_translator
from course_utils.networks.t5_folder import read_t5_folder
from course_utils.notebooks import ROOT
from course_utils.runtime import load_torch, load_transformers
from course_utils.weights import WeightsError

MINI = ROOT / "models" / "mini_t5"
SMALL = dict(vocab_size=5000, d_model=12, d_kv=5, d_ff=20, num_layers=2, num_decoder_layers=1, num_heads=3)
SMALL |= dict(relative_attention_num_buckets=8, relative_attention_max_distance=16, decoder_start_token_id=0)
GATED = dict(feed_forward_proj="gated-gelu")


def save(folder, seed=0, tied=True, kind="float32", sizes=(), **changes):
    """Save a T5 of transformers with weights large enough that each matters, and mini-T5's tokenizer.

    `changes` go into its config.json: a value of ... leaves the name out.
    """
    torch, transformers = load_torch(), load_transformers()
    generator = torch.Generator().manual_seed(seed)
    model = transformers.T5ForConditionalGeneration(transformers.T5Config(**SMALL | dict(sizes))).eval()
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=generator)
            else:
                last = 1 if "bias" in name or "shared" in name else parameter.shape[-1]
                parameter.normal_(0, last**-0.5, generator=generator)
    model.to(getattr(torch, kind)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MINI / name, folder)
    change_config(folder, **changes)
    return folder


def change_config(folder, **changes):
    file = folder / "config.json"
    values = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({name: value for name, value in values.items() if value is not ...}))


def logits(model):
    """Return a model's logits for two rows of source tokens, one of them masked in part, and their target."""
    torch, rng = load_torch(), np.random.default_rng(0)
    source, target = torch.tensor(rng.integers(2, 5000, (2, 7))), torch.tensor(rng.integers(0, 5000, (2, 5)))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    with torch.inference_mode():
        return model(input_ids=source, attention_mask=mask, decoder_input_ids=target).logits.numpy()


def assert_loads_as_transformers_does(folder):
    ours = load_translator(folder).model
    theirs = load_transformers().T5ForConditionalGeneration.from_pretrained(folder, dtype=load_torch().float32).eval()
    assert ours.num_parameters() == theirs.num_parameters() and {part.dtype for part in ours.parameters()} == {
        load_torch().float32
    }
    expected = logits(theirs)
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(logits(ours), expected, rtol=0, atol=1e-5)


# Equal to transformers


def test_mini_t5_is_the_model_that_transformers_loads():
    assert load_translator().model.num_parameters() == 5_740_800
    assert_loads_as_transformers_does(MINI)


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
    save(tmp_path, 1, tied, sizes=sizes, **changes)
    config, _ = read_t5_folder(tmp_path)
    assert {name: getattr(config, name) for name in expected} == expected
    assert_loads_as_transformers_does(tmp_path)


@pytest.mark.parametrize(("kind", "stored"), [("float16", b'"F16"'), ("bfloat16", b'"BF16"')])
def test_half_precision_is_cast_to_float32(kind, stored, tmp_path):
    save(tmp_path, kind=kind)
    assert stored in (tmp_path / "model.safetensors").read_bytes()
    assert_loads_as_transformers_does(tmp_path)


# Folders, good and bad


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path / "modèle — 模型", 3)


def test_a_folder_loads_from_anywhere(folder, monkeypatch):
    expected = logits(load_translator(folder).model)
    monkeypatch.chdir(folder.parent)
    for name in (str(folder), folder.name, Path(folder.name)):
        np.testing.assert_array_equal(logits(load_translator(name).model), expected)


def test_older_files_hold_copies_and_a_weight_that_is_not_used(folder):
    expected, tensors = logits(load_translator(folder).model), read_t5_folder(folder)[1]
    copies = dict.fromkeys(["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"], tensors["shared.weight"])
    copies["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = np.zeros((8, 3), "float32")
    copies["lm_head.weight"] = tensors["shared.weight"]
    for left_out in ("nothing", "shared.weight"):
        write(folder, {name: tensor for name, tensor in (tensors | copies).items() if name != left_out})
        np.testing.assert_allclose(logits(load_translator(folder).model), expected, atol=1e-6)
    write(folder, tensors | {"encoder.embed_tokens.weight": tensors["shared.weight"] + 1})
    with pytest.raises(WeightsError, match="encoder.embed_tokens.weight differs from shared.weight"):
        load_translator(folder)


def test_the_generation_configuration_goes_first(folder):
    (folder / "generation_config.json").write_text('{"eos_token_id": [4, 5], "pad_token_id": 2, "num_beams": 7}')
    config, _ = read_t5_folder(folder)
    assert (config.eos_token_id, config.pad_token_id, config.decoder_start_token_id) == ([4, 5], 2, 0)
    (folder / "generation_config.json").unlink()
    assert read_t5_folder(folder)[0].eos_token_id == [1]


def write(folder, tensors):
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors")


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
    f"{WEIGHT}: found no such tensor, .*config.json says vocab_size 5000, d_model 12, d_kv 5, d_ff 20, num_heads 3": (
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
        read_t5_folder(folder)
