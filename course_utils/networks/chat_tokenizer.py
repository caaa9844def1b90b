"""Cut text into the tokens of a language model, and write a conversation in the form that the model was tuned on."""

import re

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

from course_utils.checks import check_array, check_classes, check_texts

__all__ = ["CUTS", "ChatTokenizer", "build_pairs", "check_tokens"]

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
        (text,) = check_texts("text", [text])
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ValueError("text: found half of a character (a surrogate), which has no bytes. Leave it out.")
        return self.pairs.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        """Return the text of token numbers; special tokens are written out."""
        numbers = check_classes("ids", ids, self.pairs.get_vocab_size()).tolist() if len(ids) else []
        text, plain = [], []
        for number in [*numbers, None]:
            if number is None or number in self.texts:
                text += [self.pairs.decode(plain, skip_special_tokens=False), self.texts.get(number, "")]
                plain = []
            else:
                plain.append(number)
        return "".join(text)

    def stream(self, tokens, stop=()):
        """Yield what of the tokens' text is certain: no half of a character, nothing that may begin a `stop`."""
        found, given, text = [], 0, ""
        for token in tokens:
            if token in self.ends:
                break
            found.append(token)
            text = self.decode(found)
            ends = [text.find(end) for end in stop if end in text]
            certain = min(ends, default=len(text.rstrip("\ufffd")))
            if not ends:
                begun = [k for end in stop for k in range(1, len(end)) if text[:certain].endswith(end[:k])]
                certain -= max(begun, default=0)
            if certain > given:
                yield text[given:certain]
                given = certain
            if ends:
                return
        if text[given:]:
            yield text[given:]

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
        written = "".join(message["content"] for message in conversation) + self.template
        mark = next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in written)
        names = sorted(map(re.escape, self.special), key=len, reverse=True)
        special = re.compile("|".join(names or ["(?!)"]))  # which nothing matches
        for message in conversation:  # a mark inside keeps what looks like a special token from being one
            message["content"] = special.sub(lambda found: found[0][0] + mark + found[0][1:], message["content"])
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        try:
            template = environment.from_string(self.template)
            text = template.render(messages=conversation, add_generation_prompt=answer, **self.named)
        except (TemplateError, TypeError, OverflowError) as error:
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


def build_pairs(vocabulary, merges, cut):
    """Return the tokenizer of a vocabulary {text: number} and merges [(left, right)]; `cut` is a name in `CUTS`."""
    pairs = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=cut == "llama-bpe"))
    steps = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in CUTS[cut]]
    pairs.pre_tokenizer = pre_tokenizers.Sequence([*steps, pre_tokenizers.ByteLevel(False, use_regex=False)])
    pairs.decoder = decoders.ByteLevel()
    return pairs


def check_tokens(ids, counted, sizes, more=0):
    """Return ids and `counted` as arrays (b, n), once they are known to fit the sizes of a model with `more` tokens."""
    rows = check_array("ids", ids)
    if rows.ndim not in (1, 2) or rows.size == 0 or rows.dtype.kind not in "iu":
        raise ValueError(f"ids: found {rows.dtype} of shape {rows.shape}, expected integers (n,) or (b, n), n ≥ 1.")
    rows = np.atleast_2d(rows)
    if rows.min() < 0 or rows.max() >= sizes.vocabulary:
        raise ValueError(f"ids: found {rows.min()} to {rows.max()}, expected 0 to {sizes.vocabulary - 1}.")
    if rows.shape[1] + more > sizes.context:
        raise ValueError(
            f"ids: found {rows.shape[1]} tokens and room for {more} new ones, but the model reads at most "
            f"{sizes.context}. Give a shorter text, or ask for fewer new tokens."
        )
    if counted is None:
        return rows, np.ones(rows.shape, int)
    counted = check_array("counted", counted)
    if counted.shape != np.shape(ids) or not np.isin(counted, (0, 1)).all():
        raise ValueError(f"counted: found shape {counted.shape}, expected zeros and ones, {np.shape(ids)} like ids.")
    return rows, counted.reshape(rows.shape).astype(int)
