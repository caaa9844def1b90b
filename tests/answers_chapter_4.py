"""What people write in the exercises of chapter 4, part 1: bodies of functions, wrong ones and right ones."""


def interval(d="1.0 * right_a - right_b", h="1.96 * d.std() / len(d) ** 0.5", ends="d.mean() - h, d.mean() + h"):
    """Return the body of a `paired_difference`, right by default."""
    return f"d = {d}\nh = {h}\nreturn d.mean(), {ends}"


def loop(progress="losses[e] < losses[best]", stop="e - best == patience", gives="e + 1, best + 1"):
    """Return the body of an `early_stop`, right by default."""
    return f"best = 0\nfor e in range(len(losses)):\n if {progress}:\n  best = e\n if {stop}:\n  break\nreturn {gives}"


WRONG = {
    "paired_difference": [
        interval(d="1.0 * right_b - right_a"),
        interval(d="abs(1.0 * right_a - right_b)"),
        interval(d="right_a - right_b"),
        interval(d="100.0 * right_a - 100.0 * right_b"),
        interval(h="d.std() / len(d) ** 0.5"),
        interval(h="1.96 * d.std()"),
        interval(h="1.96 * d.std() / len(d)"),
        interval(h="1.96 * d.var() / len(d) ** 0.5"),
        interval(h="1.96 * ((right_a.var() + right_b.var()) / len(d)) ** 0.5"),
        interval(ends="d.mean() + h, d.mean() - h"),
        "return right_a.mean() - right_b.mean()",
        "return 0.1, 0.05842, 0.14158",
    ],
    "early_stop": [
        loop(progress="losses[e] <= losses[best]"),
        loop(progress="losses[e] < losses[e - 1]"),
        loop(stop="e - best > patience"),
        loop(stop="e - best == patience - 1"),
        loop(stop="False"),
        loop(gives="e, best"),
        loop(gives="best + 1, e + 1"),
        loop(gives="e + 1, losses[best]"),
        loop(gives="e + 1, losses.index(min(losses)) + 1"),
        "return 4, 2",
    ],
}
OTHER_FORMS = {
    "paired_difference": [
        interval(d="right_a.astype(int) - right_b", h="1.96 * d.std(ddof=1) / np.sqrt(d.size)"),
        "d = [int(a) - int(b) for a, b in zip(right_a, right_b)]\nn = len(d)\nm = sum(d) / n\n"
        "h = 1.96 * (sum((x - m) ** 2 for x in d) / n / n) ** 0.5\nreturn [m, m - h, m + h]",
        "n = len(right_a)\nup, down = (right_a & ~right_b).sum(), (~right_a & right_b).sum()\nm = (up - down) / n\n"
        "h = 1.96 * ((up + down) / n - m**2) ** 0.5 / n**0.5\nreturn np.array([m, m - h, m + h])",
    ],
    "early_stop": [
        "best = bad = 0\nfor e, loss in enumerate(losses):\n if e == 0 or loss < losses[best]:\n  best, bad = e, 0\n"
        " else:\n  bad += 1\n if bad >= patience:\n  return [e + 1, best + 1]\nreturn [len(losses), best + 1]",
        "lowest, best, e = float('inf'), 0, 0\nwhile e < len(losses) and (e == 0 or e - best < patience):\n e += 1\n"
        " if losses[e - 1] < lowest:\n  lowest, best = losses[e - 1], e\nreturn np.array([e, best])",
        "for e in range(1, len(losses) + 1):\n best = int(np.argmin(losses[:e])) + 1\n"
        " if e - best == patience:\n  break\nreturn e, best",
    ],
}
