"""What people write in the exercises of chapter 1, part 2: bodies of functions, wrong ones and right ones."""

WRONG = {
    "local_exponents": [
        "return np.diff(np.log(errors)) / np.diff(np.log(sizes))",
        "return np.diff(errors) / np.diff(sizes)",
        "return -np.diff(errors) / np.diff(sizes)",
        "return -np.diff(errors) / np.diff(np.log(sizes))",
        "return -np.diff(np.log(errors))",
        "return np.diff(np.log(errors))",
        "return -np.diff(np.log(sizes)) / np.diff(np.log(errors))",
        "return np.diff(np.log(sizes)) / np.diff(np.log(errors))",
        "return -np.gradient(np.log(errors), np.log(sizes))",
        "return -np.polyfit(np.log(sizes), np.log(errors), 1)[0]",
        "return -np.log(errors[1:]) / np.log(sizes[1:])",
        "return -np.log(errors[1:] / errors[0]) / np.log(sizes[1:] / sizes[0])",
        "return np.log(errors[:-1] / errors[1:]) / np.log(2)",
        "return [-np.log(errors[1] / errors[0]) / np.log(sizes[1] / sizes[0])]",
        "return np.abs(np.diff(np.log(errors)) / np.diff(np.log(sizes)))",
    ],
    "digits_needed": [
        "return ((error - c) / a) ** (-1 / b)",
        "return (error / a) ** (-1 / b) if error > c else np.inf",
        "return ((error - c) / a) ** (1 / b) if error > c else np.inf",
        "return ((error - c) / a) ** -b if error > c else np.inf",
        "return ((error - c) / a) ** b if error > c else np.inf",
        "return a * error**-b + c if error > c else np.inf",
        "return round(((error - c) / a) ** (-1 / b)) if error > c else np.inf",
        "return np.ceil(((error - c) / a) ** (-1 / b)) if error > c else np.inf",
        "return ((error - c) / a) ** (-1 / b) if error >= c else np.inf",
        "return ((error - c) / a) ** (-1 / b) if error > c else 0",
        "return ((error - c) / a) ** (-1 / b) if error > c else None",
        "return ((error - c) / a) ** (-1 / b) if error > c else np.nan",
        "return abs((error - c) / a) ** (-1 / b) if error != c else np.inf",
        "return (a / error) ** (1 / b) - c if error > c else np.inf",
    ],
}
OTHER_FORMS = {
    "local_exponents": [
        "return np.log(errors[:-1] / errors[1:]) / np.log(sizes[1:] / sizes[:-1])",
        "found = []\nfor i in range(len(sizes) - 1):\n"
        " found.append(np.log2(errors[i] / errors[i + 1]) / np.log2(sizes[i + 1] / sizes[i]))\nreturn found",
        "import math\nreturn tuple(-math.log(e2 / e1) / math.log(n2 / n1)\n"
        " for n1, n2, e1, e2 in zip(sizes, sizes[1:], errors, errors[1:]))",
        "x, y = np.log10(sizes), np.log10(errors)\n"
        "return np.array([-np.polyfit(x[i:i + 2], y[i:i + 2], 1)[0] for i in range(len(x) - 1)], np.float32)",
    ],
    "digits_needed": [
        "return (a / (error - c)) ** (1 / b) if error > c else np.inf",
        "import math\nif error - c <= 0:\n return math.inf\nreturn math.exp((math.log(a) - math.log(error - c)) / b)",
        'left = error - c\nreturn float("inf") if left <= 0 else np.float64(a / left) ** np.float64(1 / b)',
        "if c >= error:\n return np.inf\nfrom scipy.optimize import brentq\n"
        "return np.exp(brentq(lambda x: np.log(a) - b * x - np.log(error - c), -60, 60, xtol=1e-14))",
    ],
}
