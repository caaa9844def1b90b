"""Say where a module of the first edition is now, to copies of notebooks that still import it from the old place."""

import importlib.abc
import sys

__all__ = ["MOVED", "Signpost"]

NETWORKS = "efficientnet image_classifier pretrained small_models translator workers".split()
MOVED = {name: f"networks.{name}" for name in NETWORKS} | {
    **dict.fromkeys(("decoding", "t5", "t5_folder"), "networks.translator"),
    **dict.fromkeys(("landmarks", "sweeps"), "tables"),
    **dict.fromkeys(("profile", "progress"), "runtime"),
    "fetch": "weights",
    "lesson_code": "notebooks",
}


class Signpost(importlib.abc.MetaPathFinder):
    """Asked last, where no such module was found: name the new module in the error."""

    def find_spec(self, name, path=None, target=None):
        """Raise ModuleNotFoundError for a module that moved; leave all others alone."""
        package, _, module = name.rpartition(".")
        if package == "course_utils" and module in MOVED:
            raise ModuleNotFoundError(
                f"{name} is now course_utils.{MOVED[module]}: this notebook is of the course's first edition. The new "
                "one lies beside it in work/, with .new- in its name; `python -m course_utils copy` puts it there.",
                name=name,
            )


sys.meta_path.append(Signpost())
