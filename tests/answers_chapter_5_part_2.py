"""What people write in the exercise of chapter 5, part 2: bodies of functions, wrong ones and right ones."""


def counting(runs='re.findall(r"\\d+", {})', kept="left[number] > 0", lost="lost.append(number)", end="return lost"):
    """Return the body of a `lost_numbers` that counts what the translation has, right by default."""
    return (
        f"left = Counter({runs.format('translation')})\nlost = []\nfor number in {runs.format('source')}:\n"
        f" if {kept}:\n  left[number] -= 1\n else:\n  {lost}\n{end}"
    )


SAID = 'said = re.findall(r"\\d+", source)\nwritten = re.findall(r"\\d+", translation)\n'

WRONG = {
    "lost_numbers": [
        SAID + "return [number for number in said if number not in written]",
        SAID + "return [number for number in said if number not in translation]",
        SAID + "return sorted(set(said) - set(written))",
        SAID + "return list(dict.fromkeys(number for number in said if said.count(number) > written.count(number)))",
        SAID + "return list((Counter(said) - Counter(written)).elements())",
        SAID + "return list((Counter(written) - Counter(said)).elements())",
        SAID + "return sorted((Counter(said) - Counter(written)).elements())",
        SAID + "return [number for number in written if number not in said]",
        SAID + "return [a for a, b in zip(said, written) if a != b]",
        SAID + "return said",
        SAID + "return said if Counter(said) - Counter(written) else []",
        SAID + "return len(said) - len(written)",
        counting(runs='re.findall(r"\\d", {})'),
        counting(runs="{}.split()"),
        counting(lost="lost.append(int(number))"),
        counting(end='return " ".join(lost)'),
        counting(end="return len(lost)"),
        counting(end="return set(lost)"),
        counting(end="return lost[::-1]"),
        counting(kept="number in left"),
        counting(end="lost"),
        "return [part for part in source.split() if part.isdigit() and part not in translation.split()]",
    ]
}
OTHER_FORMS = {
    "lost_numbers": [
        SAID + "lost = []\nfor number in said:\n if number in written:\n  written.remove(number)\n"
        " else:\n  lost.append(number)\nreturn lost",
        SAID + "return [n for i, n in enumerate(said) if said[: i + 1].count(n) > written.count(n)]",
        SAID + "return tuple(n for i, n in enumerate(said) if said[:i].count(n) >= written.count(n))",
        'said = "".join(c if c.isdigit() else " " for c in source).split()\n'
        'rest = "".join(c if c.isdigit() else " " for c in translation).split()\nlost = []\nwhile said:\n'
        " number = said.pop(0)\n if number in rest:\n  del rest[rest.index(number)]\n else:\n  lost += [number]\n"
        "return np.array(lost)",
    ]
}
