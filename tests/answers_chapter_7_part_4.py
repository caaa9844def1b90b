"""What people write in the exercises of chapter 7, part 4: bodies of functions, wrong ones and right ones."""


def path_sum(
    shares="(np.arange(steps) + 0.5) / steps",
    point="baseline + s * (x - baseline)",
    result="(x - baseline) * gradient(path).mean(axis=0)",
):
    """Return the body of an `integrated_gradients`, right by default."""
    return f"path = np.array([{point} for s in {shares}])\nreturn {result}"


def climb(
    step="step * np.sign(gradient(attacked))",
    project="attacked = np.clip(np.clip(attacked, x - epsilon, x + epsilon), 0, 1)",
    before="attacked = x",
    after="",
    count="steps",
):
    """Return the body of a `pgd`, right by default."""
    return f"{before}\nfor _ in range({count}):\n attacked = attacked + {step}\n {project}\n{after}\nreturn attacked"


WRONG = {
    "integrated_gradients": [
        path_sum(shares="np.arange(steps) / steps"),
        path_sum(shares="(np.arange(steps) + 1) / steps"),
        path_sum(shares="np.linspace(0, 1, steps)"),
        path_sum(point="s * x"),
        path_sum(point="s * (x - baseline)"),
        path_sum(point="x + s * (baseline - x)", result="(baseline - x) * gradient(path).mean(axis=0)"),
        path_sum(result="gradient(path).mean(axis=0)"),
        path_sum(result="x * gradient(path).mean(axis=0)"),
        path_sum(result="(x - baseline) * gradient(path).sum(axis=0)"),
        path_sum(result="(x - baseline) * gradient(path).mean()"),
        path_sum(result="np.abs((x - baseline) * gradient(path).mean(axis=0))"),
        path_sum(result="(x - baseline) * gradient(path)"),
        "return (x - baseline) * gradient(x[None])[0]",
    ],
    "pgd": [
        climb(step="-step * np.sign(gradient(attacked))"),
        climb(step="step * gradient(attacked)"),
        climb(step="step * np.sign(gradient(x))"),
        climb(step="epsilon * np.sign(gradient(attacked))"),
        climb(project="pass"),
        climb(project="attacked = np.clip(attacked, x - epsilon, x + epsilon)"),
        climb(project="attacked = np.clip(attacked, 0, 1)"),
        climb(project="pass", after="attacked = np.clip(np.clip(attacked, x - epsilon, x + epsilon), 0, 1)"),
        climb(
            project="attacked = np.clip(attacked, 0, 1)", after="attacked = np.clip(attacked, x - epsilon, x + epsilon)"
        ),
        climb(
            project="attacked = np.clip(attacked, x - epsilon, x + epsilon)", after="attacked = np.clip(attacked, 0, 1)"
        ),
        climb(count="steps - 1"),
        climb(count="steps + 1"),
        climb(count="1"),
        climb(before="attacked = x = np.clip(x, epsilon, 1 - epsilon)"),
        "for _ in range(steps):\n x += step * np.sign(gradient(x))\n x = x.clip(0, 1)\nreturn x",
    ],
}
OTHER_FORMS = {
    "integrated_gradients": [
        "total = 0\nfor i in range(steps):\n point = baseline + (i + 0.5) / steps * (x - baseline)\n"
        " total = total + gradient(point[np.newaxis])[0]\nreturn (x - baseline) * total / steps",
        "total = np.zeros_like(x)\nfor i in range(1, 2 * steps, 2):\n share = i / (2 * steps)\n"
        " total += gradient(((1 - share) * baseline + share * x)[None])[0] / steps\nreturn total * (x - baseline)",
        "edges = np.linspace(0, 1, steps + 1)\nshares = (edges[:-1] + edges[1:]) / 2\n"
        "shares = shares.reshape(-1, *[1] * np.ndim(x))\npath = baseline[None] + shares * (x - baseline)[None]\n"
        "return np.mean([gradient(point[None])[0] for point in path], axis=0) * (x - baseline)",
        path_sum(result="((x - baseline) * gradient(path.astype('float32')).mean(axis=0)).astype('float32')"),
    ],
    "pgd": [
        "low, high = np.maximum(x - epsilon, 0), np.minimum(x + epsilon, 1)\nfound = x.copy()\n"
        "for _ in range(steps):\n found = np.minimum(np.maximum(found + step * np.sign(gradient(found)), low), high)\n"
        "return found",
        "change = np.zeros_like(x)\nfor _ in range(steps):\n change = change + step * np.sign(gradient(x + change))\n"
        " change = np.clip(change, -epsilon, epsilon)\n change = np.clip(x + change, 0, 1) - x\nreturn x + change",
        "if steps == 0:\n return x\nmoved = pgd(x, gradient, epsilon, step, steps - 1)\ng = gradient(moved)\n"
        "moved = moved + step * (1.0 * (g > 0) - (g < 0))\n"
        "return np.clip(np.clip(moved, 0, 1), x - epsilon, x + epsilon)",
    ],
}
