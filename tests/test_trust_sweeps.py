"""What the stored measurements on trust hold, and that their scripts measure as the lesson does."""

from collections import Counter
from importlib import import_module

import numpy as np
import pytest

from course_utils.tables import read_sweep


@pytest.fixture(scope="module")
def explain():
    return import_module("explain_photos")


def test_every_photograph_was_explained_in_every_way(explain):
    photos = {row["photo"] for row in read_sweep("photo_agreement")}
    assert len(photos) == 8
    shuffled = Counter((row["photo"], row["shuffled"]) for row in read_sweep("photo_shuffles"))
    for photo in photos:
        assert [shuffled[photo, what] for what in ("last layer", "all layers", "another photograph")] == [40, 40, 8]
        deleted = Counter(row["fill"] for row in read_sweep("photo_deletion", photo=photo))
        assert deleted == dict.fromkeys(explain.FILLS, 9)


def test_occlusion_is_judged_by_another_fill_than_the_one_that_made_it(explain):
    assert all(made != judged for judged, made in explain.OTHER_FILL.items())
    assert set(explain.OTHER_FILL.values()) == set(explain.FILLS)


def test_hiding_takes_the_named_places_only(explain):
    x, filling = np.zeros((224, 224, 3)), np.ones((224, 224, 3))
    hidden = explain.hide(x, filling, [0, 48])
    assert hidden.sum() == 2 * 32 * 32 * 3 and hidden[0, 0, 0] == hidden[-1, -1, 0] == 1
    assert (explain.tiles(hidden[..., 0]).ravel()[[0, 1, 48]] == [1024, 0, 1024]).all()


def test_a_sign_decides_whether_the_gradient_notices_a_shuffled_layer():
    means = {
        form: np.mean(
            [
                row["correlation"]
                for row in read_sweep("photo_shuffles", shuffled="last layer", method="gradient", form=form)
            ]
        )
        for form in ("signed", "absolute")
    }
    assert means["absolute"] > 0.7 and abs(means["signed"]) < 0.2


def test_patches_pair_24_prompts_at_every_place_and_depth():
    patches = import_module("patch_capitals")
    rows = read_sweep("capital_patches")
    found = Counter((row["source_prompt"], row["place"], row["depth"]) for row in rows)
    assert set(found.values()) == {24}
    assert {place for name, place, _ in found if name == "another country"} == set(patches.PLACES.values())
    assert all(row["clean"] > 0 for row in rows)
    last = [row for row in rows if (row["source_prompt"], row["place"], row["depth"]) == ("another country", "of", 30)]
    assert np.allclose([row["patched"] for row in last], [row["source"] for row in last], atol=0.01)


def test_networks_are_paired_by_seed_and_equal_but_for_their_training():
    trained = import_module("adversarial_digits")
    rows = read_sweep("adversarial_digits", pictures="as they are")
    runs = Counter((row["updates"], row["seed"]) for row in rows)
    assert runs == {(updates, seed): 2 for updates, seeds in trained.SEEDS.items() for seed in seeds}
    clean, robust = (
        {(row["updates"], row["seed"]): row["accuracy"] for row in rows if row["trained_epsilon"] == epsilon}
        for epsilon in trained.TRAINED
    )
    short, long = ([robust[run] - clean[run] for run in clean if run[0] == updates] for updates in (1000, 4000))
    assert max(short) < 0 < min(long)  # what it costs depends on how long the training is
