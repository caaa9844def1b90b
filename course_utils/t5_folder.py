"""Read a T5 from a folder in Hugging Face format, as transformers 4 and 5 write it: configuration and tensors."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from course_utils.decoding import check_count
from course_utils.weights import WeightsError

__all__ = ["T5Config", "load_tensors", "named_weights", "read_t5_folder"]

FLOATS = ("float16", "bfloat16", "float32", "float64")
ACTIVATIONS = ("relu", "gelu_new", "gelu", "silu")  # gelu_new: approximated by a hyperbolic tangent
GENERATION = ("pad_token_id", "eos_token_id", "decoder_start_token_id")
COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")  # of the shared embedding, in older files
UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"  # in Google's own files
REPLACE = "Give a folder as `save_pretrained` of transformers writes it."


@dataclass(frozen=True)
class T5Config:
    """Sizes of a T5, named as in its config.json. `tied_head`: the output matrix is the embedding's, transposed."""

    vocab_size: int = 32128
    d_model: int = 512
    d_kv: int = 64
    d_ff: int = 2048
    num_layers: int = 6
    num_decoder_layers: int = 6
    num_heads: int = 8
    relative_attention_num_buckets: int = 32
    relative_attention_max_distance: int = 128
    layer_norm_epsilon: float = 1e-6
    dense_act_fn: str = "relu"
    is_gated_act: bool = False
    scale_decoder_outputs: bool = True
    tied_head: bool = True
    pad_token_id: int = 0
    eos_token_id: int | tuple | None = 1
    decoder_start_token_id: int = 0

    def __post_init__(self):
        for field in fields(self):
            if field.type is int and not field.name.endswith("_id"):
                check_count(field.name, getattr(self, field.name))
        if self.dense_act_fn not in ACTIVATIONS:
            raise ValueError(f"dense_act_fn: found {self.dense_act_fn!r}, expected one of {', '.join(ACTIVATIONS)}.")

    @property
    def end_tokens(self):
        """The tokens that end a text: a tuple, empty where there is none."""
        return () if self.eos_token_id is None else tuple(np.ravel(self.eos_token_id).tolist())

    @classmethod
    def from_dict(cls, values):
        """Read what a config.json holds; what it leaves out has T5's default.

        transformers 4 scaled the decoder's output if, and only if, `tie_word_embeddings` was true, its default.
        transformers 5 writes `scale_decoder_outputs`, and says nothing about the head with `tie_word_embeddings`.
        """
        values = {name: value for name, value in values.items() if value is not None or name == "eos_token_id"}
        gate, _, activation = values.get("feed_forward_proj", "relu").rpartition("-")
        values.setdefault("is_gated_act", gate == "gated")
        values.setdefault("dense_act_fn", "gelu_new" if (gate, activation) == ("gated", "gelu") else activation)
        values.setdefault("num_decoder_layers", values.get("num_layers", cls.num_layers))
        values.setdefault("scale_decoder_outputs", values.get("tie_word_embeddings", True))
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})


def read_t5_folder(folder):
    """Read configuration and tensors of a T5; whether the head is tied is decided by the file, as transformers 5 does.

    Parameters
    ----------
    folder : str or Path
        Holds config.json and model.safetensors. The tokens that start, end and pad a text are taken from
        generation_config.json where there is one.

    Returns
    -------
    T5Config
    dict
        Arrays as stored, by the names that Hugging Face gives them; `lm_head.weight` only where it is not tied.

    Raises
    ------
    FileNotFoundError
        When the folder or one of its files is missing.
    WeightsError
        When a file is damaged or does not describe a T5; the message names it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: found no folder {str(folder)!r}. {REPLACE}")
    values = _read_json(folder / "config.json")
    if values.get("model_type") != "t5":
        raise WeightsError(
            f"folder: {folder / 'config.json'} describes the model type {values.get('model_type')!r}, expected 't5'. "
            "Relatives such as mt5 and umt5 are built differently and not supported."
        )
    if (folder / "generation_config.json").is_file():
        generation = _read_json(folder / "generation_config.json")
        values |= {name: generation[name] for name in GENERATION if generation.get(name) is not None}
    tensors = _read_tensors(folder)
    tensors.pop(UNUSED, None)
    for name in COPIES:
        if (copy := tensors.pop(name, None)) is not None:
            if not np.array_equal(copy, tensors.setdefault("shared.weight", copy)):
                raise WeightsError(f"folder: {name} differs from shared.weight, which T5 does not allow. {REPLACE}")
    head = tensors.get("lm_head.weight")
    if tied := head is None or np.array_equal(head, tensors.get("shared.weight")):
        tensors.pop("lm_head.weight", None)
    try:
        return T5Config.from_dict(values | {"tied_head": tied}), tensors
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"folder: {folder / 'config.json'} does not describe a T5: {error} {REPLACE}") from error


def named_weights(model):
    """Map the names that Hugging Face gives to T5's tensors to the variables of a `course_utils.t5.T5`.

    Variables named kernel are the transposes of those tensors.
    """
    named = {"shared.weight": model.shared.embeddings}
    if model.head is not None:
        named["lm_head.weight"] = model.head.kernel
    for side, stack in (("encoder", model.encoder), ("decoder", model.decoder)):
        named[f"{side}.final_layer_norm.weight"] = stack.final_norm.scale
        named[f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = stack.position_bias.table
        for i, block in enumerate(stack.blocks):
            layers = [("SelfAttention", block.attention_norm, block.attention)]
            if side == "decoder":
                layers.append(("EncDecAttention", block.cross_norm, block.cross_attention))
            layers.append(("DenseReluDense", block.feed_forward_norm, block.feed_forward))
            for j, (kind, norm, layer) in enumerate(layers):
                if kind != "DenseReluDense":
                    parts = {"q": layer.query, "k": layer.key, "v": layer.value, "o": layer.merge}
                elif layer.gate is None:
                    parts = {"wi": layer.expand, "wo": layer.contract}
                else:
                    parts = {"wi_0": layer.gate, "wi_1": layer.expand, "wo": layer.contract}
                named[f"{side}.block.{i}.layer.{j}.layer_norm.weight"] = norm.scale
                for name, part in parts.items():
                    named[f"{side}.block.{i}.layer.{j}.{kind}.{name}.weight"] = part.kernel
    return named


def load_tensors(model, tensors):
    """Take the weights of a `course_utils.t5.T5` from arrays under Hugging Face's names, cast to float32.

    Raises
    ------
    WeightsError
        When a tensor is missing, unknown, or of another shape or kind; the message names it. The model is unchanged.
    """
    variables = named_weights(model)
    for problem, names in (("missing", variables.keys() - tensors), ("unknown", tensors.keys() - variables)):
        if names:
            raise WeightsError(
                f"tensors: {len(names)} of them {problem}, such as {min(names)}, for a T5 as the configuration "
                f"describes it. {REPLACE}"
            )
    for name, variable in variables.items():
        expected = tuple(variable.shape[::-1] if variable.name == "kernel" else variable.shape)
        shape, kind = tuple(tensors[name].shape), tensors[name].dtype.name
        if shape != expected or kind not in FLOATS:
            raise WeightsError(
                f"tensors: {name} has shape {shape} and type {kind}, expected shape {expected} and one of "
                f"{', '.join(FLOATS)}. {REPLACE}"
            )
    for name, variable in variables.items():
        tensor = tensors[name].T if variable.name == "kernel" else tensors[name]
        variable.assign(tensor.astype("float32", copy=False))


def _read_json(file):
    if not file.is_file():
        raise FileNotFoundError(f"folder: found no file {file.name} in {str(file.parent)!r}. {REPLACE}")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WeightsError(f"folder: {file} is damaged: {error}. {REPLACE}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"folder: {file} holds a {type(values).__name__}, expected an object. {REPLACE}")
    return values


def _read_tensors(folder):
    import ml_dtypes  # noqa: F401 (makes bfloat16 known to NumPy)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    file = folder / "model.safetensors"
    if not file.is_file():
        advice = REPLACE
        if (folder / "model.safetensors.index.json").is_file():
            advice = "Its weights lie in several files: load it with transformers and save it again in one."
        elif (folder / "pytorch_model.bin").is_file():
            advice = (
                "Its pytorch_model.bin is refused: such a file can run code when it is opened. If you trust where it "
                "comes from, load it with transformers and save it again."
            )
        raise FileNotFoundError(f"folder: found no file model.safetensors in {str(folder)!r}. {advice}")
    try:
        return load_file(file)
    except (SafetensorError, TypeError, ValueError) as error:
        raise WeightsError(f"folder: {file} is damaged: {error}. {REPLACE}") from error
