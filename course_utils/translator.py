"""Translate English sentences with a T5 from a folder in Hugging Face format."""

from pathlib import Path

from course_utils.progress import progress
from course_utils.runtime import load_torch, load_transformers

__all__ = ["LONGEST", "Translator"]

LONGEST = 256  # tokens of one sentence, its prefix included
BATCH_TOKENS = 2048  # tokens of one batch, padding included
BEAMS = 16


class Translator:
    """Translate lists of English sentences.

    Parameters
    ----------
    model : transformers.T5ForConditionalGeneration
        Float32 model, in evaluation mode.
    tokenizer : transformers.PreTrainedTokenizerBase
    targets : tuple of str
        Languages that the model was trained for; the task prefix is `translate English to {target}: `.
    name, source, licence : str
        What the weights are, where they come from, and what they may be used for.
    """

    def __init__(self, model, tokenizer, targets, name, source, licence):
        self.model, self.tokenizer = model, tokenizer
        self.targets, self.name, self.source, self.licence = tuple(targets), name, source, licence

    def __repr__(self):
        return f"Translator({self.name}: {self.model.num_parameters():,} parameters, to {' and '.join(self.targets)})"

    @classmethod
    def from_folder(cls, folder, **description):
        """Load model and tokenizer from a local folder, in float32, never from the network.

        Parameters
        ----------
        folder : path
            Holds config.json, model.safetensors and the tokenizer's files.
        description
            `targets`, `name`, `source`, `licence`, as for the class.

        Raises
        ------
        FileNotFoundError
            When the folder or one of its files is missing.
        """
        folder = Path(folder)
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"folder: found no file {name} in {str(folder)!r}, expected a T5 in Hugging Face format. "
                    "Give the folder that `save_pretrained` wrote."
                )
        return cls.from_hub(str(folder), local_files_only=True, **description)

    @classmethod
    def from_hub(cls, identifier, local_files_only=False, **description):
        """Load model and tokenizer by their name on the hub (or by a local folder), in float32."""
        transformers, torch = load_transformers(), load_torch()
        options = {"local_files_only": local_files_only}
        tokenizer = transformers.AutoTokenizer.from_pretrained(identifier, **options)
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            identifier, dtype=torch.float32, use_safetensors=True, **options
        )
        return cls(model.eval(), tokenizer, **description)

    def prefix(self, target):
        """Return the task prefix of a target language; a `ValueError` names the languages there are."""
        if target not in self.targets:
            raise ValueError(f"target: found {target!r}, expected one of {', '.join(self.targets)}.")
        return f"translate English to {target}: "

    def translate(self, sentences, target="French", beams=1, max_new_tokens=None):
        """Translate a list of English sentences.

        Parameters
        ----------
        sentences : list of str
            Any number of them, of at most `LONGEST` tokens each.
        target : str
            Language to translate into, one of `self.targets`.
        beams : int
            1 decodes greedily; 2 to 16 keep that many hypotheses at each step.
        max_new_tokens : int, optional
            Where the output is cut; twice the longest input of the batch plus 10 when not given.

        Returns
        -------
        list of str
            Translations, in the order of the sentences.

        Raises
        ------
        TypeError, ValueError
            With the argument's name, when the input is not as described above.
        """
        torch = load_torch()
        prefix = self.prefix(target)
        _check_sentences(sentences)
        _check_count("beams", beams, BEAMS)
        if max_new_tokens is not None:
            _check_count("max_new_tokens", max_new_tokens, 2 * LONGEST)
        rows = self.tokenizer([prefix + " ".join(s.split()) for s in sentences])["input_ids"]
        for position, row in enumerate(rows):
            if len(row) > LONGEST:
                raise ValueError(
                    f"sentences[{position}]: found {len(row)} tokens, at most {LONGEST} are allowed. "
                    "Split the text into sentences: the model translates one sentence at a time."
                )
        results = [""] * len(rows)
        batches = list(_batches_by_length(rows, beams))
        for batch in progress(batches, description=f"translate to {target}") if len(batches) > 1 else batches:
            padded = self.tokenizer.pad({"input_ids": [rows[i] for i in batch]}, return_tensors="pt")
            limit = max_new_tokens or 2 * padded["input_ids"].shape[1] + 10
            with torch.inference_mode():
                output = self.model.generate(
                    **padded, num_beams=beams, do_sample=False, max_new_tokens=limit, max_length=None
                )
            for i, text in zip(batch, self.tokenizer.batch_decode(output, skip_special_tokens=True), strict=True):
                results[i] = text
        return results


def _batches_by_length(rows, beams):
    """Yield lists of positions, longest rows first, with at most `BATCH_TOKENS` padded tokens a batch."""
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    while order:
        size = max(1, BATCH_TOKENS // (len(rows[order[0]]) * beams))
        yield order[:size]
        order = order[size:]


def _check_sentences(sentences):
    if isinstance(sentences, str) or not isinstance(sentences, (list, tuple)):
        raise TypeError(
            f"sentences: found {type(sentences).__name__}, expected a list of strings. For one sentence write [sentence]."
        )
    if not sentences:
        raise ValueError("sentences: found an empty list, expected at least one sentence.")
    for position, sentence in enumerate(sentences):
        if not isinstance(sentence, str):
            raise TypeError(f"sentences[{position}]: found {type(sentence).__name__} {sentence!r}, expected a string.")
        if not sentence.strip():
            raise ValueError(f"sentences[{position}]: found an empty string, expected a sentence. Leave empty lines out.")


def _check_count(name, value, most):
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name}: found {value!r}, expected a whole number from 1 to {most}.")
