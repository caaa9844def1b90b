"""What people write in the exercise of chapter 5, part 1: bodies of functions, wrong ones and right ones."""


def table(
    first="i + j",
    different="said[i - 1] != written[j - 1]",
    choices="(table[i - 1][j - 1] + changed, table[i - 1][j] + 1, table[i][j - 1] + 1)",
    gives="table[-1][-1]",
    border="i == 0 or j == 0",
):
    """Return the body of a `fewest_changes` that fills a table, right by default."""
    return (
        "table = [[0] * (len(written) + 1) for _ in range(len(said) + 1)]\n"
        "for i in range(len(said) + 1):\n for j in range(len(written) + 1):\n"
        f"  if {border}:\n   table[i][j] = {first}\n  else:\n"
        f"   changed = {different}\n   table[i][j] = min({choices})\nreturn {gives}"
    )


SHARED = (
    "from functools import cache\n@cache\ndef shared(i, j):\n if i == 0 or j == 0:\n  return 0\n"
    " if said[i - 1] == written[j - 1]:\n  return shared(i - 1, j - 1) + 1\n"
    " return max(shared(i - 1, j), shared(i, j - 1))\nlongest = shared(len(said), len(written))\n"
)
WRONG = {
    "fewest_changes": [
        table(first="0"),
        table(first="j"),
        table(gives="table[-1][-1] / len(said) if said else float(len(written))"),
        table(gives="table"),
        table(gives="table[-1]"),
        table(choices="(table[i - 1][j - 1] + 2 * changed, table[i - 1][j] + 1, table[i][j - 1] + 1)"),
        table(choices="(table[i - 1][j - 1] + changed, table[i - 1][j] + 1)"),
        table(choices="(table[i - 1][j - 1] + changed, table[i][j - 1] + 1)"),
        table(choices="(table[i - 1][j] + 1, table[i][j - 1] + 1)"),
        table(choices="(table[i - 1][j - 1] + 1, table[i - 1][j] + 1, table[i][j - 1] + 1)"),
        "said, written = ' '.join(said), ' '.join(written)\n" + table(),
        "said, written = ''.join(said), ''.join(written)\n" + table(),
        "return sum(a != b for a, b in zip(said, written))",
        "return sum(a != b for a, b in zip(said, written)) + abs(len(said) - len(written))",
        "return len(set(said) ^ set(written))",
        "return len(set(written) - set(said))",
        "from collections import Counter\n"
        "return max((Counter(said) - Counter(written)).total(), (Counter(written) - Counter(said)).total())",
        "from collections import Counter\nleft, right = Counter(said), Counter(written)\n"
        "return (left - right).total() + (right - left).total()",
        "return abs(len(said) - len(written))",
        SHARED + "return len(said) + len(written) - 2 * longest",
        SHARED + "return max(len(said), len(written)) - longest",
        "from difflib import SequenceMatcher\nreturn sum(max(b - a, d - c) for tag, a, b, c, d in "
        "SequenceMatcher(None, said, written, autojunk=False).get_opcodes() if tag != 'equal')",
        "count = i = j = 0\nwhile i < len(said) and j < len(written):\n"
        " if said[i] == written[j]:\n  i, j = i + 1, j + 1\n"
        " elif said[i] in written[j:]:\n  j, count = j + 1, count + 1\n else:\n  i, count = i + 1, count + 1\n"
        "return count + len(said) - i + len(written) - j",
    ]
}
OTHER_FORMS = {
    "fewest_changes": [
        "row = list(range(len(written) + 1))\nfor i, word in enumerate(said, 1):\n diagonal, row[0] = row[0], i\n"
        " for j, other in enumerate(written, 1):\n"
        "  diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))\nreturn row[-1]",
        "import numpy as np\ntable = np.zeros((len(said) + 1, len(written) + 1))\n"
        "table[:, 0], table[0] = np.arange(len(said) + 1), np.arange(len(written) + 1)\n"
        "for i in range(len(said)):\n for j in range(len(written)):\n"
        "  step = [table[i, j] + (said[i] != written[j]), table[i, j + 1] + 1, table[i + 1, j] + 1]\n"
        "  table[i + 1, j + 1] = min(step)\nreturn table[-1, -1]",
        "from functools import cache\n@cache\ndef least(i, j):\n if i == 0 or j == 0:\n  return i + j\n"
        " if said[i - 1] == written[j - 1]:\n  return least(i - 1, j - 1)\n"
        " return 1 + min(least(i - 1, j - 1), least(i - 1, j), least(i, j - 1))\nreturn least(len(said), len(written))",
        "if not said or not written:\n return len(said) + len(written)\n"
        "if said[0] == written[0]:\n return fewest_changes(said[1:], written[1:])\n"
        "return 1 + min(fewest_changes(said[1:], written[1:]), fewest_changes(said[1:], written), "
        "fewest_changes(said, written[1:]))",
        "table = {}\nfor i in range(len(said) + 1):\n for j in range(len(written) + 1):\n  ways = []\n"
        "  if i:\n   ways.append(table[i - 1, j] + 1)\n  if j:\n   ways.append(table[i, j - 1] + 1)\n"
        "  if i and j:\n   ways.append(table[i - 1, j - 1] + int(said[i - 1] != written[j - 1]))\n"
        "  table[i, j] = min(ways, default=0)\nreturn table[len(said), len(written)]",
    ]
}
