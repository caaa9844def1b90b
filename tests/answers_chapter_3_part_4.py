"""What people write in the exercises of chapter 3, part 4: bodies of functions, wrong ones and right ones."""


def drawing(
    zero="if temperature == 0:\n return 1.0 * (np.arange(len(logits)) == np.argmax(logits))",
    p="softmax(logits / temperature)",
    order="np.argsort(-p)",
    cut="before >= top_p",
    put="p[order[gone]] = 0",
    gives="p / p.sum()",
):
    """Return the body of a `chances`, right by default."""
    return (
        f"{zero}\np = {p}\norder = {order}\nbefore = np.cumsum(p[order]) - p[order]\n"
        f"gone = {cut}\n{put}\nreturn {gives}"
    )


def keeping(
    joined="np.concatenate([cache[{0!r}], {0}], axis=1)",
    first="if cache:",
    kept="cache['keys'], cache['values'] = keys, values",
    mask="np.arange(m) <= np.arange(m - n, m)[:, None]",
    gives="keys, values, mask",
):
    """Return the body of an `extend_cache`, right by default."""
    return (
        f"n = keys.shape[1]\n{first}\n keys, values = {joined.format('keys')}, {joined.format('values')}\n"
        f"{kept}\nm = keys.shape[1]\nmask = {mask}\nreturn {gives}"
    )


WRONG = {
    "chances": [
        drawing(p="softmax(logits * temperature)"),
        drawing(p="softmax(logits)"),
        drawing(p="softmax(logits) / temperature", gives="p"),
        drawing(p="logits / temperature"),
        drawing(p="np.exp(logits / temperature) / np.exp(logits / temperature).sum()"),
        drawing(zero=""),
        drawing(zero="if temperature == 0:\n return np.argmax(logits)"),
        drawing(cut="before + p[order] > top_p"),
        drawing(cut="before - p[order] >= top_p"),
        drawing(cut="before < top_p"),
        drawing(cut="before < 0"),
        drawing(order="np.argsort(p)"),
        drawing(order="np.arange(len(p))"),
        drawing(put="p[gone] = 0"),
        drawing(put="p = p[order]\np[gone] = 0"),
        drawing(put="p = p[order[~gone]]"),
        drawing(gives="p"),
        drawing(gives="np.eye(len(p))[p.argmax()]"),
        "p = softmax(np.asarray(logits, float))\norder = np.argsort(-p)\nbefore = np.cumsum(p[order]) - p[order]\n"
        "z = np.array(logits, float)\nz[order[before >= top_p]] = -np.inf\nif temperature == 0:\n"
        " return np.eye(len(z))[z.argmax()]\nreturn softmax(z / temperature)",
        "return np.argmax(logits)",
    ],
    "extend_cache": [
        keeping(first="if False:"),
        keeping(kept="if not cache:\n cache['keys'], cache['values'] = keys, values"),
        keeping(kept="cache = {'keys': keys, 'values': values}"),
        keeping(kept="cache['keys'], cache['values'] = keys[:, -n:], values[:, -n:]"),
        keeping(kept="cache['keys'], cache['values'] = keys, keys"),
        keeping(joined="np.concatenate([{0}, cache[{0!r}]], axis=1)"),
        keeping(joined="np.concatenate([cache[{0!r}], {0}], axis=0)"),
        keeping(joined="np.concatenate([cache[{0!r}], {0}])"),
        keeping(joined="np.concatenate([cache[{0!r}], {0}], axis=-1)"),
        keeping(joined="np.concatenate([cache['keys'], keys], axis=1)"),
        keeping(mask="np.tri(n, m, dtype=bool)"),
        keeping(mask="np.tri(m, m, dtype=bool)"),
        keeping(mask="np.tri(n, n, dtype=bool)"),
        keeping(mask="np.ones((n, m), bool)"),
        keeping(mask="np.arange(m) < np.arange(m - n, m)[:, None]"),
        keeping(mask="np.arange(m) > np.arange(m - n, m)[:, None]"),
        keeping(mask="np.where(np.arange(m) <= np.arange(m - n, m)[:, None], 0, -np.inf)"),
        keeping(mask="np.tri(m, n, dtype=bool)"),
        keeping(gives="keys, values"),
        keeping(gives="values, keys, mask"),
        keeping(gives="keys[:, -n:], values[:, -n:], mask"),
    ],
}
OTHER_FORMS = {
    "chances": [
        drawing(p="np.exp((logits - max(logits)) / temperature)", cut="before >= top_p * p.sum()"),
        "if not temperature:\n return [float(j == np.argmax(logits)) for j in range(len(logits))]\n"
        "p = softmax(logits / temperature)\nleft, kept = top_p, []\n"
        "for j in sorted(range(len(p)), key=lambda j: -p[j]):\n if left > 0:\n  kept.append(j)\n  left -= p[j]\n"
        "total = sum(p[j] for j in kept)\nreturn [p[j] / total if j in kept else 0 for j in range(len(p))]",
        "p = softmax(np.asarray(logits, np.float32) / max(temperature, 1e-4))\norder = np.argsort(p)[::-1]\n"
        "n = min(int(np.searchsorted(np.cumsum(p[order]), top_p)), len(p) - 1) + 1\nout = np.zeros_like(p)\n"
        "out[order[:n]] = p[order[:n]] / p[order[:n]].sum()\nreturn out",
        "z = np.array(logits, float)\nif temperature == 0:\n return (z == z.max()) * 1.0\nz /= temperature\n"
        "p = softmax(z)\nz[[p[p > q].sum() >= top_p for q in p]] = -np.inf\nreturn softmax(z)",
    ],
    "extend_cache": [
        keeping(mask="np.tri(n, m, m - n, dtype=bool)", joined="np.append(cache[{0!r}], {0}, axis=1)"),
        keeping(mask="[[j <= m - n + i for j in range(m)] for i in range(n)]", gives="[keys, values, mask]"),
        "old = cache.get('keys', keys[:, :0]), cache.get('values', values[:, :0])\n"
        "cache.update(keys=np.hstack([old[0], keys]), values=np.hstack([old[1], values]))\n"
        "n, m = keys.shape[1], cache['keys'].shape[1]\nsee = np.ones((n, m), dtype=bool)\n"
        "see[:, m - n :] = np.tril(see[:, m - n :])\nreturn cache['keys'], cache['values'], see",
        "for name, rows in (('keys', keys), ('values', values)):\n if name not in cache:\n"
        "  cache[name] = [[] for _ in rows]\n"
        " cache[name] = [list(old) + list(new) for old, new in zip(cache[name], rows)]\n"
        "n, m = len(keys[0]), len(cache['keys'][0])\n"
        "see = np.arange(m)[None] - m + n <= np.arange(n)[:, None]\n"
        "return np.array(cache['keys']), np.array(cache['values']), see",
    ],
}
