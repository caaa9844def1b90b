"""What people write in the exercises of chapter 3, part 2: bodies of functions, wrong ones and right ones."""


def merging(
    counting="counts[pair] = counts.get(pair, 0) + count",
    pairs="zip(pieces, pieces[1:])",
    here="pieces[place : place + 2] == best",
    step="2 if here else 1",
    gives="best, joined",
):
    """Return the body of a `merge_pair`, right by default."""
    return (
        f"counts = {{}}\nfor pieces, count in words.items():\n for pair in {pairs}:\n  {counting}\n"
        "best = max(counts, key=counts.get)\njoined = {}\nfor pieces, count in words.items():\n new, place = [], 0\n"
        f" while place < len(pieces):\n  here = {here}\n  new.append(best[0] + best[1] if here else pieces[place])\n"
        f"  place += {step}\n joined[tuple(new)] = count\nreturn {gives}"
    )


def reading(
    scores="queries @ keys.swapaxes(-1, -2) / queries.shape[-1] ** 0.5",
    hide="np.where(mask, scores, -np.inf)",
    top="scores.max(axis=-1, keepdims=True)",
    weights="powers / powers.sum(axis=-1, keepdims=True)",
):
    """Return the body of an `attend`, right by default."""
    return (
        f"scores = {scores}\nscores = {hide}\npowers = np.exp(scores - {top})\nweights = {weights}\n"
        "return weights @ values"
    )


WRONG = {
    "merge_pair": [
        merging(counting="counts[pair] = counts.get(pair, 0) + 1"),
        merging(counting="counts[pair] = count"),
        merging(pairs="set(zip(pieces, pieces[1:]))"),
        merging(pairs="zip(pieces, pieces)"),
        merging(pairs="zip(pieces[::2], pieces[1::2])"),
        merging(step="1"),
        merging(here="pieces[place : place + 2] == best and best[0] + best[1] not in new"),
        merging(here="b''.join(pieces[place : place + 2]) == b''.join(best)"),
        merging().replace(
            "joined[tuple(new)]",
            "text = b' '.join(pieces).replace(b' '.join(best), b''.join(best))\n joined[tuple(text.split(b' '))]",
        ),
        merging(gives="joined"),
        merging(gives="best"),
        merging(gives="joined, best"),
        merging(gives="b''.join(best), joined"),
        merging(gives="best, words"),
        "return (b't', b'o'), {(b'to', b'o'): 3, (b'to',): 2, (b'l', b'o', b't'): 1}",
    ],
    "attend": [
        reading(scores="queries @ keys.swapaxes(-1, -2)"),
        reading(scores="queries @ keys.swapaxes(-1, -2) / queries.shape[-1]"),
        reading(scores="queries @ keys.swapaxes(-1, -2) / keys.shape[-2] ** 0.5"),
        reading(scores="queries @ keys.swapaxes(-1, -2) / len(queries) ** 0.5"),
        reading(hide="scores"),
        reading(hide="scores * mask"),
        reading(hide="np.where(mask, scores, 0)"),
        reading(hide="np.where(mask, -np.inf, scores)"),
        reading(hide="np.where(mask.T, scores, -np.inf)"),
        reading(hide="np.where(mask, scores, -10.0)"),
        reading(hide="scores - 100.0 * ~mask"),
        reading(weights="powers / powers.sum(axis=-2, keepdims=True)"),
        reading(weights="powers / powers.sum(axis=0, keepdims=True)"),
        reading(weights="powers / powers.sum()"),
        reading(weights="powers"),
        reading(top="0"),
        reading(top="scores[..., :1]"),
        reading(scores="np.clip(queries @ keys.swapaxes(-1, -2) / queries.shape[-1] ** 0.5, -500, 500)"),
        "scores = queries @ keys.swapaxes(-1, -2) / queries.shape[-1] ** 0.5\n"
        "top = scores.max(axis=-1, keepdims=True)\n"
        "powers = np.where(mask, np.exp(scores - top), 0)\n"
        "return powers / powers.sum(axis=-1, keepdims=True) @ values",
        reading(top="scores.max()"),
        reading(top="scores.mean(axis=-1, keepdims=True)"),
        reading(hide="scores - scores.max(axis=-1, keepdims=True)", top="0", weights="powers * mask").replace(
            "return weights", "return weights / weights.sum(axis=-1, keepdims=True)"
        ),
        reading(hide="scores", weights="mask * powers / powers.sum(axis=-1, keepdims=True)"),
        reading().replace("return weights @ values", "return weights"),
    ],
}
OTHER_FORMS = {
    "merge_pair": [
        merging(gives="list(best), {tuple(pieces): count for pieces, count in joined.items()}"),
        "from collections import Counter\ncounts = Counter()\nfor pieces, count in words.items():\n"
        " for place in range(len(pieces) - 1):\n  counts[pieces[place], pieces[place + 1]] += count\n"
        "(best, _), = counts.most_common(1)\n\ndef join(pieces):\n new = []\n fresh = False\n for piece in pieces:\n"
        "  if new and not fresh and (new[-1], piece) == best:\n   new[-1] += piece\n   fresh = True\n"
        "  else:\n   new.append(piece)\n   fresh = False\n return tuple(new)\n\n"
        "return [best, Counter({join(pieces): count for pieces, count in words.items()})]",
        "pairs = [pair for pieces, count in words.items() for pair in list(zip(pieces, pieces[1:])) * count]\n"
        "a, b = max(set(pairs), key=pairs.count)\nresult = {}\nfor pieces, count in words.items():\n"
        " rest, new = list(pieces), ()\n while rest:\n  if rest[:2] == [a, b]:\n   new += (a + b,)\n   del rest[:2]\n"
        "  else:\n   new += (rest.pop(0),)\n result[new] = count\nreturn (a, b), result",
    ],
    "attend": [
        reading(hide="np.where(mask, scores, -1e9)"),
        reading(hide="scores + np.where(mask, 0, -np.inf)"),
        reading(scores="np.einsum('hnd,hmd->hnm', queries / np.sqrt(queries.shape[2]), keys)").replace(
            "return weights @ values", "return np.einsum('hnm,hmd->hnd', weights, values)"
        ),
        "queries, keys, values = (np.asarray(x, np.float32) for x in (queries, keys, values))\n" + reading(),
        "from scipy.special import softmax\n"
        "scores = queries @ np.transpose(keys, (0, 2, 1)) * keys.shape[-1] ** -0.5\n"
        "scores[:, ~mask] = -np.inf\nreturn softmax(scores, axis=2) @ values",
        "read = []\nfor q, k, v in zip(queries, keys, values):\n head = []\n for i in range(len(q)):\n"
        "  seen = [j for j in range(len(k)) if mask[i][j]]\n"
        "  s = [sum(a * b for a, b in zip(q[i], k[j])) / len(q[i]) ** 0.5 for j in seen]\n"
        "  e = [np.exp(x - max(s)) for x in s]\n"
        "  head.append([sum(e[c] * v[j][d] for c, j in enumerate(seen)) / sum(e) for d in range(len(v[0]))])\n"
        " read.append(head)\nreturn np.array(read)",
    ],
}
