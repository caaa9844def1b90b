"""Say which profile the course runs in: `offline` (default) or `full`."""

import os

__all__ = ["PROFILES", "current_profile"]

PROFILES = ("offline", "full")


def current_profile():
    """Return the profile named by the environment variable `COURSE_PROFILE`.

    Returns
    -------
    str
        "offline" (when the variable is unset or empty) or "full".

    Raises
    ------
    ValueError
        When the variable holds anything else.
    """
    name = os.environ.get("COURSE_PROFILE", "").strip().lower() or "offline"
    if name not in PROFILES:
        raise ValueError(
            f"COURSE_PROFILE: found {name!r}, expected one of {', '.join(PROFILES)}. "
            "Unset the variable to run offline, or set it to 'full' to fetch the large originals."
        )
    return name
