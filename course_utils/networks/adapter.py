"""Add a low-rank adapter to a language model: some of its matrices W become W + (alpha / r) A B.

A has the shape (numbers in, r) and B (r, numbers out), so that few numbers change a large matrix (Hu et al., 2021,
arXiv:2106.09685). An adapter is a folder as the library peft writes it: adapter_config.json, adapter_model.safetensors.
"""

import dataclasses
import json

import numpy as np

from course_utils.networks.language_model import LanguageModel
from course_utils.networks.language_model_files import NAMES
from course_utils.runtime import waiting
from course_utils.weights import WeightsError

__all__ = ["ADAPTER_FILE", "CONFIG_FILE", "add_adapter", "tensor_names"]

ADAPTER_FILE, CONFIG_FILE = "adapter_model.safetensors", "adapter_config.json"
PLAIN = {"use_rslora": False, "use_dora": False, "fan_in_fan_out": False, "bias": "none", "modules_to_save": None}
PLAIN |= {"rank_pattern": {}, "alpha_pattern": {}, "layers_to_transform": None}


def tensor_names(index, ours):
    """Return the names of A and B, as peft writes them, of a layer's matrix, such as `query`."""
    start = f"base_model.model.model.layers.{index}.{NAMES[ours][1].removesuffix('.weight')}"
    return f"{start}.lora_A.weight", f"{start}.lora_B.weight"


@waiting("Adding the adapter")
def add_adapter(model, folder, content, name, in_place=False):
    """Return a model like the one given, with an adapter in its matrices; the given one stays as it is.

    `folder` holds adapter_config.json; `content` are the bytes of the adapter's safetensors file, whose checksum holds
    where it is known. With `in_place` the arrays of the given model are changed, which is then no longer what it was:
    half of the memory. A WeightsError says that the adapter is damaged, of another kind, or made for a model of other
    sizes.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    scale = _read_scale(folder / CONFIG_FILE)
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise WeightsError(f"adapter: {folder / ADAPTER_FILE} is damaged: {error}. Get a new copy.") from error
    layers = []
    for index, layer in enumerate(model.layers):
        changed = {}
        for ours in ("query", "key", "value", "output", "gate", "up", "down"):
            first, second = (tensors.pop(key, None) for key in tensor_names(index, ours))
            if first is None and second is None:
                continue
            before = getattr(layer, ours)
            change = scale * _product(folder, f"{ours} of layer {index}", first, second, before.shape)
            changed[ours] = np.add(before, change, out=before if in_place else None)  # a view of what is computed with
        layers.append(layer if in_place else dataclasses.replace(layer, **changed))
    if tensors:
        raise WeightsError(f"adapter: {folder} changes {min(tensors)}, which {model.name} does not have.")
    top = model.config, model.embedding, layers, model.final_norm, model.head, model.tokenizer
    return LanguageModel(*top, name, f"{model.source}, with the adapter {folder.name}", model.licence)


def _product(folder, place, first, second, shape):
    if first is None or second is None:
        raise WeightsError(f"adapter: {folder} has one half of what changes the {place}. Get a new copy.")
    if first.shape[1:] != shape[:1] or second.shape != (shape[1], first.shape[0]):
        raise WeightsError(
            f"adapter: {folder}: {place}: found A {first.shape} and B {second.shape}, expected A (r, {shape[0]}) and "
            f"B ({shape[1]}, r): it was made for another model."
        )
    product = first.T.astype(np.float32) @ second.T.astype(np.float32)
    if not np.isfinite(product).all():
        raise WeightsError(f"adapter: {folder}: {place}: found NaN or infinity. Get a new copy.")
    return product


def _read_scale(file):
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        kind, rank, alpha = values["peft_type"], values["r"], values["lora_alpha"]
        scale = np.float32(alpha / rank)
    except FileNotFoundError:
        raise WeightsError(f"adapter: there is no file {file}. Give a folder as peft writes it.") from None
    except (ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise WeightsError(f"adapter: {file} does not describe a low-rank adapter: {error!r}.") from error
    unknown = {key: values[key] for key, plain in PLAIN.items() if values.get(key, plain) not in (plain, None)}
    if kind != "LORA" or unknown or not np.isfinite(scale):
        raise WeightsError(f"adapter: {file} is of the kind {kind} with {unknown}; this course adds plain LORA.")
    return scale
