"""Read a language model from a GGUF file, or from a folder in Hugging Face's format, with its tokenizer.

The models are those of the Llama family that `course_utils.networks.language_model` computes. What differs from them is
refused with its name, since a model that is read wrongly still writes. A file is refused where it claims more than it
holds, before anything of that size is made.
"""

import math
import mmap
import struct

import numpy as np

from course_utils.checks import check_count, is_number
from course_utils.networks.chat_tokenizer import CUTS, ChatTokenizer, build_pairs
from course_utils.networks.language_model import Config, LanguageModel, Layer
from course_utils.runtime import load_torch, load_transformers, waiting
from course_utils.weights import WeightsError, read_json

__all__ = ["NAMES", "read_folder", "read_gguf", "to_transformers"]

FAMILY = ("llama", "qwen2", "qwen3")
# a layer's arrays: our name, GGUF's, Hugging Face's
NAMES = {
    "attention_norm": ("attn_norm.weight", "input_layernorm.weight"),
    "query": ("attn_q.weight", "self_attn.q_proj.weight"),
    "key": ("attn_k.weight", "self_attn.k_proj.weight"),
    "value": ("attn_v.weight", "self_attn.v_proj.weight"),
    "output": ("attn_output.weight", "self_attn.o_proj.weight"),
    "feed_forward_norm": ("ffn_norm.weight", "post_attention_layernorm.weight"),
    "gate": ("ffn_gate.weight", "mlp.gate_proj.weight"),
    "up": ("ffn_up.weight", "mlp.up_proj.weight"),
    "down": ("ffn_down.weight", "mlp.down_proj.weight"),
    "query_bias": ("attn_q.bias", "self_attn.q_proj.bias"),
    "key_bias": ("attn_k.bias", "self_attn.k_proj.bias"),
    "value_bias": ("attn_v.bias", "self_attn.v_proj.bias"),
    "query_norm": ("attn_q_norm.weight", "self_attn.q_norm.weight"),
    "key_norm": ("attn_k_norm.weight", "self_attn.k_norm.weight"),
}
BIASES = ("query_bias", "key_bias", "value_bias")
HEAD_NORMS = ("query_norm", "key_norm")
TOPS = {
    "embedding": ("token_embd.weight", "model.embed_tokens.weight"),
    "final_norm": ("output_norm.weight", "model.norm.weight"),
    "head": ("output.weight", "lm_head.weight"),
}
LARGEST = 1e6  # no weight of a trained model comes near; products of such weights fit into float32
# GGUF's scalars by their number, as `struct` names them
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, ARRAY = 8, 9
ENDS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>")  # where one of these is special, it ends


class _Gguf:
    """What the head of a GGUF file says: `fields` by their keys, `tensors` as {name: (shape, type, bytes)}."""

    def __init__(self, content):
        self.content, self.place = content, 0
        magic, version, tensors, fields = self._take("4sIQQ")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"it begins with {magic!r}, version {version}, expected b'GGUF', version 2 or 3")
        self.fields = {}
        for _ in range(fields):
            key, (kind,) = self._text(), self._take("I")
            self.fields[key] = self._value(kind)
        heads = [self._head() for _ in range(tensors)]
        alignment = check_count("general.alignment", self.fields.get("general.alignment", 32), 1, 2**20)
        start = -(-self.place // alignment) * alignment
        self.tensors = {name: self._tensor(start + offset, *rest) for name, offset, *rest in heads}

    def _take(self, form):
        values = struct.unpack_from(f"<{form}", self.content, self.place)  # an error where the file is at its end
        self.place += struct.calcsize(f"<{form}")
        return values

    def _text(self):
        (size,) = self._take("Q")
        if size > len(self.content) - self.place:
            raise ValueError(f"a text of {size:,} bytes is longer than what is left of the file")
        self.place += size
        return bytes(self.content[self.place - size : self.place]).decode("utf-8")

    def _value(self, kind):
        if kind == TEXT:
            return self._text()
        if kind in SCALARS:
            return self._take(SCALARS[kind])[0]
        inner, count = self._take("IQ") if kind == ARRAY else (None, 0)
        if inner not in (TEXT, *SCALARS) or count > len(self.content) - self.place:
            raise ValueError(f"a value of type {kind}, with {count:,} entries of type {inner}, is not known")
        return [self._text() for _ in range(count)] if inner == TEXT else list(self._take(f"{count}{SCALARS[inner]}"))

    def _head(self):
        name, (dimensions,) = self._text(), self._take("I")
        if dimensions > 4:
            raise ValueError(f"the tensor {name} has {dimensions} dimensions")
        shape = self._take(f"{dimensions}Q")[::-1]
        kind, offset = self._take("IQ")
        return name, offset, name, shape, kind

    def _tensor(self, start, name, shape, kind):
        import gguf

        kind = gguf.GGMLQuantizationType(kind)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if not shape or shape[-1] % block:
            raise ValueError(f"the tensor {name} of type {kind.name} has the shape {shape}")
        width = shape[-1] // block * size
        count = math.prod(shape[:-1]) * width
        if start + count > len(self.content):
            raise ValueError(f"the tensor {name} of shape {shape} ends behind the end of the file")
        return shape, kind, np.frombuffer(self.content, np.uint8, count, start).reshape(*shape[:-1], width)


@waiting("Loading the language model")
def read_gguf(file, name, source, licence):
    """Read a GGUF file, whose checksum holds where it is known; return a `LanguageModel`.

    A WeightsError names the file that is damaged, or holds what this course does not compute, and what it is.
    """
    import gguf

    try:
        with open(file, "rb") as opened:
            head = _Gguf(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    except (ValueError, KeyError, struct.error) as error:
        raise WeightsError(f"path: {file} is no GGUF file, or it is damaged: {error}. Get a new copy.") from error
    fields, family = head.fields, _check_family(file, head.fields.get("general.architecture"))
    sizes = {key.removeprefix(f"{family}."): value for key, value in fields.items() if key.startswith(f"{family}.")}
    heads, width = sizes.get("attention.head_count"), sizes.get("embedding_length")
    d_head = sizes.get("attention.key_length", _share(width, heads))
    refuse = {key: sizes.get(key) for key in ("attention.sliding_window", "expert_count", "rope.scaling.factor")}
    refuse["rope.scaling.type"] = _unless(sizes.get("rope.scaling.type"), "none")
    for key in ("attention.value_length", "rope.dimension_count"):
        refuse[key] = _unless(sizes.get(key), d_head)
    _refuse_what_is_new(file, refuse)
    vocabulary, cut = fields.get("tokenizer.ggml.tokens", []), fields.get("tokenizer.ggml.pre", "gpt-2")
    config = _describe(
        file,
        vocabulary=len(vocabulary),
        d_model=width,
        layers=sizes.get("block_count"),
        heads=heads,
        key_value_heads=sizes.get("attention.head_count_kv", heads),
        d_head=d_head,
        d_hidden=sizes.get("feed_forward_length"),
        context=sizes.get("context_length"),
        theta=sizes.get("rope.freq_base", 10_000.0),
        epsilon=sizes.get("attention.layer_norm_rms_epsilon"),
    )
    if fields.get("tokenizer.ggml.model") != "gpt2" or cut not in CUTS:
        raise WeightsError(
            f"path: {file} has the tokenizer {fields.get('tokenizer.ggml.model')} / {cut}; this course reads "
            f"byte-level pairs: gpt2 / {', '.join(CUTS)}."
        )
    kinds, merges = fields.get("tokenizer.ggml.token_type", []), fields.get("tokenizer.ggml.merges", [])
    special = {text: number for number, (text, kind) in enumerate(zip(vocabulary, kinds, strict=False)) if kind == 3}
    begin, end = (
        vocabulary[number] if number is not None and number < len(vocabulary) else ""
        for number in (fields.get("tokenizer.ggml.bos_token_id"), fields.get("tokenizer.ggml.eos_token_id"))
    )
    numbers = {text: number for number, text in enumerate(vocabulary)}
    try:
        pairs = build_pairs(numbers, [tuple(pair.split(" ")) for pair in merges], cut)
    except Exception as error:  # tokenizers raises nothing more special
        raise WeightsError(f"path: {file}: its merges do not fit its vocabulary: {error}. Get a new copy.") from error
    ends = {numbers[text] for text in (end, *ENDS) if text in special}
    tokenizer = ChatTokenizer(pairs, special, ends, fields.get("tokenizer.chat_template"), begin, end)

    def read(key, ours):
        shape, kind, content = head.tensors[key]
        try:
            array = gguf.quants.dequantize(content, kind).reshape(shape)
        except NotImplementedError as error:
            raise WeightsError(f"path: {file}: {key} is stored as {kind.name}, which gguf does not read.") from error
        if family == "llama" and ours in ("query", "key", "query_bias", "key_bias"):
            # GGUF writes the two numbers that turn together side by side; ours are d_head / 2 apart
            array = array.reshape(-1, config.d_head // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
        return np.require(array, requirements="W")  # a copy of what still lies in the file

    stored = {key: shape for key, (shape, _, _) in head.tensors.items()}
    arrays = _read_tensors(file, config, family, stored, read, 0, "blk.{}.{}", "output.weight" not in stored)
    return LanguageModel(config, *arrays, tokenizer, name, source, licence)


@waiting("Loading the language model")
def read_folder(folder, name, source, licence):
    """Read a folder as `save_pretrained` of transformers writes it: config.json, safetensors, tokenizer.json.

    A WeightsError names the file that is missing or damaged, or holds what this course does not compute.
    """
    import ml_dtypes  # noqa: F401 (makes bfloat16 known to NumPy)
    from safetensors import SafetensorError, safe_open

    file = folder / "config.json"
    values = _read_json(file)
    family = _check_family(file, values.get("model_type"))
    rope = values.get("rope_parameters") or values.get("rope_scaling") or {}
    refuse = {key: values.get(key) for key in ("quantization_config", "attention_bias", "mlp_bias", "num_experts")}
    refuse["use_sliding_window"] = values.get("use_sliding_window")
    refuse["rope_type"] = _unless(rope.get("rope_type", rope.get("type")), "default")
    refuse["hidden_act"] = _unless(values.get("hidden_act"), "silu")
    refuse["partial_rotary_factor"] = _unless(rope.get("partial_rotary_factor"), 1)
    _refuse_what_is_new(file, refuse)
    heads, width = values.get("num_attention_heads"), values.get("hidden_size")
    d_head = values.get("head_dim") or _share(width, heads)
    config = _describe(
        file,
        vocabulary=values.get("vocab_size"),
        d_model=width,
        layers=values.get("num_hidden_layers"),
        heads=heads,
        key_value_heads=values.get("num_key_value_heads") or heads,
        d_head=d_head,
        d_hidden=values.get("intermediate_size"),
        context=values.get("max_position_embeddings"),
        theta=rope.get("rope_theta", values.get("rope_theta", 10_000.0)),
        epsilon=values.get("rms_norm_eps", 1e-6),
    )
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise WeightsError(f"path: {folder} holds no file *.safetensors. Other files of weights can run code: refused.")
    try:
        opened = [safe_open(part, framework="np") for part in files]
        parts = {key: part for part in opened for key in part.keys()}
        stored = {key: tuple(part.get_slice(key).get_shape()) for key, part in parts.items()}

        def read(key, ours):
            return parts[key].get_tensor(key).astype(np.float32, copy=False)

        tied = values.get("tie_word_embeddings", False) or "lm_head.weight" not in stored
        arrays = _read_tensors(file, config, family, stored, read, 1, "model.layers.{}.{}", tied)
    except SafetensorError as error:
        raise WeightsError(f"path: {folder}: its weights are damaged: {error}. Get a new copy.") from error
    return LanguageModel(config, *arrays, _read_tokenizer(folder), name, source, licence)


def _read_tokenizer(folder):
    from tokenizers import Tokenizer

    file, chat = folder / "tokenizer.json", folder / "chat_template.jinja"
    if not file.is_file():
        raise WeightsError(f"path: there is no file {file}. Give a folder as `save_pretrained` writes it.")
    try:
        pairs = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises nothing more special
        raise WeightsError(f"path: {file} is damaged: {error}. Get a new copy.") from error
    pairs.encode_special_tokens = True  # what people type stays text
    settings = folder / "tokenizer_config.json"
    settings = _read_json(settings) if settings.is_file() else {}
    begin, end = (settings.get(key) or "" for key in ("bos_token", "eos_token"))
    begin, end = (token["content"] if isinstance(token, dict) else token for token in (begin, end))
    special = {token.content: number for number, token in pairs.get_added_tokens_decoder().items() if token.special}
    template = chat.read_text(encoding="utf-8") if chat.is_file() else settings.get("chat_template")
    return ChatTokenizer(
        pairs, special, {special[text] for text in (end, *ENDS) if text in special}, template, begin, end
    )


def _read_json(file):
    if not file.is_file():
        raise WeightsError(f"path: there is no file {file}. Give a folder as `save_pretrained` writes it.")
    return read_json(file, "path", "Get a new copy.")


def _check_family(file, family):
    if family not in FAMILY:
        raise WeightsError(f"path: {file} holds the architecture {family!r}; this course reads {', '.join(FAMILY)}.")
    return family


def _share(width, heads):
    return width // heads if isinstance(width, int) and isinstance(heads, int) and heads else None


def _unless(value, plain):
    return None if value == plain else value


def _refuse_what_is_new(file, found):
    for key, value in found.items():
        if value:
            raise WeightsError(
                f"path: {file} has {key} = {value!r}, which this course does not compute: it reads models of one dense "
                "block in all layers, with plain rotary positions and attention to all earlier tokens."
            )


def _describe(file, theta, epsilon, **counts):
    try:
        for name, value in counts.items():
            check_count(name, value, 1, 2**31 - 1)
        for name, value in {"theta": theta, "epsilon": epsilon}.items():
            if not is_number(value) or not 0 < value < 1e12:
                raise ValueError(f"{name}: found {value!r}, expected a positive number.")
        if counts["heads"] % counts["key_value_heads"] or counts["d_head"] % 2:
            raise ValueError(f"heads: found {counts}, expected groups of one size, and an even d_head.")
    except ValueError as error:
        raise WeightsError(f"path: {file} does not describe a model: {error}") from error
    return Config(**counts, theta=theta, epsilon=epsilon)


def _read_tensors(file, config, family, stored, read, column, layer_name, tied):
    """Compare the tensors' shapes with the configuration, then read them: embedding, layers, final norm, head."""
    wide, narrow = config.heads * config.d_head, config.key_value_heads * config.d_head
    shapes = {
        "query": (wide, config.d_model),
        "key": (narrow, config.d_model),
        "value": (narrow, config.d_model),
        "output": (config.d_model, wide),
        "gate": (config.d_hidden, config.d_model),
        "up": (config.d_hidden, config.d_model),
        "down": (config.d_model, config.d_hidden),
        "query_bias": (wide,),
        "key_bias": (narrow,),
        "value_bias": (narrow,),
        "query_norm": (config.d_head,),
        "key_norm": (config.d_head,),
        "embedding": (config.vocabulary, config.d_model),
        "head": (config.vocabulary, config.d_model),
    }
    absent = (BIASES if family != "qwen2" else ()) + (HEAD_NORMS if family != "qwen3" else ())
    parts = [ours for ours in NAMES if ours not in absent]
    places = {TOPS[ours][column]: ours for ours in TOPS if ours != "head" or not tied}
    if config.layers * len(parts) > len(stored):
        raise WeightsError(
            f"path: {file} has {len(stored)} tensors, too few for {config.layers} layers. Get a new copy."
        )
    for index in range(config.layers):
        places |= {layer_name.format(index, NAMES[ours][column]): ours for ours in parts}
    for key, ours in places.items():
        expected = shapes.get(ours, (config.d_model,))
        if stored.get(key) != expected:
            found = f"shape {stored[key]}" if key in stored else "no such tensor"
            raise WeightsError(f"path: {file}: {key}: found {found}, expected shape {expected}. Get a new copy.")
    copy = {TOPS["head"][1]} if tied else set()  # of the embedding
    if unknown := sorted(key for key in stored.keys() - places.keys() - copy if "rotary_emb.inv_freq" not in key):
        raise WeightsError(f"path: {file} holds {unknown[0]}, which no {family} of this course has.")
    arrays = {}
    for key, ours in places.items():
        array = read(key, ours)
        if not -LARGEST < array.min() <= array.max() < LARGEST:
            raise WeightsError(
                f"path: {file}: {key}: found NaN, infinity or a weight beyond {LARGEST:,.0f}. Get a new copy."
            )
        arrays[key] = array if ours in TOPS else array.T
    layers = [
        Layer(**{ours: arrays.pop(layer_name.format(index, NAMES[ours][column])) for ours in parts})  # it copies some
        for index in range(config.layers)
    ]
    embedding, final_norm = (arrays[TOPS[ours][column]] for ours in ("embedding", "final_norm"))
    head = embedding if tied else arrays[TOPS["head"][column]]
    return embedding, layers, final_norm, head.T


def to_transformers(model):
    """Return transformers' model of the family llama, whose weights are the arrays of a `LanguageModel`.

    Its own reader of GGUF needs accelerate, and cuts numbers into other tokens.
    """
    torch, transformers = load_torch(), load_transformers()
    sizes, tied = model.config, np.may_share_memory(model.head, model.embedding)
    config = transformers.LlamaConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.d_model,
        intermediate_size=sizes.d_hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.key_value_heads,
        max_position_embeddings=sizes.context,
        rms_norm_eps=sizes.epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": sizes.theta},
        tie_word_embeddings=tied,
        eos_token_id=None,
        pad_token_id=0,
    )
    with torch.device("meta"):
        reference = transformers.LlamaForCausalLM(config)
    arrays = {"model.embed_tokens.weight": model.embedding, "model.norm.weight": model.final_norm}
    for index, layer in enumerate(model.layers):
        for ours, (_, theirs) in NAMES.items():
            if isinstance(array := getattr(layer, ours), np.ndarray):
                # torch is given its own layout, rows of inputs: what it would have after loading a file
                arrays[f"model.layers.{index}.{theirs}"] = np.ascontiguousarray(array.T)
    if not tied:
        arrays["lm_head.weight"] = np.ascontiguousarray(model.head.T)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    reference.load_state_dict(tensors, strict=False, assign=True)
    reference.tie_weights()
    reference.model.rotary_emb = type(reference.model.rotary_emb)(config)  # its frequencies are no weights
    return reference.eval()
