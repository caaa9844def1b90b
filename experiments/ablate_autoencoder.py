"""Train chapter 3's variational autoencoder with and without its divergence, five paired seeds, and score both.

    python experiments/ablate_autoencoder.py

A pair trains for 12 epochs, as in the lesson, and shares the first weights, the batches, the noise, and the 500 draws.
The images are decoded from draws of N(0, I), for which the divergence trains the model; and from the same draws,
stretched and moved to a normal distribution that was fitted after training to the model's own latents of the training
digits (Ghosh and others, 2020, arXiv:1903.12436). They are scored as in `score_digit_diffusion.py`, by its classifier
of seed 0.
"""

import os
import platform

import numpy as np
from score_digit_diffusion import SURE, decode, score, train_autoencoder, train_classifier

from course_utils.data import load_digits
from course_utils.runtime import load_keras
from course_utils.tables import append_rows, start_sweep

SEEDS, EPOCHS, COUNT = range(5), 12, 500
COLUMNS = "seed divergence drawn_from recognised evenness test_reconstruction latent_deviation".split()


def fitted(encoder, images, normal):
    """Return draws of N(0, I), (n, k), moved to the distribution of the images' latents, and the latents' deviation."""
    mean, log_variance = np.split(np.asarray(encoder(images)), 2, axis=1)
    covariance = np.cov(mean.T) + np.diag(np.exp(log_variance).mean(axis=0))
    moved = normal @ np.linalg.cholesky(covariance).T + mean.mean(axis=0)
    return moved.astype(np.float32), np.sqrt(np.diag(covariance).mean())


def reconstruction(encoder, decoder, images):
    """Return the mean of ln p(x | z) in nats, where z is the mean that the encoder names."""
    means, _ = np.split(np.asarray(encoder(images)), 2, axis=1)
    logits = np.asarray(decoder(means))
    return (images * logits - np.logaddexp(0, logits)).sum(axis=1).mean()


def main():
    load_keras(threads=1)
    digits = load_digits()
    train, test = digits.train_images[:4000].reshape(4000, -1), digits.test_images[:1000].reshape(1000, -1)
    classifier = train_classifier(train, digits.train_labels[:4000], seed=0)
    head = [
        "# command: python experiments/ablate_autoencoder.py",
        f"# seeds: {', '.join(map(str, SEEDS))}, the same for both models of a pair; classifier 0",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        f"# {EPOCHS} epochs; {COUNT} images of each kind; recognised: named with a probability of at least {SURE}; "
        "test_reconstruction: mean ln p(x | z) of 1,000 test digits, in nats; divergence: its weight in the loss",
    ]
    done = {(row["seed"], row["divergence"]) for row in start_sweep("autoencoder_ablation", head, COLUMNS)}
    for seed in SEEDS:
        normal = np.random.default_rng(1000 + seed).standard_normal((COUNT, 8), dtype=np.float32)
        for weight in (1, 0):
            if (seed, weight) in done:
                continue
            encoder, decoder = train_autoencoder(train, seed, weight, epochs=EPOCHS)
            moved, deviation = fitted(encoder, train, normal)
            numbers = [reconstruction(encoder, decoder, test), deviation]
            rows = []
            for name, latents in (("normal", normal), ("fitted", moved)):
                probabilities = classifier.predict(decode(decoder, latents), verbose=0, batch_size=COUNT)
                recognised, _, _, evenness, *_ = score(probabilities)
                scores = [round(float(number), 4) for number in (recognised, evenness, *numbers)]
                rows.append([seed, weight, name, *scores])
                print(*rows[-1], flush=True)
            append_rows("autoencoder_ablation", rows)


if __name__ == "__main__":
    main()
