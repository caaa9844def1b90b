"""What people write in the exercises of chapter 2, part 3: bodies of functions, wrong ones and right ones."""


def updated(
    scores="features @ weights",
    powers="np.exp(scores - scores.max(axis=1, keepdims=True))",
    shares="powers / powers.sum(axis=1, keepdims=True)",
    slope="features.T @ (shares - answers) / len(features)",
    result="weights - rate * slope",
):
    """Return the body of a `head_step`, right by default."""
    return f"scores = {scores}\npowers = {powers}\nshares = {shares}\nslope = {slope}\nreturn {result}"


def paid(saved="each_without - each_with", uses="int(once // saved) + 1", rest="np.inf", if_="saved > 0"):
    """Return the body of a `uses_to_pay`, right by default."""
    return f"saved = {saved}\nreturn {uses} if {if_} else {rest}"


WRONG = {
    "head_step": [
        updated(result="weights + rate * slope"),
        updated(result="weights - slope"),
        updated(result="slope"),
        updated(result="-rate * slope"),
        updated(slope="features.T @ (answers - shares) / len(features)"),
        updated(slope="features.T @ (shares - answers)"),
        updated(slope="features.T @ (shares - answers) / answers.size"),
        updated(slope="features.T @ shares / len(features)"),
        updated(shares="powers / powers.sum(axis=0)"),
        updated(shares="powers / powers.sum()"),
        updated(shares="scores"),
        updated(shares="np.eye(scores.shape[1])[scores.argmax(axis=1)]"),
        updated(shares="1 / (1 + np.exp(-np.clip(scores, -500, 500)))"),
        updated(powers="np.exp(scores)"),
        updated(powers="np.exp(np.clip(scores, -500, 500))"),
        updated(powers="np.exp(scores / np.abs(scores).max().clip(1))"),
        "weights -= rate * features.T @ (features @ weights - answers) / len(features)\nreturn weights",
    ],
    "uses_to_pay": [
        paid(uses="int(np.ceil(once / saved))"),
        paid(uses="round(once / saved) + 1"),
        paid(uses="int(np.floor(once / saved))"),
        paid(uses="int(np.ceil(once / saved)) + 1"),
        paid(uses="once / saved"),
        paid(uses="once / saved + 1"),
        paid(saved="each_without"),
        paid(saved="each_with - each_without"),
        paid(if_="saved"),
        paid(if_="True"),
        paid(rest="0"),
        paid(rest="None"),
        paid(rest="-1"),
    ],
}
OTHER_FORMS = {
    "head_step": [
        "from scipy.special import softmax\n"
        "return weights - rate * features.T @ (softmax(features @ weights, axis=1) - answers) / len(features)",
        "changed = np.array(weights, dtype=float)\nn, classes = answers.shape\n"
        "for row, answer in zip(features, answers):\n"
        " scores = [float(sum(f * w for f, w in zip(row, weights[:, c]))) for c in range(classes)]\n"
        " top = max(scores)\n powers = [np.exp(s - top) for s in scores]\n"
        " for c in range(classes):\n  changed[:, c] -= rate * row * (powers[c] / sum(powers) - answer[c]) / n\n"
        "return changed.tolist()",
        "scores = features @ weights\nscores = scores - scores.max(axis=1)[:, None]\n"
        "logs = scores - np.log(np.exp(scores).sum(axis=1))[:, None]\n"
        "return weights + rate * np.mean(features[:, :, None] * (answers - np.exp(logs))[:, None, :], axis=0)",
        updated(result="(weights - rate * slope).astype(np.float32)"),
    ],
    "uses_to_pay": [
        "if each_with >= each_without:\n return float('inf')\nreturn int(once // (each_without - each_with)) + 1",
        "if each_with >= each_without:\n return np.inf\nuses = max(once // (each_without - each_with) - 1, 0)\n"
        "while once + uses * each_with >= uses * each_without:\n uses += 1\nreturn uses",
        "import math\n\nsaved = each_without - each_with\nif saved <= 0:\n return math.inf\n"
        "uses = math.ceil(once / saved)\n"
        "return uses if uses * saved > once else uses + 1",
        paid(uses="float(np.floor(once / saved)) + 1.0"),
    ],
}
