"""What people write in the exercises of chapter 3, part 3: bodies of functions, wrong ones and right ones."""


def turning(
    half="x.shape[-1] // 2",
    speeds="theta ** (-2 * np.arange(half) / x.shape[-1])",
    angles="positions[:, None] * speeds",
    pair="x[..., :half], x[..., half:]",
    new="a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)",
    gives="np.concatenate([c, d], axis=-1)",
):
    """Return the body of a `rotate`, right by default."""
    return f"half = {half}\nspeeds = {speeds}\nangles = {angles}\na, b = {pair}\nc, d = {new}\nreturn {gives}"


def together(
    first="rms_norm(x, layer.attention_norm)",
    turned="rotate({}, positions, 100_000.0)",
    values="split_heads(normed @ layer.value)",
    share="np.repeat({}, len(queries) // len(keys), axis=0)",
    seen="mask",
    side="found.swapaxes(0, 1).reshape(len(x), -1)",
    attended="x + side @ layer.output",
    second="rms_norm(x, layer.feed_forward_norm)",
    gives="x + swiglu(normed, layer.gate, layer.up, layer.down)",
):
    """Return the body of a `block`, right by default."""
    queries, keys = (turned.format(f"split_heads(normed @ layer.{name})") for name in ("query", "key"))
    return (
        f"normed = {first}\nqueries = {queries}\nkeys = {keys}\nvalues = {values}\n"
        f"found = attend(queries, {share.format('keys')}, {share.format('values')}, {seen})\n"
        f"side = {side}\nbefore, x = x, {attended}\nnormed = {second}\nreturn {gives}"
    )


WRONG = {
    "rotate": [
        turning(new="a * np.cos(angles) + b * np.sin(angles), b * np.cos(angles) - a * np.sin(angles)"),
        turning(new="a * np.cos(angles) + b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)"),
        turning(angles="np.deg2rad(positions[:, None] * speeds)"),
        turning(angles="np.arange(x.shape[-2])[:, None] * speeds"),
        turning(angles="(positions[:, None] - positions[0]) * speeds"),
        turning(speeds="theta ** (-np.arange(half) / x.shape[-1])"),
        turning(speeds="theta ** (2 * np.arange(half) / x.shape[-1])"),
        turning(speeds="theta ** (-2 * np.arange(half) / half)"),
        turning(speeds="np.ones(half)"),
        turning(speeds="10_000.0 ** (-2 * np.arange(half) / x.shape[-1])"),
        turning(pair="x[..., ::2], x[..., 1::2]"),
        turning(pair="x[..., ::2], x[..., 1::2]", gives="np.stack([c, d], axis=-1).reshape(x.shape)"),
        turning(gives="np.concatenate([d, c], axis=-1)"),
        turning(gives="np.stack([c, d], axis=-1).reshape(x.shape)"),
        turning(gives="c"),
        turning(gives="np.concatenate([c, d], axis=-1).tolist()"),
        turning(gives="np.concatenate([c, d], axis=-1)[0]"),
        turning(new="a * np.cos(angles), b * np.sin(angles)"),
        "a, b = x[..., ::2], x[..., 1::2]\nreturn x",
    ],
    "block": [
        together(attended="side @ layer.output"),
        together(gives="swiglu(normed, layer.gate, layer.up, layer.down)"),
        together(gives="normed + swiglu(normed, layer.gate, layer.up, layer.down)"),
        together(gives="x"),
        together(gives="(x + swiglu(normed, layer.gate, layer.up, layer.down)).tolist()"),
        together(first="x"),
        together(second="x"),
        together(second="rms_norm(x, layer.attention_norm)"),
        together(first="rms_norm(x, layer.feed_forward_norm)"),
        together(second="rms_norm(before, layer.feed_forward_norm)"),
        together(gives="x + swiglu(normed, layer.up, layer.gate, layer.down)"),
        together(attended="normed + side @ layer.output"),
        together(attended="x"),
        together(turned="{}"),
        together(turned="rotate({}, np.arange(len(x)), 100_000.0)"),
        together(turned="rotate({}, positions, 10_000.0)"),
        together(turned="rotate({}, positions, 100_000.0)", values="keys"),
        together(values="rotate(split_heads(normed @ layer.value), positions, 100_000.0)"),
        together(share="np.tile({}, (len(queries) // len(keys), 1, 1))"),
        together(share="np.repeat({}, 3, axis=0)"),
        together(share="{}"),
        together(seen="np.ones(mask.shape, bool)"),
        together(seen="np.tri(len(x), dtype=bool)"),
        together(side="found.reshape(len(x), -1)"),
        together(side="found.mean(axis=0).repeat(len(found), axis=-1)"),
        together(side="found[0]"),
        together().replace("queries = rotate(", "queries = (lambda given, *_: given)("),
        together().replace("keys = rotate(", "keys = (lambda given, *_: given)("),
    ],
}
OTHER_FORMS = {
    "rotate": [
        turning(
            speeds="1 / theta ** (np.arange(0, x.shape[-1], 2) / x.shape[-1])", angles="np.outer(positions, speeds)"
        ),
        "half = x.shape[-1] // 2\nspeeds = theta ** (-np.arange(half) / half)\nangles = positions[:, None] * speeds\n"
        "angles = np.concatenate([angles, angles], axis=-1)\n"
        "other = np.concatenate([-x[..., half:], x[..., :half]], axis=-1)\n"
        "return x * np.cos(angles) + other * np.sin(angles)",
        "half = x.shape[-1] // 2\nspeeds = theta ** (-np.arange(half) / half)\n"
        "points = x[..., :half] + 1j * x[..., half:]\nturned = points * np.exp(1j * np.outer(positions, speeds))\n"
        "return np.concatenate([turned.real, turned.imag], axis=-1).astype(np.float32)",
        "half = x.shape[-1] // 2\nturned = np.zeros_like(x)\nfor head in range(len(x)):\n"
        " for row, position in enumerate(positions):\n  for i in range(half):\n"
        "   angle = position * theta ** (-2 * i / (2 * half))\n   a, b = x[head, row, i], x[head, row, i + half]\n"
        "   turned[head, row, i] = a * np.cos(angle) - b * np.sin(angle)\n"
        "   turned[head, row, i + half] = b * np.cos(angle) + a * np.sin(angle)\nreturn turned",
    ],
    "block": [
        together(share="{}[np.arange(len(queries)) // (len(queries) // len(keys))]"),
        together(share="np.stack([h for h in {} for _ in range(len(queries) // len(keys))])"),
        together(side="np.concatenate(list(found), axis=-1)"),
        "x = x.astype(np.float32)\n" + together(),
        "normed = rms_norm(x, layer.attention_norm)\n"
        "q, k, v = (split_heads(normed @ weights) for weights in (layer.query, layer.key, layer.value))\n"
        "q, k = rotate(q, positions, 100_000), rotate(k, positions, 100_000)\n"
        "group, sum_ = len(q) // len(k), 0\nfor j in range(len(q)):\n"
        " one = attend(q[j : j + 1], k[j // group][None], v[j // group][None], mask)[0]\n"
        " sum_ = sum_ + np.asarray(one) @ layer.output[64 * j : 64 * (j + 1)]\n"
        "x = x + sum_\nreturn x + swiglu(rms_norm(x, layer.feed_forward_norm), layer.gate, layer.up, layer.down)",
    ],
}
