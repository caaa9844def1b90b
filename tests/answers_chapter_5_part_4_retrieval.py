"""What people write in the first exercise of chapter 5, part 4: bodies of functions, wrong ones and right ones."""


def retrieving(
    score="passage_vectors @ question_vector / np.linalg.norm(passage_vectors, axis=1)",
    order="np.argsort(-score)",
    gives="order[:k]",
):
    """Return the body of a `retrieve`, right by default."""
    return f"score = {score}\norder = {order}\nreturn {gives}"


WRONG = {
    "retrieve": [
        retrieving(score="passage_vectors @ question_vector"),
        retrieving(score="passage_vectors @ question_vector / np.linalg.norm(question_vector)"),
        retrieving(score="-np.linalg.norm(passage_vectors - question_vector, axis=1)"),
        retrieving(score="passage_vectors @ question_vector / np.linalg.norm(passage_vectors)"),
        retrieving(order="np.argsort(score)"),
        retrieving(order="np.argsort(score)", gives="order[-k:]"),
        retrieving(gives="score[order[:k]]"),
        retrieving(gives="passage_vectors[order[:k]]"),
        retrieving(gives="order"),
        retrieving(gives="order[: k + 1]"),
        retrieving(gives="order[1 : k + 1]"),
        retrieving(gives="order[:k] + 1"),
        retrieving(gives="order[0] if k == 1 else order[:k]"),
        retrieving(order="np.argsort(np.argsort(-score))"),
        retrieving(order="np.argsort(-np.abs(score))"),
        retrieving(gives="sorted(order[:k])"),
        retrieving(gives="[(score[place], place) for place in order[:k]]"),
        retrieving(order="np.argpartition(-score, k)"),
        retrieving(order="sorted(score.tolist(), reverse=True)", gives="[score.tolist().index(s) for s in order[:k]]"),
        retrieving(gives="[order[place] for place in range(k)]"),
        "rows = passage_vectors / np.linalg.norm(passage_vectors, axis=0)\n"
        "return np.argsort(-(rows @ question_vector))[:k]",
        "passage_vectors /= np.linalg.norm(passage_vectors, axis=1, keepdims=True)\n"
        "return np.argsort(-(passage_vectors @ question_vector))[:k]",
        "order = np.argsort(-(passage_vectors @ question_vector))[:k]",
    ]
}
OTHER_FORMS = {
    "retrieve": [
        retrieving(),
        retrieving(order="np.argsort(score)[::-1]"),
        retrieving(order="np.argsort(score)", gives="order[-k:][::-1]"),
        retrieving(gives="order[:k].tolist()"),
        retrieving(gives="tuple(int(place) for place in order[:k])"),
        "cosine = lambda row: float(np.dot(row, question_vector)) / (sum(x * x for x in row) ** 0.5)\n"
        "places = range(len(passage_vectors))\n"
        "return sorted(places, key=lambda place: cosine(passage_vectors[place]), reverse=True)[:k]",
        "q = question_vector / np.linalg.norm(question_vector)\n"
        "rows = passage_vectors / np.linalg.norm(passage_vectors, axis=1, keepdims=True)\n"
        "k = min(k, len(rows))\ntop = np.argpartition(-(rows @ q), k - 1)[:k]\n"
        "return top[np.argsort(-(rows @ q)[top])]",
        "from sklearn.metrics.pairwise import cosine_similarity\n"
        "return cosine_similarity(question_vector[None], passage_vectors)[0].argsort()[::-1][:k]",
        "import heapq\n"
        "score = passage_vectors @ question_vector / np.sqrt(np.einsum('ij,ij->i', passage_vectors, passage_vectors))\n"
        "return heapq.nlargest(k, range(len(score)), key=lambda place: score[place])",
    ]
}
