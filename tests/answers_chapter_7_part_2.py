"""What people write in the exercises of chapter 7, part 2: bodies of functions, wrong ones and right ones."""


def quantiser(
    groups="weights.reshape(-1, group)",
    largest="np.abs(groups).max(axis=1)",
    steps="(2 ** (bits - 1) - 1)",
    safe="np.where(scales == 0, 1, scales)",
    cut="np.round",
    end="whole.reshape(weights.shape), scales",
):
    """Return the body of a `quantise`, right by default."""
    return f"groups = {groups}\nscales = {largest} / {steps}\nwhole = {cut}(groups / {safe}[:, None])\nreturn {end}"


LOOPS = """
rows = [list(map(float, row)) for row in weights]
flat = [weight for row in rows for weight in row]
whole, scales = [], []
for start in range(0, len(flat), group):
    part = flat[start:start + group]
    scale = max(abs(weight) for weight in part) / (2 ** (bits - 1) - 1)
    scales.append(scale)
    whole += [round(weight / scale) if scale else 0 for weight in part]
width = len(rows[0])
return [whole[start:start + width] for start in range(0, len(whole), width)], scales
""".strip()

WRONG = {
    "quantise": [
        quantiser(steps="2 ** (bits - 1)"),
        quantiser(steps="(2 ** bits - 1)"),
        quantiser(steps="2 ** bits"),
        quantiser(largest="groups.max(axis=1)"),
        quantiser(largest="np.ptp(groups, axis=1)"),
        quantiser(largest="np.abs(groups).mean(axis=1)"),
        quantiser(largest="np.full(len(groups), np.abs(weights).max())"),
        quantiser(groups="weights", safe="np.where(scales == 0, 1, scales)"),
        quantiser(groups="weights.T.reshape(-1, group)"),
        quantiser(groups="weights.reshape(1, -1)"),
        quantiser(safe="scales"),
        quantiser(cut="np.trunc"),
        quantiser(cut="np.floor"),
        quantiser(cut="np.ceil"),
        quantiser(cut=""),
        quantiser(end="np.round(whole).astype(np.int8).reshape(weights.shape), scales"),
        quantiser(end="whole, scales"),
        quantiser(end="whole.reshape(weights.shape)"),
        quantiser(end="scales, whole.reshape(weights.shape)"),
        quantiser(end="(whole * scales[:, None]).reshape(weights.shape), scales"),
        quantiser(end="whole.reshape(weights.shape), 1 / np.where(scales == 0, 1, scales)"),
        quantiser(end="whole.reshape(weights.shape), scales.max()"),
    ],
    "most_tokens": [
        "return bandwidth / (weights * bits / 8)",
        "return bandwidth / (weights * (bits + 16 / group))",
        "return weights * (bits + 16 / group) / 8 / bandwidth",
        "return bandwidth / (weights * (bits + 16) / 8)",
        "return bandwidth / (weights * (bits + 32 / group) / 8)",
        "return bandwidth / (weights * bits / 8 + 16 / group)",
        "return bandwidth / (weights * (bits + 16 * group) / 8)",
        "return bandwidth / (weights * 4)",
        "return bandwidth * 8 / bits",
    ],
}
OTHER_FORMS = {
    "quantise": [
        LOOPS,
        quantiser(
            largest="np.linalg.norm(groups, np.inf, axis=1)", end="whole.astype(int).reshape(weights.shape), scales"
        ),
        quantiser(safe="(scales + 1e-30)", end="whole.reshape(weights.shape).tolist(), list(scales)"),
        "groups = weights.astype('float32').reshape(-1, group)\n"
        "scales = np.maximum(np.abs(groups).max(axis=1, keepdims=True), 1e-12) / np.float32(2 ** (bits - 1) - 1)\n"
        "return np.rint(groups / scales).astype(np.int16).reshape(weights.shape), scales",
    ],
    "most_tokens": [
        "scales = weights / group\nreturn 8 * bandwidth / (bits * weights + 16 * scales)",
        "per_weight = bits / 8 + 2 / group\nseconds = weights * per_weight / bandwidth\nreturn 1 / seconds",
        "return np.float64(bandwidth) / weights / (bits / 8 + 2 / group)",
    ],
}
