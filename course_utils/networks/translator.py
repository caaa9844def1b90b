"""Translate English sentences with a T5 from a folder in Hugging Face format."""

import itertools
import json
import re
import reprlib
import warnings
from pathlib import Path

from course_utils.checks import check_count, check_texts
from course_utils.memory import CLOSE, say_memory
from course_utils.runtime import load_torch, load_transformers, progress
from course_utils.weights import CONNECT_SECONDS, WeightsError

__all__ = ["BEAMS", "LONGEST", "Translator", "describe_unlike"]

LONGEST = 256  # tokens of one sentence, its prefix included
BATCH_TOKENS = 2048  # tokens that one batch holds as input, padding included, once for each beam
BEAMS = 16  # most beams
SENTENCES, WORDS = 2, 31  # of one entry in nearly all of mini-T5's training text: `describe_unlike` says where from
END = r"[.?!][\"'”’)]*"  # of a sentence
FILES = ("config.json", "model.safetensors", "tokenizer.json")  # what a T5 in Hugging Face format needs at least
OFFLINE = "To work offline with mini-T5, unset COURSE_PROFILE."


class Translator:
    """Translate lists of English sentences, with a T5 of transformers in float32 and its tokenizer.

    `targets` are the languages that the model was trained for; the task prefix is `translate English to {target}: `.
    `name`, `source` and `licence` say what the weights are, where they come from, and what they may be used for.
    `cautious` says that the model learned from mini-T5's sentences only: `translate` then warns of others. `alphabet`
    holds the characters of its vocabulary.
    """

    def __init__(self, model, tokenizer, targets, name, source, licence, cautious=False):
        self.model, self.tokenizer, self.cautious = model, tokenizer, cautious
        self.targets, self.name, self.source, self.licence = tuple(targets), name, source, licence
        self._encoder, self.alphabet = _text_encoder(tokenizer)

    def __repr__(self):
        return f"Translator({self.name}: {self.model.num_parameters():,} parameters, to {', '.join(self.targets)})"

    @classmethod
    def from_folder(cls, folder, targets, name, source, licence, cautious=False):
        """Load model and tokenizer from a local folder, in float32, never from the network.

        The folder holds a T5 in Hugging Face format: config.json, model.safetensors and tokenizer.json. The other
        parameters are those of the class. A `WeightsError` says that the files cannot be loaded.
        """
        transformers, torch = load_transformers(), load_torch()
        local = {"local_files_only": True, "trust_remote_code": False}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
            model = transformers.T5ForConditionalGeneration.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, **local
            )
        except Exception as error:
            raise WeightsError(
                f"{name}: the files in {folder} cannot be loaded: {type(error).__name__}: {error}. Get new copies."
            ) from error
        model.generation_config = transformers.GenerationConfig.from_model_config(model.config)
        return cls(model, tokenizer, targets, name, source, licence, cautious)

    @classmethod
    def from_hub(cls, identifier, targets, name, source, licence):
        """Load model and tokenizer from the Hugging Face hub's cache, fetching them first where they are missing.

        `identifier` is the model's name on the hub, such as google-t5/t5-base; the other parameters are those of the
        class. A `WeightsError` says that the hub is switched off, does not answer within
        `course_utils.weights.CONNECT_SECONDS`, or that the files could not be fetched or loaded.
        """
        load_transformers()
        import huggingface_hub as hub

        if not all(isinstance(hub.try_to_load_from_cache(identifier, file), str) for file in FILES):
            if hub.is_offline_mode():
                raise WeightsError(
                    f"{identifier}: it is not in the cache, and the environment variable HF_HUB_OFFLINE, which the "
                    f"offline profile sets, forbids to fetch it. Restart the kernel without the variable. {OFFLINE}"
                )
            url = hub.hf_hub_url(identifier, FILES[0])
            try:
                hub.get_hf_file_metadata(url, timeout=CONNECT_SECONDS)  # or it would be tried again and again
                hub.snapshot_download(identifier, allow_patterns=["*.json", "model.safetensors"])
            except Exception as error:
                raise WeightsError(
                    f"{identifier}: the model could not be fetched from the Hugging Face hub ({url}): "
                    f"{type(error).__name__}: {error}. {OFFLINE}"
                ) from error
        folder = Path(hub.try_to_load_from_cache(identifier, FILES[0])).parent
        return cls.from_folder(folder, targets, name, source, licence)

    def prefix(self, target):
        """Return the task prefix of a target language; a `ValueError` names the languages there are."""
        if target not in self.targets:
            raise ValueError(f"target: found {target!r}, expected one of {', '.join(self.targets)}.")
        return f"translate English to {target}: "

    @say_memory("translate", f"Translate with fewer beams, or a smaller limit of tokens. {CLOSE}")
    def translate(self, sentences, target="French", beams=1, max_new_tokens=None, warn=True):
        """Translate a list of English sentences, and return the translations in their order.

        Sentences have at most `LONGEST` tokens each, prefix included; line breaks and repeated spaces count as one
        space, and special tokens that stand in them are text. Which other sentences stand in the list does not change a
        translation, except where rounding decides between two tokens that are equally likely. A ValueError names the
        sentence or the argument that does not fit. mini-T5 warns once of sentences unlike those it learned from, unless
        `warn` is False.

        One beam decodes greedily; 2 to 16 keep that many hypotheses at each step. `max_new_tokens`, 1 to 512, is where
        each translation is cut: 10 plus twice the tokens of the sentence and its prefix, rounded up to a multiple of 8,
        if not given.
        """
        torch = load_torch()
        prefix = self.prefix(target)
        _check_sentences(sentences)
        check_count("beams", beams, most=BEAMS)
        if max_new_tokens is not None:
            check_count("max_new_tokens", max_new_tokens, most=2 * LONGEST)
        sentences = [" ".join(sentence.split()) for sentence in sentences]
        rows = [found.ids for found in self._encoder.encode_batch([prefix + sentence for sentence in sentences])]
        for position, row in enumerate(rows):
            if len(row) > LONGEST:
                raise ValueError(
                    f"sentences[{position}]: found {len(row)} tokens, at most {LONGEST} are allowed. "
                    "Split the text into sentences: the model translates one sentence at a time."
                )
        if warn and self.cautious:
            self._warn_of_unlike(sentences)
        results = [""] * len(rows)
        batches = _batches_by_length(rows, beams)
        for batch in progress(batches, description=f"translate to {target}") if len(batches) > 1 else batches:
            padded = self.tokenizer.pad({"input_ids": [rows[i] for i in batch]}, return_tensors="pt")
            limit = max_new_tokens or 2 * _rounded_length(rows[batch[0]]) + 10
            with torch.inference_mode():
                output = self.model.generate(**padded, num_beams=beams, do_sample=False, max_new_tokens=limit)
            for i, text in zip(batch, self.tokenizer.batch_decode(output, skip_special_tokens=True), strict=True):
                results[i] = text
        return results

    def _warn_of_unlike(self, sentences):
        found = [(position, describe_unlike(text, self.alphabet)) for position, text in enumerate(sentences)]
        unlike = [(position, reason) for position, reason in found if reason]
        if unlike:
            position, (what, advice) = unlike[0]
            others = f" ({len(unlike) - 1} more of {len(sentences)} are unlike it, too)" if unlike[1:] else ""
            warnings.warn(
                f"sentences[{position}]: found {reprlib.repr(sentences[position])}, but the text that {self.name} "
                f"learned from has {what}: {advice}, or say warn=False{others}.",
                stacklevel=4,  # the line that called translate, through its decorator
            )


def describe_unlike(sentence, alphabet):
    """Return (what mini-T5's training text does not have, what to do) of a sentence, or None where it is like that.

    `alphabet` is a set of the characters that the model knows. experiments/results/unlike_sentences.csv has how many
    training sentences lie outside of each bound, and what it costs.
    """
    letters = [character for character in sentence if character.isalpha()]
    unknown = [character for character in sentence if character not in alphabet]
    if unknown:
        return f"no {unknown[0]!r}", "write English in plain letters and punctuation"
    if sum(letter.isupper() for letter in letters) > len(letters) / 2:
        return "hardly a sentence in capitals", "use small letters"
    if sentence[0].islower():
        return "hardly a sentence that begins with a small letter", "begin with a capital"
    if not re.search(END + "$", sentence):
        return "hardly a sentence without a full stop", "end it with one"
    if (count := len(re.findall(END + r"(?:\s|$)", sentence))) > SENTENCES:
        return f"hardly an entry of {count} sentences", "make each an entry of the list"
    if (count := len(sentence.split())) > WORDS:
        return f"hardly a sentence of {count} words", "cut it into shorter ones"
    return None


def _rounded_length(row):
    return -(-len(row) // 8) * 8


def _batches_by_length(rows, beams):
    """List batches of positions, longest rows first: of one rounded length and `BATCH_TOKENS` tokens of input each.

    Equal rounded lengths keep padding small, and make the limit of the output a matter of the sentence alone.
    """
    batches = []
    order = sorted(range(len(rows)), key=lambda position: -len(rows[position]))
    for length, group in itertools.groupby(order, key=lambda position: _rounded_length(rows[position])):
        group, size = list(group), max(1, BATCH_TOKENS // (length * beams))
        batches += [group[start : start + size] for start in range(0, len(group), size)]
    return batches


def _text_encoder(tokenizer):
    """Return a copy of a tokenizer for which special tokens are text, and the characters of its vocabulary."""
    from tokenizers import Tokenizer, models

    written = tokenizer.backend_tokenizer.to_str()
    encoder, model = Tokenizer.from_str(written), json.loads(written)["model"]
    encoder.encode_special_tokens = True
    special = {token.content for token in encoder.get_added_tokens_decoder().values()}
    alphabet = set("".join(set(encoder.get_vocab(with_added_tokens=False)) - special)) - {"▁"} | {" "}
    # the model holds special tokens as pieces, too: with spaces inside, no text matches them
    pieces = [(" ".join(piece) if piece in special else piece, score) for piece, score in model["vocab"]]
    encoder.model = models.Unigram(pieces, model["unk_id"], model["byte_fallback"])
    return encoder, alphabet


def _check_sentences(sentences):
    for position, sentence in enumerate(check_texts("sentences", sentences)):
        if not sentence.strip():
            raise ValueError(f"sentences[{position}]: found an empty string, expected a sentence. Leave it out.")
        if any("\ud800" <= character <= "\udfff" for character in sentence):
            raise ValueError(f"sentences[{position}]: found a broken character in {sentence!r}. Read it as UTF-8.")
