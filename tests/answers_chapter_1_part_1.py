"""What people write in the exercises of chapter 1, part 1: bodies of functions, wrong ones and right ones."""


def fitted(logs="np.log2(values)", line="np.polyfit(years, logs, 1)[0]", months="12 / slope if slope > 0 else np.inf"):
    """Return the body of a `doubling_months`, right by default."""
    return f"logs = {logs}\nslope = {line}\nreturn {months}"


def sought(
    rule="6 * parameters * tokens / flop",
    off="np.maximum(ratio, 1 / ratio)",
    order="np.argsort(-off)",
    kept="off[order] > factor",
    result="order[kept]",
):
    """Return the body of a `rule_breakers`, right by default."""
    return f"ratio = {rule}\noff = {off}\norder = {order}\nkept = {kept}\nreturn {result}"


WRONG = {
    "doubling_months": [
        fitted(logs="np.log(values)"),
        fitted(logs="np.log10(values)"),
        fitted(logs="np.asarray(values)"),
        fitted(months="1 / slope if slope > 0 else np.inf"),
        fitted(months="slope"),
        fitted(months="12 * slope if slope > 0 else np.inf"),
        fitted(months="12 / slope"),
        fitted(months="12 / abs(slope)"),
        fitted(months="12 / slope if slope > 0 else 0"),
        fitted(months="12 / slope if slope > 0 else None"),
        fitted(months="np.array([12 / slope])"),
        fitted(months="round(12 / slope) if slope > 0 else np.inf"),
        fitted(line="(logs[-1] - logs[0]) / (years[-1] - years[0])"),
        fitted(line="(logs[np.argmax(years)] - logs[np.argmin(years)]) / np.ptp(years)"),
        fitted(line="np.mean(np.diff(logs) / np.diff(years))"),
        fitted(line="1 / np.polyfit(logs, years, 1)[0]"),
        fitted(line="np.polyfit(years, logs, 1)[1]"),
        fitted(line="np.polyfit(years, logs, 1)"),
        "return 12 / np.log2(values[-1] / values[0])",
    ],
    "rule_breakers": [
        sought(rule="parameters * tokens / flop"),
        sought(rule="2 * parameters * tokens / flop"),
        sought(rule="6 * parameters / flop"),
        sought(off="ratio"),
        sought(off="1 / ratio"),
        sought(off="np.abs(ratio - 1)"),
        sought(off="np.abs(6 * parameters * tokens - flop)", kept="np.maximum(ratio, 1 / ratio)[order] > factor"),
        sought(order="np.argsort(off)"),
        sought(order="np.arange(len(off))"),
        sought(kept="off[order] < factor"),
        sought(kept="off > factor"),
        sought(result="off > factor"),
        sought(result="off[order][kept]"),
        sought(result="order[kept] + 1"),
        sought(result="order"),
        sought(result="len(order[kept])"),
    ],
}
OTHER_FORMS = {
    "doubling_months": [
        "x, y = np.asarray(years, float), np.log2(values)\nx = x - x.mean()\n"
        "slope = (x * (y - y.mean())).sum() / (x * x).sum()\nreturn 12 / slope if slope > 0 else np.inf",
        "from scipy.stats import linregress\nslope = linregress(years, np.log2(values)).slope\n"
        "if slope <= 0:\n return float('inf')\nreturn 12 / slope",
        "import math\nn = len(years)\nmiddle = sum(years) / n\ny = [math.log(v, 2) for v in values]\n"
        "level = sum(y) / n\n"
        "up = sum((a - middle) * (b - level) for a, b in zip(years, y))\n"
        "across = sum((a - middle) ** 2 for a in years)\n"
        "return 12 * across / up if up > 0 else math.inf",
        "slope = np.polyfit(years, np.log(values) / np.log(2), 1)[0]\n"
        "return np.float32(12 / slope if slope > 0 else np.inf)",
    ],
    "rule_breakers": [
        "off = np.abs(np.log(6 * parameters * tokens / flop))\nplaces = np.flatnonzero(off > np.log(factor))\n"
        "return places[np.argsort(off[places])[::-1]]",
        "found = []\nfor i, (n, d, c) in enumerate(zip(parameters, tokens, flop)):\n"
        " times = max(6 * n * d / c, c / (6 * n * d))\n"
        " if times > factor:\n  found.append((times, i))\nreturn [i for _, i in sorted(found, reverse=True)]",
        "ratio = flop / (6 * parameters * tokens)\noff = np.where(ratio < 1, 1 / ratio, ratio)\n"
        "order = sorted(range(len(off)), key=lambda i: -off[i])\nreturn tuple(i for i in order if off[i] > factor)",
        "off = np.float32(6 * parameters * tokens / flop)\noff = np.maximum(off, 1 / off)\n"
        "return np.argsort(-off)[: (off > factor).sum()].astype(float)",
    ],
}
