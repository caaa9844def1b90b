"""What people write in the exercises of chapter 3, part 5: bodies of functions, wrong ones and right ones."""


def scheduled(
    until="step <= warm_up",
    up="highest * step / warm_up",
    s="(step - warm_up) / (steps - warm_up)",
    down="0.1 + 0.9 * (1 + np.cos(np.pi * s)) / 2",
    gives="highest * down",
):
    """Return the body of a `learning_rate`, right by default."""
    return f"if {until}:\n return {up}\ns = {s}\ndown = {down}\nreturn {gives}"


def chosen(
    order="np.argsort(-logits, axis=1)",
    experts="order[:, :k]",
    best="np.take_along_axis(logits, experts, axis=1)",
    powers="np.exp(best - best.max(axis=1, keepdims=True))",
    weights="powers / powers.sum(axis=1, keepdims=True)",
    gives="experts, weights",
):
    """Return the body of a `route`, right by default."""
    return (
        f"order = {order}\nexperts = {experts}\nbest = {best}\npowers = {powers}\nweights = {weights}\nreturn {gives}"
    )


WRONG = {
    "learning_rate": [
        scheduled(until="False"),
        scheduled(until="True"),
        scheduled(up="highest * (step - 1) / warm_up"),
        scheduled(up="highest * (step + 1) / warm_up"),
        scheduled(up="highest * (step // warm_up)"),
        scheduled(up="highest * step / steps"),
        scheduled(up="highest"),
        scheduled(s="step / steps"),
        scheduled(s="(step - warm_up) / steps"),
        scheduled(down="(1 + np.cos(np.pi * s)) / 2"),
        scheduled(down="0.1 + (1 + np.cos(np.pi * s)) / 2"),
        scheduled(down="0.1 + 0.9 * (1 + np.cos(np.pi * s))"),
        scheduled(down="0.1 + 0.9 * (1 + np.cos(2 * np.pi * s)) / 2"),
        scheduled(down="0.1 + 0.9 * (1 + np.cos(s)) / 2"),
        scheduled(down="0.1 + 0.9 * (1 + np.cos(180 * s)) / 2"),
        scheduled(down="1 - 0.9 * s"),
        scheduled(gives="0.1 + highest * (down - 0.1)"),
        scheduled(gives="down"),
        "return highest * min(1, step / warm_up) * (0.1 + 0.9 * (1 + np.cos(np.pi * step / steps)) / 2)",
    ],
    "route": [
        chosen(order="np.argsort(logits, axis=1)"),
        chosen(order="np.argsort(logits, axis=1)", experts="order[:, -k:]"),
        chosen(order="np.argsort(-logits, axis=0)"),
        chosen(order="np.argsort(-logits, axis=0)", experts="order[:k].T"),
        chosen(order="np.argsort(-logits.sum(axis=0))[None].repeat(len(logits), axis=0)"),
        chosen(
            best="logits", weights="np.take_along_axis(powers / powers.sum(axis=1, keepdims=True), experts, axis=1)"
        ),
        chosen(powers="np.exp(best)"),
        chosen(powers="best"),
        chosen(weights="powers"),
        chosen(weights="powers / powers.sum(axis=0)"),
        chosen(weights="powers / powers.sum()"),
        chosen(weights="best"),
        chosen(weights="np.full(experts.shape, 1 / k)"),
        chosen(weights="np.sort(powers / powers.sum(axis=1, keepdims=True), axis=1)"),
        chosen(gives="experts"),
        chosen(gives="weights, experts"),
        chosen(experts="order[0, :k]", best="logits[0, experts][None]", gives="experts, weights[0]"),
        "kept = logits >= np.sort(logits, axis=1)[:, [-k]]\nexperts = np.array([np.flatnonzero(row) for row in kept])\n"
        "return experts, softmax(np.take_along_axis(logits, experts, axis=1))",
        "lowest = np.sort(logits, axis=1)[:, [-k]]\norder = [sorted(np.flatnonzero(z >= low), key=lambda e: -z[e])"
        " for z, low in zip(logits, lowest)]\nreturn order, [softmax(z[row]) for z, row in zip(logits, order)]",
        "experts = np.argsort(-logits, axis=1)[:, :k]\nhidden = np.zeros_like(logits)\n"
        "np.put_along_axis(hidden, experts, np.take_along_axis(logits, experts, axis=1), axis=1)\n"
        "return experts, np.take_along_axis(softmax(hidden), experts, axis=1)",
        "experts = np.stack([logits.argmax(axis=1)] * k, axis=1)\n"
        "return experts, softmax(np.take_along_axis(logits, experts, axis=1))",
        "hidden = np.where(logits >= np.sort(logits, axis=1)[:, [-k]], logits, -np.inf)\n"
        "return np.argsort(-logits, axis=1), softmax(hidden)",
    ],
}
OTHER_FORMS = {
    "learning_rate": [
        scheduled(until="step < warm_up"),
        scheduled(up="step * (highest / warm_up)", down="0.55 + 0.45 * np.cos(np.pi * s)"),
        "import math\nlow = highest / 10\ns = max(0, step - warm_up) / (steps - warm_up)\n"
        "return min(1, step / warm_up) * (low + (highest - low) / 2 * (1 + math.cos(math.pi * s)))",
        "rates = np.concatenate([np.arange(1, warm_up + 1) / warm_up, "
        "0.55 + 0.45 * np.cos(np.linspace(0, np.pi, steps - warm_up + 1)[1:])])\nreturn (highest * rates)[step - 1]",
    ],
    "route": [
        chosen(order="np.argsort(logits, axis=1)[:, ::-1]", weights="softmax(best)"),
        chosen(order="np.argsort(-logits, axis=1, kind='stable')", gives="[experts.tolist(), weights.tolist()]"),
        "p = softmax(logits)\nexperts = np.argsort(-p, axis=1)[:, :k]\n"
        "weights = np.take_along_axis(p, experts, axis=1)\n"
        "return experts, weights / weights.sum(axis=1, keepdims=True)",
        "experts, weights = [], []\nfor row in logits:\n best = sorted(range(len(row)), key=lambda e: -row[e])[:k]\n"
        " powers = [np.exp(row[e] - row[best[0]]) for e in best]\n experts.append(best)\n"
        " weights.append([power / sum(powers) for power in powers])\nreturn experts, weights",
        "left, experts = np.array(logits, float), []\nfor _ in range(k):\n best = left.argmax(axis=1)\n"
        " experts.append(best)\n left[np.arange(len(left)), best] = -np.inf\nexperts = np.stack(experts, axis=1)\n"
        "return experts, softmax(np.take_along_axis(logits, experts, axis=1))",
        "places = np.argpartition(-logits, k - 1, axis=1)[:, :k]\nbest = np.take_along_axis(logits, places, axis=1)\n"
        "order = np.argsort(-best, axis=1)\nreturn np.take_along_axis(places, order, axis=1), "
        "softmax(np.take_along_axis(best, order, axis=1))",
        "hidden = np.where(logits >= np.sort(logits, axis=1)[:, [-k]], logits, -np.inf)\n"
        "experts = np.argsort(-hidden, axis=1)[:, :k]\nweights = np.take_along_axis(softmax(hidden), experts, axis=1)\n"
        "return experts, weights / weights.sum(axis=1, keepdims=True)",
    ],
}
