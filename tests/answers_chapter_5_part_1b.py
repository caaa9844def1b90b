"""What people write in the exercise of chapter 5's photographs: bodies of the function, wrong ones and right ones."""


def tagged(best="probabilities.max(axis=0)", passes="p >= threshold", tag="name: p"):
    """Return the body of a `find_tags`, right by default."""
    return f"return {{{tag} for name, p in zip(names, {best}) if {passes}}}"


FIRST_ANSWERS = """tags = {}
for row in probabilities:
    place = row.argmax()
    if row[place] >= threshold:
        tags[names[place]] = max(row[place], tags.get(names[place], 0))
return tags"""
LOOPS = """tags = {}
for row in np.asarray(probabilities).tolist():
    for name, p in zip(names, row):
        if p >= threshold KEPT:
            tags[name] = p
return tags"""

WRONG = {
    "find_tags": [
        tagged(best="probabilities.mean(axis=0)"),
        tagged(best="probabilities.sum(axis=0)"),
        tagged(best="probabilities.min(axis=0)"),
        tagged(best="probabilities.max(axis=1)"),
        tagged(best="probabilities[0]"),
        tagged(best="probabilities[-1]"),
        tagged(passes="p > threshold"),
        tagged(passes="p >= 0.5"),
        tagged(passes="True"),
        tagged(passes="p < threshold"),
        tagged(tag="p: name"),
        tagged(tag="names.index(name): p"),
        tagged(tag="name: True"),
        tagged(tag="name: 100 * p"),
        tagged(tag="name: round(p)"),
        tagged(tag="name"),
        "return list(" + tagged().removeprefix("return ") + ")",
        FIRST_ANSWERS,
        LOOPS.replace("KEPT", ""),
        LOOPS.replace("KEPT", "and name not in tags"),
        "best = probabilities.max()\nreturn {names[probabilities.max(axis=0).argmax()]: best}",
        "best = probabilities.max(axis=0)\nsure = best.max() >= threshold\n"
        "return {names[best.argmax()]: best.max()} if sure else {}",
        "return [" + tagged().removeprefix("return ") + " for row in probabilities]",
    ],
}
OTHER_FORMS = {
    "find_tags": [
        LOOPS.replace("KEPT", "and p > tags.get(name, 0)"),
        "best = np.max(probabilities, axis=0)\n"
        "return {names[i]: float(best[i]) for i in np.flatnonzero(best >= threshold)}",
        "best = np.sort(np.float32(probabilities), axis=0)[-1]\nplaces = np.argsort(-best)\n"
        "return {str(names[i]): best[i] for i in places if not best[i] < threshold}",
        "columns = zip(*np.asarray(probabilities, float).tolist())\n"
        "best = {name: max(column) for name, column in zip(names, columns)}\n"
        "return dict(sorted((item for item in best.items() if item[1] >= threshold), key=lambda item: -item[1]))",
    ],
}
