"""Train a small digits network from labels, from a teacher's labels, and from its probabilities, with six seeds.

    python experiments/distil_digits.py

A seed fixes which tenth of the training digits is kept for validation, which of the others have labels, the first
weights, and the batches, the same for all students of a seed. The teacher learns from the labelled digits. A student
learns from the labelled or from all pictures: their labels ("labels"), the teacher's answers ("hard"), or its
probabilities, softened by a temperature ("soft"; the loss times the square of the temperature). With every label there
are no pictures without. Errors are shares of wrong answers. What is there already is not run again.
"""

import os
import platform
import time

import numpy as np

from course_utils.data import load_digits
from course_utils.networks.small_models import build_digit_network, score_digit_network, train_digit_network
from course_utils.runtime import load_torch
from course_utils.tables import append_rows, start_sweep

torch = load_torch(threads=1)

SEEDS, LABELS, UPDATES, TEMPERATURES = range(6), (100, 3600), (600, 3000), (1, 3, 10)
TEACHER, STUDENT, TEACHER_UPDATES, RATE = (256, 2), (8, 1), 400, 0.003
COLUMNS = ["seed", "labels", "pictures", "targets", "temperature", "updates", "validation_error", "test_error"]


def split(seed, digits):
    """Return pictures (3600, 784) and labels to learn from, the labelled first, and those for validation."""
    order = np.random.default_rng(seed).permutation(len(digits.train_labels))
    kept, used = np.split(order, [len(order) // 10])
    x = digits.train_images.reshape(-1, 784)
    return x[used], digits.train_labels[used], x[kept], digits.train_labels[kept]


def learn(student, x, targets, updates, seed, temperature=1.0):
    """Train a student in place on probabilities (n, 10) of pictures x (n, 784), at a temperature."""
    x, targets = torch.as_tensor(x), torch.as_tensor(targets)
    optimiser = torch.optim.Adam(student.parameters(), RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    random = torch.Generator().manual_seed(seed)
    for _ in range(updates):
        rows = torch.randint(len(x), (64,), generator=random)
        loss = temperature**2 * torch.nn.functional.cross_entropy(student(x[rows]) / temperature, targets[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def make_teacher(seed, x, y, labels):
    """Return the teacher that learned the first `labels` digits."""
    teacher = build_digit_network(*TEACHER, seed=seed)
    train_digit_network(teacher, x[:labels], y[:labels], updates=TEACHER_UPDATES, seed=seed)
    return teacher


def make_targets(teacher, x, way, temperature=1.0):
    """Return the teacher's answers ("hard": zeros and ones) or its softened probabilities ("soft") of x (n, 784)."""
    with torch.no_grad():
        logits = teacher(torch.as_tensor(x))
    if way == "hard":
        return torch.nn.functional.one_hot(logits.argmax(dim=1), 10).float()
    return (logits / temperature).softmax(dim=1)


def runs(seed, labels, digits):
    """Yield a row of `COLUMNS` for the teacher and each student of a seed."""
    x, y, x_kept, y_kept = split(seed, digits)
    x_test = digits.test_images.reshape(-1, 784)

    def score(network):
        both = (x_kept, y_kept), (x_test, digits.test_labels)
        return [round(score_digit_network(network, *pair)[0], 4) for pair in both]

    teacher = make_teacher(seed, x, y, labels)
    yield [seed, labels, labels, "teacher", "", TEACHER_UPDATES, *score(teacher)]
    for updates in UPDATES:
        for pictures in sorted({labels, len(x)}):
            ways = [("hard", 1), *(("soft", temperature) for temperature in TEMPERATURES)]
            for way, temperature in [("labels", 1)] * (pictures == labels) + ways:
                one_hot = torch.eye(10)[torch.as_tensor(y).long()]
                targets = one_hot if way == "labels" else make_targets(teacher, x, way, temperature)
                student = build_digit_network(*STUDENT, seed=seed)
                learn(student, x[:pictures], targets[:pictures], updates, seed, temperature)
                yield [seed, labels, pictures, way, temperature, updates, *score(student)]


def main():
    digits = load_digits()
    head = [
        "# command: python experiments/distil_digits.py",
        f"# seeds: {SEEDS[0]} to {SEEDS[-1]}",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        f"# data: {digits.source}; 3,600 to learn from, 400 for validation, 1,000 to test",
        f"# networks: teacher 784-256-256-10, {TEACHER_UPDATES} updates, Adam 0.001; student 784-8-10, Adam {RATE}; "
        "ReLU, batches of 64, cosine",
    ]
    rows = start_sweep("distil_digits", head, COLUMNS)
    done = {(row["seed"], row["labels"]) for row in rows}
    for seed in SEEDS:
        for labels in LABELS:
            if (seed, labels) not in done:
                start = time.perf_counter()
                append_rows("distil_digits", list(runs(seed, labels, digits)))
                print(f"seed {seed}, {labels} labels: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
