"""What people write in the exercise of chapter 4, part 2: bodies of functions, wrong ones and right ones."""


def clipped(
    words="output.split(), reference.split()",
    gram="tuple(w[i : i + n])",
    places="range(len(w) - n + 1)",
    matches="sum((a & b).values())",
    total="sum(a.values())",
):
    """Return the body of a `clipped_matches`, right by default."""
    return f"a, b = (Counter({gram} for i in {places}) for w in ({words}))\nreturn {matches}, {total}"


WRONG = {
    "clipped_matches": [
        clipped(matches="sum(a[g] for g in a if g in b)"),
        clipped(matches="len(a & b)"),
        clipped(matches="len(a & b)", total="len(a)"),
        clipped(total="len(a)"),
        clipped(total="sum(b.values())"),
        clipped(total="max(1, sum(a.values()))"),
        clipped(total="len(output.split())"),
        clipped(total="len(output.split()) - n + 1"),
        clipped(words="output, reference"),
        clipped(words="output.split(' '), reference.split(' ')"),
        clipped(words="output.lower().split(), reference.lower().split()"),
        clipped(gram="''.join(w[i : i + n])"),
        clipped(gram="frozenset(w[i : i + n])"),
        clipped(gram="w[i]", places="range(len(w))"),
        clipped(places="range(len(w) - n)"),
        clipped(places="range(0, len(w) - n + 1, n)"),
        clipped(matches="sum(a.values())", total="sum((a & b).values())"),
        clipped().replace("return", "x =") + "\nreturn x[0]",
        clipped().replace("return", "x =") + "\nreturn x[0] / max(1, x[1])",
        clipped().replace("return", "x =") + "\nreturn x[::-1]",
        "w = output.split()\ng = [' '.join(w[i : i + n]) for i in range(len(w) - n + 1)]\n"
        "return sum(x in reference for x in g), len(g)",
        "return 5, 6",
    ],
}
OTHER_FORMS = {
    "clipped_matches": [
        "a, b = ([' '.join(w[i:i + n]) for i in range(len(w) - n + 1)] for w in map(str.split, (output, reference)))\n"
        "return [sum(min(a.count(g), b.count(g)) for g in set(a)), len(a)]",
        "w, left = output.split(), [tuple(g) for g in zip(*(reference.split()[i:] for i in range(n)))]\n"
        "found = total = 0\nfor g in zip(*(w[i:] for i in range(n))):\n total += 1\n if g in left:\n"
        "  left.remove(g)\n  found += 1\nreturn found, total",
        "import numpy as np\na, b = ({}, {})\nfor text, d in ((output, a), (reference, b)):\n w = text.split()\n"
        " for i in range(max(0, len(w) - n + 1)):\n  g = tuple(w[i : i + n])\n  d[g] = d.get(g, 0) + 1\n"
        "return np.array([sum(min(c, b.get(g, 0)) for g, c in a.items()), sum(a.values())], dtype=np.float32)",
    ],
}
