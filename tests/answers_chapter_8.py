"""What people write in the exercises of chapter 8: bodies of functions, wrong ones and right ones."""

WORTH = 'worth = {"right": 1, "abstained": 0, "wrong": -penalty, "invented": -penalty}\n'
RUNS = "words = text.split()\nruns = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]\n"

WRONG = {
    "points": [
        WORTH + "return sum(worth[verdict] for verdict in verdicts)",
        WORTH + "return sum(worth[verdict] for verdict in verdicts) / len(verdicts)",
        'return [{"right": 1, "abstained": 0}.get(verdict, penalty) for verdict in verdicts]',
        'return [{"right": 1, "wrong": -penalty}.get(verdict, 0) for verdict in verdicts]',
        'return [{"right": 1, "invented": -penalty}.get(verdict, 0) for verdict in verdicts]',
        'return [1 if verdict == "right" else -penalty for verdict in verdicts]',
        'return [-penalty if verdict in ("wrong", "invented") else 1 for verdict in verdicts]',
        'return [(verdict != "abstained") - penalty * (verdict in ("wrong", "invented")) for verdict in verdicts]',
        'return [1 if verdict == "right" else 0 for verdict in verdicts]',
        WORTH + "return worth[verdicts[0]]",
    ],
    "seen_share": [
        RUNS + "return sum(run in seen for run in runs)",
        RUNS + "return any(run in seen for run in runs)",
        RUNS + "return sum(run in seen for run in runs) / len(words)",
        RUNS + "return sum(run not in seen for run in runs) / len(runs)",
        RUNS + "return sum(run in seen for run in runs[:-1]) / max(1, len(runs) - 1)",
        RUNS + "return sum(run in seen for run in set(runs)) / len(set(runs))",
        RUNS + "return len(set(runs) & seen) / len(seen)",
        "words, known = text.split(), {word for run in seen for word in run}\n"
        "return sum(word in known for word in words) / len(words)",
        "words = text.lower().split()\nruns = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]\n"
        "return sum(run in seen for run in runs) / len(runs)",
        "words = text.split()\nruns = [words[i : i + n] for i in range(len(words) - n + 1)]\n"
        "return sum(run in [list(one) for one in seen] for run in runs) / len(words)",
    ],
    "watt_hours": [
        "return 6 * parameters * tokens / rate / 3600",
        "return parameters * tokens / rate / 3600",
        "return 2 * parameters * tokens / rate",
        "return 2 * parameters * tokens / rate / 60",
        "return 2 * parameters * tokens / rate / 3.6e6",
        "return 2 * parameters * tokens / rate * 3600",
        "return 2 * parameters * tokens * rate / 3600",
        "return 2 * parameters / rate / 3600",
        "return 2 * parameters * tokens / rate / 3600 + 0.9",
        "return round(2 * parameters * tokens / rate / 3600)",
    ],
    "side": [
        'return "for" if low > 0 else "against" if high < 0 else "undecided"',
        'return "for" if (low + high) / 2 > bound else "against"',
        'return "against" if low > bound else "for" if high < bound else "undecided"',
        'return "undecided" if low < 0 < high else "for" if low > bound else "against"',
        'return "for" if high > bound else "against"',
        'return "for" if low > bound else "against"',
        'return "undecided"',
        "return low > bound",
        'return "yes" if low > bound else "no" if high < bound else "undecided"',
    ],
    "measured_alone": [
        'return sum("measured" in basis for _, _, basis in entries) / len(entries)',
        'return sum(basis == "cited" for _, _, basis in entries) / len(entries)',
        'return sum(basis == "measured and cited" for _, _, basis in entries) / len(entries)',
        'return sum(basis != "measured" for _, _, basis in entries) / len(entries)',
        'return sum(basis == "measured" for _, _, basis in entries)',
        'return 100 * sum(basis == "measured" for _, _, basis in entries) / len(entries)',
        'return sum(verdict == "measured" for _, verdict, _ in entries) / len(entries)',
    ],
}

OTHER_FORMS = {
    "points": [
        "import numpy as np\nverdicts = np.array(verdicts)\n"
        'right, silent = verdicts == "right", verdicts == "abstained"\n'
        "return np.where(right, 1.0, np.where(silent, 0.0, -penalty))",
        "found = []\nfor verdict in verdicts:\n"
        ' if verdict == "right":\n  found.append(1)\n elif verdict == "abstained":\n  found.append(0)\n'
        " else:\n  found.append(-penalty)\nreturn tuple(found)",
        WORTH + "import numpy as np\nreturn np.array([worth[verdict] for verdict in verdicts], dtype=np.float32)",
    ],
    "seen_share": [
        "words = text.split()\nruns = list(zip(*(words[i:] for i in range(n))))\n"
        "return sum(run in seen for run in runs) / len(runs)",
        "import numpy as np\n" + RUNS + "return np.mean([run in seen for run in runs])",
        RUNS + "count = 0\nfor run in runs:\n if run in seen:\n  count += 1\nreturn count / len(runs)",
    ],
    "watt_hours": [
        "return 2 * parameters * tokens / (3600 * rate)",
        "import numpy as np\nreturn np.float64(parameters) * tokens * 2 / rate / 60 / 60",
        "seconds = 3600\njoules = sum([parameters * tokens / rate] * 2)\nreturn joules / seconds",
    ],
    "side": [
        'if low <= bound <= high:\n return "undecided"\nreturn "for" if low > bound else "against"',
        'ends = {end > bound for end in (low, high)}\nreturn "undecided" if len(ends) == 2 else '
        '("for" if ends.pop() else "against")',
        'return ["against", "undecided", "for"][(low > bound) + (high > bound)]',
    ],
    "measured_alone": [
        "import numpy as np\nreturn np.mean([entry[2] == 'measured' for entry in entries])",
        "return [basis for *_, basis in entries].count('measured') / len(entries)",
        "alone = 0\nfor entry in entries:\n if entry[-1] == 'measured':\n  alone += 1\nreturn alone / len(entries)",
    ],
}
