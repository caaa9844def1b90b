"""What people write in the exercises of chapter 7, part 1: bodies of functions, wrong ones and right ones."""


def ring(piece="(w - step) % n", right="(w + 1) % n", adds="step < n - 1", copy="np.array(held)", rest=""):
    """Return the body of a `ring_step`, right by default."""
    return (
        f"n, after = len(held), {copy}\nfor w in range(n):\n piece, right = {piece}, {right}\n"
        f" after[right, piece] = held[w, piece] + (held[right, piece] if {adds} else 0)\n{rest}return after"
    )


def vertex(fit="np.polyfit(np.log(sizes), losses, 2)", answer="np.exp(-b / (2 * a))"):
    """Return the body of a `best_size`, right by default."""
    return f"a, b, c = {fit}\nreturn {answer}"


WRONG = {
    "ring_step": [
        ring(right="(w - 1) % n"),
        ring(piece="(w + step) % n"),
        ring(piece="w"),
        ring(piece="step % n"),
        ring(piece="(step - w) % n"),
        ring(piece="(w - step + 1) % n"),
        ring(adds="True"),
        ring(adds="False"),
        ring(adds="step < n"),
        ring(adds="step < n - 2"),
        ring(adds="step < 2"),
        ring(adds="step <= 2"),
        ring(adds="step > n - 1"),
        ring(copy="held"),
        ring(rest=" after[w, piece] = 0\n"),
        ring(copy="held.copy()").replace("held[right, piece] if", "0 if"),
        "return np.array(held)",
        "return np.tile(np.sum(held, axis=0), (len(held), 1))",
        "return np.sum(held, axis=0)",
        "return np.roll(held, 1, axis=0)",
        "return np.array(held) + np.roll(held, 1, axis=0)",
        "return np.array([[1, 2, 303], [11, 20, 30], [100, 220, 300]])",
    ],
    "best_size": [
        vertex(answer="-b / (2 * a)"),
        vertex(answer="np.exp(b / (2 * a))"),
        vertex(answer="np.exp(-b / a)"),
        vertex(answer="np.exp(-b / 2 * a)"),
        vertex(answer="c - b**2 / (4 * a)"),
        vertex(answer="10 ** (-b / (2 * a))"),
        vertex(fit="np.polyfit(np.log10(sizes), losses, 2)"),
        vertex(fit="np.polyfit(np.log10(sizes), losses, 2)", answer="-b / (2 * a)"),
        vertex(fit="np.polyfit(sizes, losses, 2)", answer="-b / (2 * a)"),
        vertex(fit="np.polyfit(np.log(sizes), np.log(losses), 2)"),
        vertex(fit="np.polyfit(np.log(sizes[:3]), losses[:3], 2)"),
        vertex(fit="np.polyfit(np.log(sizes[np.argsort(losses)[:3]]), losses[np.argsort(losses)[:3]], 2)"),
        "return sizes[np.argmin(losses)]",
        "return np.exp(np.mean(np.log(sizes)))",
        "return 2000",
        "return np.min(losses)",
    ],
}
OTHER_FORMS = {
    "ring_step": [
        ring(copy="held.copy()", adds="not step >= n - 1"),
        "n = len(held)\nafter = [list(row) for row in held]\nfor w in range(n):\n piece = (w - step) % n\n"
        " if step < n - 1:\n  after[(w + 1) % n][piece] += held[w][piece]\n"
        " else:\n  after[(w + 1) % n][piece] = held[w][piece]\nreturn after",
        "n = len(held)\nw = np.arange(n)\npiece, right = (w - step) % n, (w + 1) % n\n"
        "after = np.array(held, dtype=np.float32)\n"
        "after[right, piece] = held[w, piece] + (step < n - 1) * held[right, piece]\nreturn after",
        "n = len(held)\nafter = held.copy()\nfor worker in range(n):\n left = (worker - 1) % n\n"
        " piece = (left - step) % n\n came = held[left, piece]\n"
        " after[worker, piece] = came if step >= n - 1 else after[worker, piece] + came\nreturn after",
    ],
    "best_size": [
        vertex(fit="np.polyfit(np.log10(sizes), losses, 2)", answer="10 ** (-b / (2 * a))"),
        vertex(fit="np.polyfit(np.log2(np.array(sizes, dtype=np.float32)), losses, 2)", answer="2 ** (-b / a / 2)"),
        "z = np.log(sizes)\ndesign = np.stack([z**2, z, np.ones(len(z))], axis=1)\n"
        "a, b, c = np.linalg.lstsq(design, losses, rcond=None)[0]\nreturn [float(np.exp(-b / (2 * a)))][0]",
        "curve = np.polynomial.Polynomial.fit(np.log(sizes), losses, 2)\nreturn np.exp(curve.deriv().roots()[0])",
        "import math\na, b, _ = np.polyfit([math.log(n) for n in sizes], list(losses), 2)\n"
        "return math.exp(-b / (2 * a))",
    ],
}
