"""Read a language model from a GGUF file, or from a folder in Hugging Face's format, with its tokenizer.

The models are those of the Llama family that `course_utils.networks.language_model` computes. What differs from them is
refused with its name, since a model that is read wrongly still writes.
"""

import json
import re
from dataclasses import dataclass

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from course_utils.checks import check_texts
from course_utils.networks.language_model import Config, LanguageModel, Layer
from course_utils.weights import WeightsError

__all__ = ["ChatTokenizer", "read_folder", "read_gguf"]

FAMILY = ("llama", "qwen2", "qwen3")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LATER = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# how text is cut before pairs of bytes are merged, by the names that GGUF files give it; in turn where there are two
CUTS = {
    "gpt-2": [GPT2],
    "smollm": [r"\p{N}", GPT2],
    "qwen2": [LATER % ""],
    "llama-bpe": [LATER % "{1,3}"],
}
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


class ChatTokenizer:
    """Byte-level pairs, and the form of a conversation (a Jinja template, run in a sandbox).

    `special` names the special tokens by their text, `ends` are the numbers of those that end an answer.
    """

    def __init__(self, pairs, special, ends, template, begin="", end=""):
        self.pairs, self.special, self.ends, self.template = pairs, special, frozenset(ends), template
        self.named = {"bos_token": begin, "eos_token": end}  # as templates call them
        self.texts = {number: text for text, number in special.items()}

    def encode(self, text):
        """Return the token numbers of a text; a special token that is typed in it is text like any other."""
        return self.pairs.encode(check_texts("text", [text])[0], add_special_tokens=False).ids

    def decode(self, ids):
        """Return the text of token numbers; special tokens are written out."""
        text, plain = [], []
        for number in [*map(int, ids), None]:
            if number is None or number in self.texts:
                text += [self.pairs.decode(plain, skip_special_tokens=False), self.texts.get(number, "")]
                plain = []
            else:
                plain.append(number)
        return "".join(text)

    def encode_chat(self, messages, answer=True):
        """Return the token numbers of a conversation in the template's form, ready for an answer.

        Only the template writes special tokens: in what people wrote they are text.
        """
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        if self.template is None:
            raise ValueError("messages: this model has no chat template. Use generate with a text.")
        conversation = [self._check_message(message) for message in messages] if np.iterable(messages) else []
        if not conversation:
            raise ValueError(f"messages: found {messages!r}, expected a list of {{'role': …, 'content': …}}.")
        written = "".join(message["content"] for message in conversation)
        mark = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in written)
        special = re.compile("|".join(sorted(map(re.escape, self.special), key=len, reverse=True)))
        for message in conversation:  # a mark inside keeps what looks like a special token from being one
            message["content"] = special.sub(lambda found: found[0][0] + mark + found[0][1:], message["content"])
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        try:
            template = environment.from_string(self.template)
            text = template.render(messages=conversation, add_generation_prompt=answer, **self.named)
        except TemplateError as error:
            raise ValueError(f"messages: the model's chat template refused them: {error}") from error
        ids, start = [], 0
        for found in special.finditer(text):
            ids += [*self.encode(text[start : found.start()].replace(mark, "")), self.special[found[0]]]
            start = found.end()
        return ids + self.encode(text[start:].replace(mark, ""))

    @staticmethod
    def _check_message(message):
        if not isinstance(message, dict) or not all(isinstance(message.get(key), str) for key in ("role", "content")):
            raise ValueError(f"messages: found {message!r}, expected {{'role': 'user', 'content': 'a text'}}.")
        if message["role"] not in ("system", "user", "assistant"):
            raise ValueError(f"messages: found the role {message['role']!r}, expected system, user or assistant.")
        return dict(message)


def _refuse(text):
    from jinja2 import TemplateError

    raise TemplateError(text)


def build_pairs(vocabulary, merges, cut, compose=False):
    """Return the tokenizer of a vocabulary {text: number} and merges [(left, right)]; `cut` is a name in `CUTS`."""
    pairs = Tokenizer(models.BPE(vocabulary, merges))
    steps = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in CUTS[cut]]
    pairs.pre_tokenizer = pre_tokenizers.Sequence([*steps, pre_tokenizers.ByteLevel(False, use_regex=False)])
    pairs.decoder = decoders.ByteLevel()
    if compose:
        pairs.normalizer = normalizers.NFC()
    return pairs


def read_gguf(file, name, source, licence):
    """Read a GGUF file whose checksum, if it is known, holds; return a `LanguageModel`."""
    import gguf

    try:
        reader = gguf.GGUFReader(file)
    except Exception as error:  # whatever a damaged file makes of its numbers
        raise WeightsError(f"path: {file} is no GGUF file, or it is damaged: {error}.") from error
    fields = {key: field for key, field in reader.fields.items()}

    def take(key, default=None):
        return fields[key].contents() if key in fields else default

    family = take("general.architecture")
    _check_family(file, family)
    sizes = {key.removeprefix(f"{family}."): take(key) for key in fields if key.startswith(f"{family}.")}
    for key in ("rope.scaling.type", "attention.sliding_window", "expert_count"):
        if sizes.get(key) not in (None, "none", 0):
            raise WeightsError(f"path: {file} has {key} = {sizes[key]!r}, which this course's model does not compute.")
    vocabulary = take("tokenizer.ggml.tokens", [])
    heads = sizes["attention.head_count"]
    config = Config(
        vocabulary=len(vocabulary),
        d_model=sizes["embedding_length"],
        layers=sizes["block_count"],
        heads=heads,
        key_value_heads=sizes.get("attention.head_count_kv", heads),
        d_head=sizes.get("attention.key_length", sizes["embedding_length"] // heads),
        d_hidden=sizes["feed_forward_length"],
        context=sizes["context_length"],
        theta=sizes.get("rope.freq_base", 10_000.0),
        epsilon=sizes["attention.layer_norm_rms_epsilon"],
    )
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    def read(key):
        tensor = tensors.get(key)
        return None if tensor is None else gguf.quants.dequantize(tensor.data, tensor.tensor_type)

    def read_layer(index, key, ours):
        array = read(f"blk.{index}.{key}")
        if family == "llama" and ours in ("query", "key", "query_bias", "key_bias") and array is not None:
            count = config.heads if ours.startswith("query") else config.key_value_heads
            # GGUF writes the two numbers that turn together side by side; ours are d_head / 2 apart
            array = array.reshape(count, config.d_head // 2, 2, -1).swapaxes(1, 2).reshape(array.shape)
        return array

    special = {
        text: number
        for number, (text, kind) in enumerate(zip(vocabulary, take("tokenizer.ggml.token_type"), strict=True))
        if kind in (gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED)
    }
    cut = take("tokenizer.ggml.pre", "gpt-2")
    if take("tokenizer.ggml.model") != "gpt2" or cut not in CUTS:
        raise WeightsError(
            f"path: {file} has the tokenizer {take('tokenizer.ggml.model')} / {cut}; this course reads byte-level pairs: "
            f"gpt2 / {', '.join(CUTS)}."
        )
    numbers = {text: number for number, text in enumerate(vocabulary)}
    merges = [tuple(pair.split(" ")) for pair in take("tokenizer.ggml.merges")]
    end, begin = take("tokenizer.ggml.eos_token_id"), take("tokenizer.ggml.bos_token_id")
    tokenizer = ChatTokenizer(
        build_pairs(numbers, merges, cut, compose=cut == "qwen2"),
        special,
        {end, *(special[text] for text in ("<|im_end|>", "<|endoftext|>", "<|eot_id|>") if text in special)},
        take("tokenizer.chat_template"),
        "" if begin is None else vocabulary[begin],
        vocabulary[end],
    )
    names = {ours: theirs[0] for ours, theirs in NAMES.items()}
    tops = (read("token_embd.weight"), read("output_norm.weight"), read("output.weight"))
    return _assemble(file, config, family, tops, read_layer, names, tokenizer, name, source, licence)


def _check_family(file, family):
    if family not in FAMILY:
        raise WeightsError(f"path: {file} holds the architecture {family!r}; this course reads {', '.join(FAMILY)}.")


def _assemble(file, config, family, tops, read_layer, names, tokenizer, name, source, licence):
    """Put the arrays together, and refuse what is missing, of another shape, or not finite."""
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
    }

    def check(label, array, shape):
        if array is None:
            raise WeightsError(f"path: {file} has no tensor {label}.")
        if array.shape != shape:
            raise WeightsError(f"path: {file}: {label} has the shape {array.shape}, expected {shape}.")
        if not np.isfinite(array.sum()):
            raise WeightsError(f"path: {file}: {label} holds numbers that are not finite.")
        return array

    layers = []
    for index in range(config.layers):
        arrays = {}
        for ours, theirs in names.items():
            optional = (ours in BIASES) or (ours in HEAD_NORMS and family != "qwen3")
            array = read_layer(index, theirs, ours)
            if array is not None or not optional:
                label = f"{theirs} of layer {index}"
                array = check(label, array, shapes.get(ours, (config.d_model,)))
                arrays[ours] = array.T if array.ndim == 2 else array
        layers.append(Layer(**arrays))
    embedding, final_norm, head = tops
    square = (config.vocabulary, config.d_model)
    check("the embedding", embedding, square), check("the final norm", final_norm, (config.d_model,))
    head = embedding if head is None else check("the head", head, square)
    return LanguageModel(config, embedding, layers, final_norm, head.T, tokenizer, name, source, licence)
