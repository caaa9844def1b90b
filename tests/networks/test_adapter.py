"""An adapter changes what torch's layers would change; one that is damaged or made for another model is refused."""

import json
import weakref

import numpy as np
import pytest
from safetensors.numpy import save_file

from course_utils.networks import pretrained
from course_utils.networks.adapter import ADAPTER_FILE, CONFIG_FILE, add_adapter, tensor_names
from course_utils.networks.chat_batches import answer_all
from course_utils.networks.language_model_files import to_transformers
from course_utils.networks.pretrained import load_language_model
from course_utils.runtime import load_torch
from course_utils.weights import WeightsError

SIZES = {"query": (576, 576), "key": (576, 192), "down": (1536, 576)}


@pytest.fixture(scope="module")
def model():
    return load_language_model()


def draw(rank=4, seed=0, size=0.02, layers=(0, 17)):
    random = np.random.default_rng(seed)
    tensors = {}
    for index in layers:
        for ours, (wide, narrow) in SIZES.items():
            first, second = tensor_names(index, ours)
            tensors[first] = random.normal(0, size, (rank, wide)).astype(np.float32)
            tensors[second] = random.normal(0, size, (narrow, rank)).astype(np.float32)
    return tensors


def write(folder, tensors=None, **changes):
    folder.mkdir(exist_ok=True)
    save_file(draw() if tensors is None else tensors, folder / ADAPTER_FILE)
    values = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", "use_dora": False} | changes
    (folder / CONFIG_FILE).write_text(json.dumps(values), encoding="utf-8")
    return folder


def test_an_adapter_gives_what_added_layers_give_in_torch(model, tmp_path):
    """The oracle adds scale * x A B to the outputs of transformers' own layers."""
    torch, tensors = load_torch(), draw()
    adapted = load_language_model(adapter=write(tmp_path / "Anpassung é"))
    reference = to_transformers(model)
    for name in tensors:
        if "lora_A" in name:
            first, second = (torch.from_numpy(tensors[key]) for key in (name, name.replace("lora_A", "lora_B")))
            linear = reference.get_submodule(name.removeprefix("base_model.model.").removesuffix(".lora_A.weight"))
            linear.register_forward_hook(lambda _, x, y, a=first, b=second: y + 2.0 * (x[0] @ a.T) @ b.T)
    ids = np.array([model.encode("The old clock in the hall has stopped again.")])
    with torch.inference_mode():
        expected = reference(input_ids=torch.from_numpy(ids)).logits.numpy()
    found, plain = adapted.logits(ids), model.logits(ids)
    assert np.abs(found - expected).max() < 1e-3 < 0.1 < np.abs(found - plain).max()
    assert adapted.embedding is model.embedding and "Anpassung é" in adapted.name + adapted.source


def test_where_nobody_has_the_model_its_arrays_are_changed_in_place(model, tmp_path, monkeypatch):
    folder, ids = write(tmp_path / "a"), model.encode("Good morning")
    expected, before = load_language_model(adapter=folder).logits(ids), model.logits(ids)
    monkeypatch.setattr(pretrained, "_IN_USE", weakref.WeakValueDictionary())
    adapted = load_language_model(adapter=folder)
    assert np.abs(adapted.logits(ids) - expected).max() < 1e-3
    assert load_language_model(adapter=folder) is adapted
    assert np.array_equal(load_language_model().logits(ids), before)


def test_the_model_itself_stays_as_it_is(model, tmp_path):
    ids = model.encode("Good morning")
    before = model.logits(ids)
    load_language_model(adapter=write(tmp_path / "a"))
    assert np.array_equal(model.logits(ids), before) and load_language_model() is model


@pytest.mark.parametrize(
    "change, message",
    [
        ({"peft_type": "IA3"}, "of the kind IA3"),
        ({"use_rslora": True}, "use_rslora"),
        ({"bias": "all"}, "'bias': 'all'"),
        ({"r": 0}, "does not describe"),
        ({"r": "4"}, "does not describe"),
        ({"lora_alpha": float("inf")}, "of the kind LORA"),
    ],
)
def test_what_another_kind_of_adapter_says_is_refused(model, tmp_path, change, message):
    with pytest.raises(WeightsError, match=message):
        load_language_model(adapter=write(tmp_path / "a", **change))


def test_a_damaged_adapter_is_one_clear_error(model, tmp_path):
    folder = write(tmp_path / "a")
    content = (folder / ADAPTER_FILE).read_bytes()
    for damaged in (b"", content[:100], content[:-8], b"\xff" * 40):
        (folder / ADAPTER_FILE).write_bytes(damaged)
        with pytest.raises(WeightsError, match="adapter_model.safetensors is damaged"):
            load_language_model(adapter=folder)
    (folder / ADAPTER_FILE).write_bytes(content)
    for config in ("", "[]", "{", '{"r": 4}'):
        (folder / CONFIG_FILE).write_text(config, encoding="utf-8")
        with pytest.raises(WeightsError, match="does not describe a low-rank adapter"):
            load_language_model(adapter=folder)
    (folder / CONFIG_FILE).unlink()
    with pytest.raises(WeightsError, match="there is no file .*adapter_config.json"):
        load_language_model(adapter=folder)


def test_an_adapter_for_another_model_is_refused(model, tmp_path):
    first, second = tensor_names(0, "query")
    tensors = draw()
    for change, message in (
        ({first: np.ones((4, 960), np.float32)}, "made for another model"),
        ({tensor_names(30, "query")[0]: np.ones((4, 576), np.float32)}, "which SmolLM2-135M-Instruct does not have"),
        ({"base_model.model.lm_head.lora_A.weight": np.ones((4, 576), np.float32)}, "lm_head"),
        ({first: np.full((4, 576), np.nan, np.float32)}, "NaN or infinity"),
    ):
        with pytest.raises(WeightsError, match=message):
            add_adapter(
                model, write(tmp_path / "a", tensors | change), (tmp_path / "a" / ADAPTER_FILE).read_bytes(), "x"
            )
    del tensors[second]
    with pytest.raises(WeightsError, match="one half"):
        load_language_model(adapter=write(tmp_path / "b", tensors))


def test_no_adapter_in_a_folder_is_one_error(tmp_path):
    with pytest.raises(WeightsError, match="adapter: there is no file"):
        load_language_model(adapter=tmp_path)
    with pytest.raises(ValueError, match="adapter"):
        load_language_model(adapter=3)


def test_a_batch_answers_like_one_at_a_time(model):
    questions = ["What is the capital of France?", "Name three colours, please, in one short line.", "Hello!"]
    conversations = [[{"role": "user", "content": question}] for question in questions]
    together = answer_all(model, conversations, 12, batch=2)
    assert together == ["".join(model.chat(messages, max_new_tokens=12)).strip() for messages in conversations]
    assert answer_all(model, []) == []
    with pytest.raises(ValueError, match="batch"):
        answer_all(model, conversations, batch=0)
