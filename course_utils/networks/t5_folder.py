"""Read a folder that holds a T5 in Hugging Face format, as transformers 4 and 5 write it, and refuse a damaged one.

T5 turns text into text (Raffel et al., 2020, arXiv:1910.10683). transformers builds the network; here its sizes and
tensors are compared first, so that a file that does not fit ends in one sentence.
"""

import numbers
import reprlib
from types import SimpleNamespace

import numpy as np

from course_utils.checks import check_path
from course_utils.weights import WeightsError, read_json

__all__ = ["read_t5_folder"]

ACTIVATIONS = ("relu", "gelu_new", "gelu", "silu")
MOST = 2**31 - 1
FIELDS = {  # what a config.json may say: T5's default, its type, least and most
    "vocab_size": (32128, numbers.Integral, 1, MOST),
    "d_model": (512, numbers.Integral, 1, MOST),
    "d_kv": (64, numbers.Integral, 1, MOST),
    "d_ff": (2048, numbers.Integral, 1, MOST),
    "num_heads": (8, numbers.Integral, 1, MOST),
    "num_layers": (6, numbers.Integral, 1, 1000),
    "num_decoder_layers": (None, numbers.Integral, 1, 1000),  # as many as num_layers
    "relative_attention_num_buckets": (32, numbers.Integral, 4, MOST),
    "relative_attention_max_distance": (128, numbers.Integral, 1, MOST),
    "layer_norm_epsilon": (1e-6, numbers.Real, 1e-12, 0.99),
    "dropout_rate": (0.1, numbers.Real, 0, 0.99),  # for those who train with transformers
    "is_gated_act": (False, bool, False, True),
    "scale_decoder_outputs": (True, bool, False, True),
}
TYPES = {numbers.Integral: "a whole number", numbers.Real: "a number"}
TOKENS = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}


def _read_config(values):
    """Return what a config.json holds; what it leaves out has T5's default, and a ValueError names what no T5 can have.

    transformers 4 scaled the decoder's output if, and only if, `tie_word_embeddings` was true, its default.
    transformers 5 writes `scale_decoder_outputs`, and says nothing about the head with `tie_word_embeddings`.
    """
    values = {name: value for name, value in values.items() if value is not None or name == "eos_token_id"}
    projection, tied = values.get("feed_forward_proj", "relu"), values.get("tie_word_embeddings", True)
    _check_choice("feed_forward_proj", projection, [gate + name for gate in ("", "gated-") for name in ACTIVATIONS])
    _check_field("tie_word_embeddings", tied, bool, False, True)
    defaults = {name: default for name, (default, *_) in FIELDS.items()} | TOKENS
    defaults["dense_act_fn"] = "gelu_new" if projection == "gated-gelu" else projection.split("-")[-1]
    defaults |= {"is_gated_act": projection.startswith("gated-"), "scale_decoder_outputs": tied}
    defaults["num_decoder_layers"] = values.get("num_layers", defaults["num_layers"])
    config = SimpleNamespace(**{name: values.get(name, default) for name, default in defaults.items()})
    for name, (_, *limits) in FIELDS.items():
        _check_field(name, getattr(config, name), *limits)
    distance, buckets = config.relative_attention_max_distance, config.relative_attention_num_buckets
    if 2 * distance <= buckets:  # half of the buckets hold one distance each
        more = f"more than half of relative_attention_num_buckets, {buckets}"
        raise ValueError(f"relative_attention_max_distance: found {distance}, expected {more}.")
    _check_choice("dense_act_fn", config.dense_act_fn, ACTIVATIONS)
    _set_tokens(config, vars(config))
    return config


def _set_tokens(config, values):
    """Check and take over the tokens that a file names; several may end a text, or none."""
    for name in TOKENS:
        token = values.get(name)
        if name == "eos_token_id":
            token = list(token) if isinstance(token, list | tuple) else [] if token is None else [token]
        for one in token if name == "eos_token_id" else [token]:
            _check_field(name, one, numbers.Integral, 0, config.vocab_size - 1)
        setattr(config, name, token)


def _check_field(name, value, kind, least, most):
    if not (isinstance(value, kind) and isinstance(value, bool) == (kind is bool) and least <= value <= most):
        expected = "true or false" if kind is bool else f"{TYPES[kind]} from {least} to {most}"
        raise ValueError(f"{name}: found {reprlib.repr(value)}, expected {expected}.")


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name}: found {reprlib.repr(value)}, expected one of {', '.join(choices)}.")


FLOATS = ("F16", "BF16", "F32", "F64")
LARGEST = 1e6  # no weight of a trained T5 comes near; products of such weights fit into float32
COPIES = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")  # of the shared embedding, in older files
UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"  # in Google's own files
REPLACE = "Give a folder as `save_pretrained` of transformers writes it."
OTHER_FILES = {
    "model.safetensors.index.json": "Its weights lie in several files: save it with transformers again, in one.",
    "pytorch_model.bin": "Its pytorch_model.bin is refused: such a file can run code when it is opened. If you trust "
    "where it comes from, load it with transformers and save it again.",
}


def read_t5_folder(folder):
    """Check the config.json and model.safetensors of a folder, and return what they say, and the tensors.

    What they say has the names of a config.json; `eos_token_id` is a list, and `tied_head` is true where the output
    matrix is the embedding's, transposed, which the file of the tensors decides, as in transformers 5. The tokens that
    start, end and pad a text are those of generation_config.json where there is one. The tensors are arrays of float32
    by the names that Hugging Face gives them; none is read before all sizes were compared.

    A FileNotFoundError names the folder or file that is missing; a `WeightsError` the file that is damaged or does not
    describe a T5, and its field or tensor; a ValueError a `folder` that is no path.
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
    try:
        config = _read_config(values)
        if generation.exists():
            file, values = generation, _read_json(generation)
            named = {name: value for name, value in values.items() if value is not None}
            _set_tokens(config, vars(config) | named)
    except ValueError as error:
        raise WeightsError(f"folder: {file} does not describe a T5: {error} {REPLACE}") from error
    return _read_tensors(folder, config)


def _read_json(file):
    if not file.is_file():
        raise FileNotFoundError(f"folder: found no file {file.name} in {str(file.parent)!r}. {REPLACE}")
    return read_json(file, "folder", REPLACE)


def _tensors(config):
    """Return {name of each tensor in the file: its shape there}."""
    width, inner, wide = config.d_model, config.num_heads * config.d_kv, config.d_ff
    shapes = {"shared.weight": (config.vocab_size, width)}
    if not config.tied_head:
        shapes["lm_head.weight"] = (config.vocab_size, width)
    attention = {"q": (inner, width), "k": (inner, width), "v": (inner, width), "o": (width, inner)}
    feed_forward = dict.fromkeys(("wi_0", "wi_1") if config.is_gated_act else ("wi",), (wide, width))
    feed_forward["wo"] = (width, wide)
    layers = {"SelfAttention": attention, "DenseReluDense": feed_forward}
    for side, depth in (("encoder", config.num_layers), ("decoder", config.num_decoder_layers)):
        if side == "decoder":
            layers = {"SelfAttention": attention, "EncDecAttention": attention, "DenseReluDense": feed_forward}
        shapes[f"{side}.final_layer_norm.weight"] = (width,)
        table = f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        shapes[table] = (config.relative_attention_num_buckets, config.num_heads)
        for block in range(depth):
            for number, (kind, parts) in enumerate(layers.items()):
                layer = f"{side}.block.{block}.layer.{number}"
                shapes[f"{layer}.layer_norm.weight"] = (width,)
                shapes |= {f"{layer}.{kind}.{part}.weight": shape for part, shape in parts.items()}
    return shapes


def _read_tensors(folder, config):
    """Compare the tensors' sizes with the configuration, then read them; say in the configuration whether heads tie."""
    import ml_dtypes  # noqa: F401 (makes bfloat16 known to NumPy)
    from safetensors import SafetensorError, safe_open

    file = folder / "model.safetensors"
    if not file.is_file():
        advice = next((advice for name, advice in OTHER_FILES.items() if (folder / name).is_file()), REPLACE)
        raise FileNotFoundError(f"folder: found no file model.safetensors in {str(folder)!r}. {advice}")
    try:
        with safe_open(file, framework="numpy") as stored:
            slices = {name: stored.get_slice(name) for name in stored.keys() if name != UNUSED}
            config.tied_head = "lm_head.weight" not in slices
            copies = [name for name in COPIES if name in slices]
            if copies:
                slices.setdefault("shared.weight", slices[copies[0]])
            _compare(file, config, slices)
            tensors = {name: _read_float32(file, name, part) for name, part in slices.items()}
    except SafetensorError as error:
        raise WeightsError(f"folder: {file} is damaged: {error}. {REPLACE}") from error
    for name in copies:
        if not np.array_equal(tensors.pop(name), tensors["shared.weight"]):
            raise WeightsError(f"folder: {file}: {name} differs from shared.weight, which T5 does not allow. {REPLACE}")
    if not config.tied_head and np.array_equal(tensors["lm_head.weight"], tensors["shared.weight"]):
        del tensors["lm_head.weight"]
        config.tied_head = True
    return config, tensors


def _compare(file, config, slices):
    """Raise a `WeightsError` unless the slices of a file are those that the configuration describes."""
    expected = {name: f"shape {shape}" for name, shape in _tensors(config).items()}
    expected |= {name: expected["shared.weight"] for name in COPIES if name in slices}
    found = {name: f"shape {tuple(part.get_shape())}" for name, part in slices.items()}
    found |= {n: f"{found[n]} of type {p.get_dtype()}" for n, p in slices.items() if p.get_dtype() not in FLOATS}
    for name in {**expected, **found}:
        here, there = found.get(name, "no such tensor"), expected.get(name, "no such tensor")
        if here != there:
            says = ", ".join(f"{field} {getattr(config, field)}" for field in FIELDS)
            raise WeightsError(
                f"folder: {file}: {name}: found {here}, expected {there}, of type {', '.join(FLOATS)}: "
                f"config.json says {says}. {REPLACE}"
            )


def _read_float32(file, name, part):
    with np.errstate(all="ignore"):  # what is too large for float32 becomes infinity
        tensor = part[:].astype("float32", copy=False)
    if not -LARGEST < tensor.min() <= tensor.max() < LARGEST:
        raise WeightsError(
            f"folder: {file}: {name}: found NaN, infinity or a weight beyond {LARGEST:,.0f}, expected none. {REPLACE}"
        )
    return tensor
