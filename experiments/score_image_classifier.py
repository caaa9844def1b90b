"""Score the offline image classifier on 1,000 ImageNet photographs, with its preprocessing and with wrong ones.

    git clone https://github.com/EliSchwartz/imagenet-sample-images
    python experiments/score_image_classifier.py imagenet-sample-images

The folder holds one photograph a class, named by its WordNet id (n01440764_tench.JPEG): in sorted order, a photograph's
place is the index of its class. The result goes to results/image_classifier_imagenet_sample.csv beside this script; its
column `missed` holds the places of the photographs whose first answer is wrong, so that mistakes can be paired.
"""

import argparse
import csv
import datetime
import os
from pathlib import Path

import numpy as np
from PIL import Image

from course_utils.networks.pretrained import load_image_classifier
from course_utils.runtime import progress

RESULT = Path(__file__).resolve().parent / "results" / "image_classifier_imagenet_sample.csv"
DATA = "1,000 ImageNet photographs, one a class (github.com/EliSchwartz/imagenet-sample-images)"
BATCH = 32


def squash(images):
    """Resize the whole photograph to 224 by 224 with nearest neighbours, as the document's load_img does, and scale."""
    pictures = [Image.fromarray(image).resize((224, 224), Image.Resampling.NEAREST) for image in images]
    return (np.stack(pictures).astype(np.float32) - 127) / 128


def preprocessings(classifier):
    """Return {name: function from a list of RGB uint8 images to what the model is given}."""

    def crop(images):
        return classifier.crop(images).astype(np.float32)

    return {
        "as trained": classifier.preprocess,
        "squashed, not cropped": squash,
        "brightness 0 to 1": lambda images: crop(images) / 255,
        "brightness 0 to 255": crop,
        "red and blue swapped": lambda images: classifier.scale(crop(images)[..., ::-1]),
        "upside down": lambda images: classifier.scale(crop(images)[:, ::-1]),
    }


def read_batches(files):
    """Yield (index of the first, list of RGB uint8 images), a batch at a time."""
    for start in progress(range(0, len(files), BATCH), description="photographs"):
        images = []
        for file in files[start : start + BATCH]:
            with Image.open(file) as picture:
                images.append(np.asarray(picture.convert("RGB")))
        yield start, images


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder with the 1,000 photographs n*.JPEG")
    folder = parser.parse_args().folder
    files = sorted(folder.glob("n*.JPEG"))
    if len(files) != 1000:
        parser.error(f"{folder}: found {len(files)} files n*.JPEG, expected 1000")
    classifier = load_image_classifier()
    ranks = {name: [] for name in preprocessings(classifier)}
    for start, images in read_batches(files):
        for name, preprocess in preprocessings(classifier).items():
            probabilities = classifier.model.predict_on_batch(preprocess(images))
            own = probabilities[np.arange(len(images)), np.arange(start, start + len(images))]
            ranks[name].extend((probabilities > own[:, None]).sum(axis=1))
    rows = [
        {
            "model": classifier.title,
            "preprocessing": name,
            "data": DATA,
            "command": "python experiments/score_image_classifier.py FOLDER",
            "date": datetime.date.today().isoformat(),
            "hardware": f"{os.cpu_count()} CPU cores",
            "n": len(found),
            "top1": np.mean(np.array(found) < 1).round(4),
            "top5": np.mean(np.array(found) < 5).round(4),
            "missed": " ".join(map(str, np.flatnonzero(found))),
        }
        for name, found in ranks.items()
    ]
    RESULT.parent.mkdir(exist_ok=True)
    with open(RESULT, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print(f"{row['preprocessing']:22} top-1 {row['top1']:.1%}, top-5 {row['top5']:.1%} of {row['n']} photographs")


if __name__ == "__main__":
    main()
