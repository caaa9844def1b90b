"""What people write in the exercises of chapter 2, part 2: bodies of functions, wrong ones and right ones."""


def chosen(
    best="errors.mean(axis=0).argmin()",
    difference="errors[:, place] - errors[:, best]",
    interval="mean, (low, high) = mean_interval(difference)",
    test="high <= margin",
    result="min(kept)",
):
    """Return the body of a `good_enough`, right by default."""
    return (
        f"best = {best}\nkept = []\nfor place, size in enumerate(sizes):\n    difference = {difference}\n"
        f"    {interval}\n    if {test}:\n        kept.append(size)\nreturn {result}"
    )


WRONG = {
    "good_enough": [
        chosen(test="mean <= margin"),
        chosen(test="low <= margin"),
        chosen(test="low <= 0"),
        chosen(test="high < margin"),
        chosen(best="errors.mean(axis=0).argmax()"),
        chosen(best="-1"),
        chosen(best="int(np.argmax(sizes))"),
        chosen(best="errors.min(axis=0).argmin()"),
        chosen(difference="errors[:, best] - errors[:, place]"),
        chosen(difference="errors[:, place] - errors[:, best].mean()"),
        chosen(interval="mean = difference.mean(); high = mean + difference.std(ddof=1) / len(difference) ** 0.5"),
        chosen(interval="mean = difference.mean(); high = mean + 1.96 * difference.std() / len(difference) ** 0.5"),
        chosen(result="kept[0]"),
        chosen(result="max(kept)"),
        chosen(result="kept"),
        chosen(result="list(sizes).index(min(kept))"),
        "return sizes[errors.mean(axis=0).argmin()]",
    ],
    "first_weights": [
        "return random.normal(0, 2 / inputs, (outputs, inputs))",
        "return random.normal(0, np.sqrt(1 / inputs), (outputs, inputs))",
        "return random.normal(0, np.sqrt(2 / outputs), (outputs, inputs))",
        "return random.normal(0, np.sqrt(2 / (inputs + outputs)), (outputs, inputs))",
        "return random.normal(0, np.sqrt(1 / (2 * inputs)), (outputs, inputs))",
        "return random.normal(0, 2 / np.sqrt(inputs), (outputs, inputs))",
        "return random.normal(0, np.sqrt(2 / inputs), (inputs, outputs))",
        "return random.uniform(-1 / np.sqrt(inputs), 1 / np.sqrt(inputs), (outputs, inputs))",
        "return random.uniform(0, np.sqrt(6 / inputs), (outputs, inputs))",
        "return np.random.default_rng(0).normal(0, np.sqrt(2 / inputs), (outputs, inputs))",
        "return np.random.normal(0, np.sqrt(2 / inputs), (outputs, inputs))",
        "return np.full((outputs, inputs), random.normal(0, np.sqrt(2 / inputs)))",
        "return np.sqrt(2 / inputs)",
        "return random.normal(0, 1, (outputs, inputs))",
    ],
}
OTHER_FORMS = {
    "good_enough": [
        "best = np.argmin([sum(column) for column in errors.T])\n"
        "good = [s for s, e in zip(sizes, errors.T) if mean_interval(e - errors.T[best])[1][1] <= margin]\n"
        "return sorted(good)[0]",
        "from scipy.stats import t\nn = len(errors)\n"
        "worse = errors - errors[:, [errors.mean(axis=0).argmin()]]\n"
        "high = worse.mean(axis=0) + t.ppf(0.975, n - 1) * worse.std(axis=0, ddof=1) / np.sqrt(n)\n"
        "return np.array(sizes)[high <= margin].min()",
        "order = np.argsort(sizes)\nbest = errors[:, errors.mean(axis=0).argmin()]\n"
        "for place in order:\n    if mean_interval(errors[:, place] - best)[1][1] <= margin:\n"
        "        return float(sizes[place])",
    ],
    "first_weights": [
        "return random.standard_normal((outputs, inputs)) * (2 / inputs) ** 0.5",
        "return random.uniform(-np.sqrt(6 / inputs), np.sqrt(6 / inputs), (outputs, inputs))",
        "return random.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype('float32')",
        "return [[random.normal(0, (2 / inputs) ** 0.5) for _ in range(inputs)] for _ in range(outputs)]",
    ],
}
