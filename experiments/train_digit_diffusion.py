"""Train the diffusion model of handwritten digits in models/digit_diffusion.

    python experiments/train_digit_diffusion.py [--steps 3000] [--output models/digit_diffusion] [--work work/digits]

It learns from the 4,000 training digits of `course_utils.data.load_digits` alone; one label in ten is hidden, so that
the model can also draw without being asked for a digit. What is kept is the moving average of the weights. A checkpoint
goes to --work every two minutes, and a run that is started again goes on from there with the same digits and noise.
Then `experiments/score_digit_diffusion.py` scores what it draws.
"""

import argparse
import csv
import json
import math
import os
import platform
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from course_utils.data import load_digits
from course_utils.networks.diffusion import ANY_DIGIT, build_digit_unet
from course_utils.runtime import load_keras

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "experiments" / "results"
SETTINGS = dict(width=32, batch_size=64, rate=2e-3, warmup_steps=100, average=0.998, hidden_labels=0.1, seed=0)


def batch_for(step, images, labels):
    """Return images, labels, noise and angles of a step; the same each time that it is asked."""
    random, size = np.random.default_rng([SETTINGS["seed"], step]), SETTINGS["batch_size"]
    rows = random.integers(0, len(images), size)
    hidden = random.random(size) < SETTINGS["hidden_labels"]
    noise = random.standard_normal((size, 28, 28, 1), dtype=np.float32)
    chosen = np.where(hidden, ANY_DIGIT, labels[rows]).astype(np.int32)
    return images[rows], chosen, noise, random.random(size, dtype=np.float32) * np.float32(np.pi / 2)


def rate_at(step, steps):
    """Return the learning rate: linear warm-up, then half a cosine down to zero."""
    return SETTINGS["rate"] * min(1, (step + 1) / SETTINGS["warmup_steps"]) * (1 + np.cos(np.pi * step / steps)) / 2


def add_noise(images, noise, angles):
    """Return images (n, 28, 28, 1) with noise, cos(a) of the image and sin(a) of the noise, for the angles a (n)."""
    ops = load_keras().ops
    angles = ops.reshape(angles, (-1, 1, 1, 1))
    return ops.cos(angles) * images + ops.sin(angles) * noise


def velocity_loss(network, images, labels, noise, angles):
    """Return the mean squared error of the velocity; it is the error of the noise plus that of the clean image."""
    ops = load_keras().ops
    angles, labels = ops.convert_to_tensor(angles), ops.convert_to_tensor(labels)
    noisy = add_noise(images, noise, angles)
    velocity = add_noise(images, noise, angles + math.pi / 2)  # the derivative: cos(a) noise - sin(a) image
    return ops.mean((network([noisy, angles, labels]) - velocity) ** 2)


class Trainer:
    """The network, Adam, and the moving average of the weights."""

    def __init__(self):
        keras = load_keras()
        import tensorflow as tf

        keras.utils.set_random_seed(SETTINGS["seed"])
        self.network = build_digit_unet(SETTINGS["width"])
        self.variables = self.network.trainable_variables
        self.optimizer = keras.optimizers.Adam(SETTINGS["rate"], clipnorm=1.0)
        self.optimizer.build(self.variables)
        self.average = [variable.numpy() for variable in self.variables]
        self.step, self.seconds, self.losses = 0, 0.0, []

        @tf.function  # compiled once, then reused
        def update(*batch):
            with tf.GradientTape() as tape:
                loss = velocity_loss(self.network, *batch)
            self.optimizer.apply(tape.gradient(loss, self.variables), self.variables)
            return loss

        self._update = update

    def train_step(self, images, labels, steps):
        """Make one update and move the average; early on it follows faster, or it would keep the random start."""
        self.optimizer.learning_rate = rate_at(self.step, steps)
        self.losses.append(float(self._update(*batch_for(self.step, images, labels))))
        self.step += 1
        keep = min(SETTINGS["average"], self.step / (self.step + 10))
        self.average = [
            keep * old + (1 - keep) * new.numpy() for old, new in zip(self.average, self.variables, strict=True)
        ]

    def save(self, path):
        """Write all that the run needs to go on, so that an interrupted write leaves the old file whole."""
        state = {f"weight {i}": variable.numpy() for i, variable in enumerate(self.variables)}
        state |= {f"average {i}": np.asarray(value) for i, value in enumerate(self.average)}
        state |= {f"optimizer {i}": np.asarray(variable) for i, variable in enumerate(self.optimizer.variables)}
        state |= {"losses": np.array(self.losses), "seconds": np.array([self.seconds])}
        temporary = path.with_suffix(".new")
        save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, temporary)
        temporary.replace(path)

    def load(self, path):
        """Read what `save` wrote."""
        state = load_file(path)
        for kind, variables in (("weight", self.variables), ("optimizer", self.optimizer.variables)):
            for i, variable in enumerate(variables):
                variable.assign(state[f"{kind} {i}"].reshape(variable.shape))
        self.average = [state[f"average {i}"] for i in range(len(self.average))]
        self.losses, self.seconds = state["losses"].tolist(), float(state["seconds"][0])
        self.step = len(self.losses)


def train(trainer, images, labels, steps, checkpoint, stop_after=None):
    """Train until the steps are done, or `stop_after` more of them were made; return whether it is finished."""
    if checkpoint.exists():
        trainer.load(checkpoint)
        print(f"goes on from step {trainer.step}", flush=True)
    begun, saved, first = time.monotonic() - trainer.seconds, time.monotonic(), trainer.step
    while trainer.step < steps and (stop_after is None or trainer.step < first + stop_after):
        trainer.train_step(images, labels, steps)
        trainer.seconds = time.monotonic() - begun
        if trainer.step % 100 == 0:
            print(
                f"step {trainer.step}: loss {np.mean(trainer.losses[-100:]):.4f}, {trainer.seconds:.0f} s", flush=True
            )
        if time.monotonic() - saved > 120:
            trainer.save(checkpoint)
            saved = time.monotonic()
    trainer.save(checkpoint)
    return trainer.step == steps


def export(trainer, output):
    """Write the averaged weights, in the network's order of weights, as float32 safetensors."""
    output.mkdir(parents=True, exist_ok=True)
    names = [f"{i:03d} {variable.path}" for i, variable in enumerate(trainer.variables)]
    weights = {name: np.asarray(value, np.float32) for name, value in zip(names, trainer.average, strict=True)}
    save_file(weights, output / "model.safetensors")
    (output / "model.safetensors").chmod(0o644)  # written for the owner alone


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--output", type=Path, default=ROOT / "models" / "digit_diffusion")
    parser.add_argument("--work", type=Path, default=ROOT / "work" / "digits", help="folder of the checkpoint")
    arguments = parser.parse_args()
    load_keras(threads=2)
    digits = load_digits()
    images = digits.train_images[:4000, :, :, None] * 2 - 1
    arguments.work.mkdir(parents=True, exist_ok=True)
    trainer = Trainer()
    train(trainer, images, digits.train_labels[:4000], arguments.steps, arguments.work / "checkpoint.safetensors")
    export(trainer, arguments.output)
    record = dict(
        settings=SETTINGS,
        steps=arguments.steps,
        loss_of_the_last_500_steps=round(float(np.mean(trainer.losses[-500:])), 4),
        minutes=round(trainer.seconds / 60, 1),
        parameters=trainer.network.count_params(),
        digits=len(images),
        data=digits.source,
        licence=digits.licence,
        hardware=f"{os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
    )
    (arguments.output / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    with open(RESULTS / "digit_diffusion_training.csv", "w", encoding="utf-8", newline="") as file:
        file.write(f"# command: python experiments/train_digit_diffusion.py --steps {arguments.steps}\n")
        file.write(f"# seeds: {SETTINGS['seed']}\n# hardware: {record['hardware']}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "training_loss"])
        means = np.reshape(trainer.losses[: len(trainer.losses) // 100 * 100], (-1, 100)).mean(axis=1)
        writer.writerows((100 * (i + 1), round(float(mean), 4)) for i, mean in enumerate(means))


if __name__ == "__main__":
    main()
