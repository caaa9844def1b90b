"""Check and read a T5 in a folder of Hugging Face format, as transformers 4 and 5 write it, for all who load one."""

import dataclasses
import itertools
import json
import math
import reprlib

import numpy as np

from course_utils.checks import check_count, check_path, is_number
from course_utils.weights import WeightsError

__all__ = ["REPLACE", "T5Config", "load_tensors", "named_weights", "read_t5_folder"]

FLOATS = ("F16", "BF16", "F32", "F64")
LARGEST = 1e6  # no weight of a trained T5 comes near; products of such weights fit into float32
ACTIVATIONS = ("relu", "gelu_new", "gelu", "silu")  # gelu_new: approximated by a hyperbolic tangent
GENERATION = ("pad_token_id", "eos_token_id", "decoder_start_token_id")
EMBEDDING = ("vocab_size", "d_model")
COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")  # of the shared embedding, in older files
UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"  # in Google's own files
REPLACE = "Give a folder as `save_pretrained` of transformers writes it."


@dataclasses.dataclass(frozen=True)
class T5Config:
    """Sizes of a T5, named as in its config.json. `tied_head`: the output matrix is the embedding's, transposed.

    A `ValueError` names a field that no T5 can have. `dropout_rate` is for those who train with transformers.
    """

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
    dropout_rate: float = 0.1
    dense_act_fn: str = "relu"
    is_gated_act: bool = False
    scale_decoder_outputs: bool = True
    tied_head: bool = True
    pad_token_id: int = 0
    eos_token_id: int | list | tuple | None = 1
    decoder_start_token_id: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            if name in GENERATION:
                for token in self.end_tokens if name == "eos_token_id" else [value]:
                    check_count(name, token, 0, self.vocab_size - 1)
            elif field.type is int:
                check_count(name, value, 4 if name == "relative_attention_num_buckets" else 1, 2**31 - 1)
            elif field.type is float:
                least = 0 if name == "dropout_rate" else 1e-12
                _expect(name, value, is_number(value) and least <= value < 1, f"a number from {least} to below 1")
            elif field.type is bool:
                _expect(name, value, isinstance(value, bool), "true or false")
            else:
                _expect(name, value, value in ACTIVATIONS, f"one of {', '.join(ACTIVATIONS)}")
        distance, half = self.relative_attention_max_distance, self.relative_attention_num_buckets / 2
        more = "more than half of relative_attention_num_buckets"  # as many of them hold one distance each
        _expect("relative_attention_max_distance", distance, distance > half, more)

    @property
    def end_tokens(self):
        """The tokens that end a text: a tuple, empty where there is none."""
        ends = self.eos_token_id
        return tuple(ends) if isinstance(ends, (list, tuple)) else () if ends is None else (ends,)

    @classmethod
    def from_dict(cls, values):
        """Read what a config.json holds; what it leaves out has T5's default.

        transformers 4 scaled the decoder's output if, and only if, `tie_word_embeddings` was true, its default.
        transformers 5 writes `scale_decoder_outputs`, and says nothing about the head with `tie_word_embeddings`.
        """
        values = {name: value for name, value in values.items() if value is not None or name == "eos_token_id"}
        projection, tied = values.get("feed_forward_proj", "relu"), values.get("tie_word_embeddings", True)
        known = [gate + name for gate in ("", "gated-") for name in ACTIVATIONS]
        _expect("feed_forward_proj", projection, projection in known, f"one of {', '.join(known)}")
        _expect("tie_word_embeddings", tied, isinstance(tied, bool), "true or false")
        values.setdefault("is_gated_act", projection.startswith("gated-"))
        values.setdefault("dense_act_fn", "gelu_new" if projection == "gated-gelu" else projection.split("-")[-1])
        values.setdefault("num_decoder_layers", values.get("num_layers", cls.num_layers))
        values.setdefault("scale_decoder_outputs", tied)
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values})


def _expect(name, value, fits, expected):
    if not fits:
        raise ValueError(f"{name}: found {reprlib.repr(value)}, expected {expected}.")


def read_t5_folder(folder):
    """Check a T5's files against each other, sizes before any tensor is read, then read configuration and tensors.

    Whether the head is tied is decided by the file of the tensors, as transformers 5 does.

    Parameters
    ----------
    folder : str or Path
        Holds config.json and model.safetensors. The tokens that start, end and pad a text are taken from
        generation_config.json where there is one.

    Returns
    -------
    T5Config
    dict
        Arrays of float32, by the names that Hugging Face gives them; `lm_head.weight` only where it is not tied.

    Raises
    ------
    ValueError
        When `folder` is no path.
    FileNotFoundError
        When the folder or one of its files is missing.
    WeightsError
        When a file is damaged or does not describe a T5; the message names the file, and the field or the tensor.
    """
    folder = check_path("folder", folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder: found no folder {str(folder)!r}. {REPLACE}")
    file, generation = folder / "config.json", folder / "generation_config.json"
    values = _read_json(file)
    if values.get("model_type") != "t5":
        raise WeightsError(
            f"folder: {file} describes the model type {reprlib.repr(values.get('model_type'))}, expected 't5'. "
            "Relatives such as mt5 and umt5 are built differently and not supported."
        )
    config = _describe(file, T5Config.from_dict, values)
    if generation.exists():
        tokens = {name: value for name, value in _read_json(generation).items() if value is not None}
        tokens = {name: tokens[name] for name in GENERATION if name in tokens}
        config = _describe(generation, lambda tokens: dataclasses.replace(config, **tokens), tokens)
    return _read_tensors(folder, config)


def _describe(file, describe, values):
    try:
        return describe(values)
    except ValueError as error:
        raise WeightsError(f"folder: {file} does not describe a T5: {error} {REPLACE}") from error


def _tensors(config):
    """Yield of each tensor its name, its place in a `T5`, and the fields that say its sizes."""
    yield "shared.weight", "shared.embeddings", EMBEDDING
    if not config.tied_head:
        yield "lm_head.weight", "head.kernel", EMBEDDING
    width, inner, wide = "d_model", "num_heads * d_kv", "d_ff"
    projections = {"q": ("query", inner, width), "k": ("key", inner, width), "v": ("value", inner, width)}
    projections["o"] = ("merge", width, inner)
    names = {"wi_0": "gate", "wi_1": "expand"} if config.is_gated_act else {"wi": "expand"}
    feed_forward = {name: (part, wide, width) for name, part in names.items()} | {"wo": ("contract", width, wide)}
    for side, depth in (("encoder", config.num_layers), ("decoder", config.num_decoder_layers)):
        layers = [("SelfAttention", "attention", projections), ("DenseReluDense", "feed_forward", feed_forward)]
        if side == "decoder":
            layers.insert(1, ("EncDecAttention", "cross_attention", projections))
        yield f"{side}.final_layer_norm.weight", f"{side}.final_norm.scale", (width,)
        table = ("relative_attention_num_buckets", "num_heads")
        name = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        yield name, f"{side}.position_bias.table", table
        for i in range(depth):
            for j, (kind, layer, parts) in enumerate(layers):
                name, place = f"{side}.block.{i}.layer.{j}", f"{side}.blocks.{i}.{layer}"
                yield f"{name}.layer_norm.weight", f"{place.removesuffix('_attention')}_norm.scale", (width,)
                for short, (part, *sizes) in parts.items():
                    yield f"{name}.{kind}.{short}.weight", f"{place}.{part}.kernel", sizes


def _read_tensors(folder, config):
    """Compare the tensors' sizes with the configuration, then read them; say in the configuration whether heads tie."""
    import ml_dtypes  # noqa: F401 (makes bfloat16 known to NumPy)
    from safetensors import SafetensorError, safe_open

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
        with safe_open(file, framework="numpy") as stored:
            slices = {name: stored.get_slice(name) for name in stored.keys() if name != UNUSED}
            config = dataclasses.replace(config, tied_head="lm_head.weight" not in slices)
            copies = [name for name in COPIES if name in slices]
            if copies:
                slices.setdefault("shared.weight", slices[copies[0]])
            _compare(file, config, {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()})
            tensors = {name: _read_float32(file, name, part) for name, part in slices.items()}
    except SafetensorError as error:
        raise WeightsError(f"folder: {file} is damaged: {error}. {REPLACE}") from error
    for name in copies:
        if not np.array_equal(tensors.pop(name), tensors["shared.weight"]):
            raise WeightsError(f"folder: {file}: {name} differs from shared.weight, which T5 does not allow. {REPLACE}")
    if not config.tied_head and np.array_equal(tensors["lm_head.weight"], tensors["shared.weight"]):
        del tensors["lm_head.weight"]
        config = dataclasses.replace(config, tied_head=True)
    return config, tensors


def _compare(file, config, stored):
    """Raise a `WeightsError` unless `stored`, {name: (shape, type)}, holds what the configuration describes."""
    known, copies = set(), [(name, "", EMBEDDING) for name in COPIES if name in stored]
    for name, _, sizes in itertools.chain(copies, _tensors(config)):
        known.add(name)
        expected = tuple(math.prod(getattr(config, field) for field in size.split(" * ")) for size in sizes)
        shape, kind = stored.get(name, (None, None))
        if shape != expected or kind not in FLOATS:
            names = " * ".join(sizes).split(" * ")
            if ".block." in name:
                names.append("num_layers" if name.startswith("encoder") else "num_decoder_layers")
            if ".wi" in name:
                names.append("is_gated_act")
            says = ", ".join(f"{field} {getattr(config, field)}" for field in dict.fromkeys(names))
            raise WeightsError(
                f"folder: {file}: {name}: found {f'shape {shape} of type {kind}' if kind else 'no such tensor'}, "
                f"expected shape {expected} of type {', '.join(FLOATS)}: config.json says {says}. {REPLACE}"
            )
    if unknown := sorted(stored.keys() - known):
        raise WeightsError(
            f"folder: {file} holds what a T5 as config.json describes it does not have, such as {unknown[0]}. {REPLACE}"
        )


def _read_float32(file, name, part):
    with np.errstate(all="ignore"):  # what is too large for float32 becomes infinity
        tensor = part[:].astype("float32", copy=False)
    if not -LARGEST < tensor.min() <= tensor.max() < LARGEST:
        raise WeightsError(
            f"folder: {file}: {name}: found NaN, infinity or a weight beyond {LARGEST:,.0f}, expected none. {REPLACE}"
        )
    return tensor


def named_weights(model):
    """Map the names that Hugging Face gives to T5's tensors to the variables of a `T5`.

    Variables named kernel are the transposes of those tensors.
    """

    def find(place):
        found = model
        for part in place.split("."):
            found = found[int(part)] if part.isdigit() else getattr(found, part)
        return found

    return {name: find(place) for name, place, _ in _tensors(model.config)}


def load_tensors(model, tensors):
    """Take the weights of a `T5` from arrays under Hugging Face's names, as `read_t5_folder` gives."""
    for name, variable in named_weights(model).items():
        variable.assign(tensors[name].T if variable.name == "kernel" else tensors[name])


def _read_json(file):
    if not file.is_file():
        raise FileNotFoundError(f"folder: found no file {file.name} in {str(file.parent)!r}. {REPLACE}")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"folder: {file} is damaged: {error}. {REPLACE}") from error
    if not isinstance(values, dict):
        raise WeightsError(f"folder: {file} holds a {type(values).__name__}, expected an object. {REPLACE}")
    return values
