"""Ask a language model many questions at once: one pass through its weights serves a batch."""

import numpy as np

from course_utils.checks import check_count
from course_utils.runtime import progress

__all__ = ["answer_all", "pad_left"]


def pad_left(prompts):
    """Return token numbers (b, n) of prompts of different length, and 1 where a token counts, 0 for padding (b, n)."""
    width = max(map(len, prompts))
    ids = np.array([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    return ids, np.array([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])


def answer_all(model, conversations, max_new_tokens=60, batch=8):
    """Answer many conversations (lists of messages, as `LanguageModel.chat` takes them), each greedily.

    Returns
    -------
    list of str
        In the order of the conversations; each ends where the model ends it, or after `max_new_tokens`.
    """
    check_count("batch", batch)
    prompts = [model.tokenizer.encode_chat(list(messages)) for messages in conversations]
    order, answers = np.argsort([len(prompt) for prompt in prompts], kind="stable"), [""] * len(prompts)
    for start in progress(range(0, len(order), batch), description="answers"):
        places = order[start : start + batch]
        written, going = [], np.ones(len(places), bool)
        for tokens in model.next_tokens(*pad_left([prompts[place] for place in places]), max_new_tokens):
            written.append(tokens)
            going &= ~np.isin(tokens, list(model.tokenizer.ends))
            if not going.any():
                break
        for place, row in zip(places, np.array(written).T, strict=True):
            answers[place] = "".join(model.tokenizer.stream(row.tolist())).strip()
    return answers
