"""Interpolated modified Kneser-Ney: the n-gram model that a small neural language model has to beat.

Chen and Goodman (1999), "An empirical study of smoothing techniques for language modeling", doi:10.1006/csla.1999.0128.
"""

import numpy as np


class KneserNey:
    """An n-gram model over integer tokens, smoothed by interpolated modified Kneser-Ney.

    Orders below the highest count the different tokens that stand before an n-gram, not how often it stands there. Each
    order takes three discounts, for n-grams counted once, twice and more often, from its own counts of counts in the
    training text; the unigrams are mixed with the uniform distribution, so that no token has probability zero.

    Parameters
    ----------
    tokens : int array of shape (n,)
        The training text.
    vocabulary : int
        Number of token ids; vocabulary ** order must fit into 63 bits.
    order : int
        Length of the longest n-gram.
    modified : bool
        False takes one discount an order, n1 / (n1 + 2 n2) (plain Kneser-Ney).
    """

    def __init__(self, tokens, vocabulary, order=5, modified=True):
        if vocabulary**order >= 2**63:
            raise ValueError(f"vocabulary: found {vocabulary} ** {order}, expected less than 2 ** 63.")
        tokens = np.asarray(tokens, dtype=np.int64)
        self.vocabulary, self.order = vocabulary, order
        self.tables = [None] * (order + 1)
        keys = _keys(np.lib.stride_tricks.sliding_window_view(tokens, order), vocabulary)
        grams, counts = np.unique(keys, return_counts=True)
        for length in range(order, 0, -1):
            self.tables[length] = _Table(grams, counts, vocabulary, modified)
            # Each different n-gram is one continuation of its last n - 1 tokens.
            grams, counts = np.unique(grams % vocabulary ** (length - 1), return_counts=True)

    @property
    def discounts(self):
        """Return {n-gram length: its three discounts}."""
        return {length: table.discounts.tolist() for length, table in enumerate(self.tables) if table}

    def probabilities(self, contexts, tokens):
        """Return float64 probabilities of `tokens` (n,) after `contexts` of shape (n, order - 1)."""
        contexts, tokens = np.asarray(contexts, dtype=np.int64), np.asarray(tokens, dtype=np.int64)
        result = np.full(len(tokens), 1 / self.vocabulary)
        for length in range(1, self.order + 1):
            context = contexts[:, contexts.shape[1] - (length - 1) :]
            result = self.tables[length].interpolate(_keys(context, self.vocabulary), tokens, result)
        return result

    def score(self, tokens, first):
        """Return the natural logarithms of the probabilities of tokens[first:], each after all that precede it."""
        tokens = np.asarray(tokens, dtype=np.int64)
        padded = np.concatenate([np.repeat(tokens[:1], self.order - 1), tokens])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.order)[first:]
        return np.log(self.probabilities(windows[:, :-1], windows[:, -1]))


class _Table:
    """The n-grams of one length, with the totals and the weight to pass on of each of their contexts."""

    def __init__(self, grams, counts, vocabulary, modified):
        self.vocabulary, self.grams, self.counts = vocabulary, grams, counts
        n1, n2, n3, n4 = (max(1, int((counts == k).sum())) for k in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        levels = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3) if modified else (y, y, y)
        self.discounts = np.clip(levels, 0, (1, 2, 3))
        discounted = self.discounts[np.minimum(counts, 3) - 1]
        self.kept = counts - discounted
        self.contexts, where = np.unique(grams // vocabulary, return_inverse=True)
        self.totals = np.bincount(where, weights=counts)
        self.passed_on = np.bincount(where, weights=discounted) / self.totals

    def interpolate(self, contexts, tokens, lower):
        place, known = _find(self.contexts, contexts)
        gram, seen = _find(self.grams, contexts * self.vocabulary + tokens)
        own = np.where(seen, self.kept[gram], 0) / self.totals[place]
        return np.where(known, own + self.passed_on[place] * lower, lower)


def _keys(rows, vocabulary):
    """Return one int64 a row of tokens: its digits to the base `vocabulary`."""
    keys = np.zeros(len(rows), dtype=np.int64)
    for column in range(rows.shape[1]):
        keys = keys * vocabulary + rows[:, column]
    return keys


def _find(ordered, wanted):
    """Return where each wanted number stands in an ordered array, and whether it does."""
    place = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return place, ordered[place] == wanted
