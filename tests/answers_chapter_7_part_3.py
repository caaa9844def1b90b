"""What people write in the exercises of chapter 7, part 3: bodies of functions, wrong ones and right ones."""


def thin(frozen="x @ weight.T", scale="alpha / len(a)", change="x @ a.T @ b.T"):
    """Return the body of a `low_rank`, right by default."""
    return f"return {frozen} + {scale} * ({change})"


def step(scale="alpha / len(a)", to_a="(slope @ b).T @ x", to_b="slope.T @ (x @ a.T)", end=""):
    """Return the body of a `low_rank_step`, right by default."""
    back = end or "return a - rate * scale * to_a, b - rate * scale * to_b"
    return f"scale = {scale}\nto_a, to_b = {to_a}, {to_b}\n{back}"


def pair(
    gained="chosen.sum() - chosen_before.sum()",
    lost="rejected.sum() - rejected_before.sum()",
    end="np.log1p(np.exp(-z))",
):
    """Return the body of a `preference_loss`, right by default."""
    return f"z = beta * (({gained}) - ({lost}))\nreturn {end}"


WRONG = {
    "low_rank": [
        thin(scale="1"),
        thin(scale="alpha"),
        thin(scale="len(a) / alpha"),
        thin(scale="alpha / a.shape[1]"),
        thin(scale="alpha / len(b)"),
        thin(scale="-alpha / len(a)"),
        thin(frozen="0"),
        "return x @ weight.T",
        "return alpha / len(a) * (x @ weight.T + x @ a.T @ b.T)",
        "return x @ weight.T + (alpha / len(a)) ** 2 * (x @ a.T) @ b.T",
        "return weight @ x + alpha / len(a) * b @ (a @ x)",
        "return x @ weight.T + alpha / len(a) * x @ b @ a",
        "weight += alpha / len(a) * b @ a\nreturn x @ weight.T",
        "return (x @ weight.T + alpha / len(a) * (x @ a.T) @ b.T).detach()",
        "return x @ weight.T + alpha / len(a) * (x @ a.detach().T) @ b.T",
        "return (x @ weight.T + alpha / len(a) * (x @ a.T) @ b.T).tolist()",
    ],
    "low_rank_step": [
        step(scale="1"),
        step(scale="alpha"),
        step(end="return a + rate * scale * to_a, b + rate * scale * to_b"),
        step(end="return a - scale * to_a, b - scale * to_b"),
        step(end="return scale * to_a, scale * to_b"),
        step(end="return -rate * scale * to_a, -rate * scale * to_b"),
        step(end="return b - rate * scale * to_b, a - rate * scale * to_a"),
        step(end="return a, b - rate * scale * to_b"),
        step(end="return a - rate * scale * to_a, b"),
        step(end="return a - rate * scale * to_a / len(x), b - rate * scale * to_b / len(x)"),
        step(end="b = b - rate * scale * to_b\nreturn a - rate * scale * (slope @ b).T @ x, b"),
        step(end="a -= rate * scale * to_a\nb -= rate * scale * to_b\nreturn a, b"),
        step(end="return np.concatenate([(a - rate * scale * to_a).ravel(), (b - rate * scale * to_b).ravel()])"),
        "return a, b",
    ],
    "preference_loss": [
        pair(gained="chosen.sum()", lost="rejected.sum()"),
        pair(gained="chosen.sum() + chosen_before.sum()", lost="rejected.sum() + rejected_before.sum()"),
        pair(gained="rejected.sum() - rejected_before.sum()", lost="chosen.sum() - chosen_before.sum()"),
        pair(
            gained="chosen.mean() - chosen_before.mean()",
            lost="rejected.mean() - rejected_before.mean()",
        ),
        pair(end="np.log1p(np.exp(-z / beta))"),
        pair(end="beta * np.log1p(np.exp(-z / beta))"),
        pair(end="np.log1p(np.exp(-z / beta**2))"),
        pair(
            gained="np.exp(chosen.sum()) - np.exp(chosen_before.sum())",
            lost="np.exp(rejected.sum()) - np.exp(rejected_before.sum())",
        ),
        pair(lost="0"),
        pair(end="1 / (1 + np.exp(-z))"),
        pair(end="-1 / (1 + np.exp(-z))"),
        pair(end="-np.log1p(np.exp(-z))"),
        pair(end="-z"),
        pair(end="z"),
        "return np.log1p(np.exp(-beta * (chosen - chosen_before - rejected + rejected_before)))",
    ],
}
OTHER_FORMS = {
    "low_rank": [
        "return x @ (weight + alpha / a.shape[0] * b @ a).T",
        "hidden = (x.unsqueeze(-2) * a).sum(-1)\n"
        "return x @ weight.T + (hidden.unsqueeze(-2) * b).sum(-1) * (alpha / b.shape[1])",
        "import torch\nlinear = torch.nn.functional.linear\n"
        "return linear(x, weight) + linear(linear(x, a), b) * alpha / len(a)",
        "import torch\nrows = x.reshape(-1, x.shape[-1])\n"
        "out = [weight @ row + alpha / len(a) * (b @ (a @ row)) for row in rows]\n"
        "return torch.stack(out).reshape(*x.shape[:-1], len(weight))",
    ],
    "low_rank_step": [
        "s = alpha / a.shape[0]\nnew_a = a - rate * s * b.T @ slope.T @ x\n"
        "new_b = b - rate * s * np.einsum('km,kr->mr', slope, np.einsum('kn,rn->kr', x, a))\nreturn [new_a, new_b]",
        "s, to_a, to_b = alpha / len(a), np.zeros(a.shape), np.zeros(b.shape)\nfor row, g in zip(x, slope):\n"
        " to_a += s * np.outer(b.T @ g, row)\n to_b += s * np.outer(g, a @ row)\n"
        "return a - rate * to_a, b - rate * to_b",
        "x, slope, a, b = (part.astype('float32') for part in (x, slope, a, b))\n" + step(),
    ],
    "preference_loss": [
        "margin = sum(chosen) - sum(chosen_before) - sum(rejected) + sum(rejected_before)\n"
        "return np.logaddexp(0, -beta * margin)",
        "import math\nz = 0.0\nfor now, was in zip(chosen, chosen_before):\n z += now - was\n"
        "for now, was in zip(rejected, rejected_before):\n z -= now - was\n"
        "return -math.log(1 / (1 + math.exp(-beta * z)))",
        "now = chosen.sum() - rejected.sum()\nwas = chosen_before.sum() - rejected_before.sum()\n"
        "return np.float32(-np.log(1 / (1 + np.exp(-beta * (now - was)))))",
    ],
}
