"""Ask a language model many questions at once: one pass through its weights serves a batch."""

from itertools import takewhile

import numpy as np

from course_utils.checks import check_count
from course_utils.runtime import progress

__all__ = ["answer_all", "pad_left", "write_batch"]


def pad_left(prompts):
    """Return token numbers (b, n) of prompts of different length, and 1 where a token counts, 0 for padding (b, n)."""
    width = max(map(len, prompts))
    ids = np.array([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    return ids, np.array([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])


def write_batch(model, prompts, max_new_tokens, **settings):
    """Return what a model writes after each of several prompts, lists of token numbers that leave the end out.

    Settings are those of `LanguageModel.next_tokens`.
    """
    ends, written, going = model.tokenizer.ends, [], np.ones(len(prompts), bool)
    for tokens in model.next_tokens(*pad_left(prompts), max_new_tokens, **settings):
        written.append(tokens)
        going &= ~np.isin(tokens, list(ends))
        if not going.any():
            break
    return [list(takewhile(lambda token: token not in ends, row)) for row in np.array(written).T.tolist()]


def answer_all(model, conversations, max_new_tokens=60, batch=8):
    """Answer many conversations (lists of messages, as `LanguageModel.chat` takes them), each greedily, in their order.

    Each text ends where the model ends it, or after `max_new_tokens`.
    """
    check_count("batch", batch)
    prompts = [model.tokenizer.encode_chat(list(messages)) for messages in conversations]
    order, answers = np.argsort([len(prompt) for prompt in prompts], kind="stable"), [""] * len(prompts)
    for start in progress(range(0, len(order), batch), description="answers"):
        places = order[start : start + batch]
        for place, row in zip(places, write_batch(model, [prompts[i] for i in places], max_new_tokens), strict=True):
            answers[place] = model.decode(row).strip()
    return answers
