"""Say in one sentence that memory ran out, whichever engine noticed it."""

import contextlib
import re

__all__ = ["CLOSE", "SHORTAGE", "say_memory"]

# what NumPy, TensorFlow, torch, safetensors and the system call it
SHORTAGE = re.compile(
    r"MemoryError|OutOfMemory|ResourceExhausted|bad_alloc|(cannot|can't|failed to) allocate|not enough memory", re.I
)
CLOSE = "Shut down other notebooks, then restart this kernel."


@contextlib.contextmanager
def say_memory(task, advice):
    """Turn each engine's error about memory into a `MemoryError` that names the task and says what to do.

    Other errors pass unchanged. Works as a decorator too.
    """
    try:
        yield
    except Exception as error:
        if not SHORTAGE.search(f"{type(error).__name__}: {error}"):
            raise
        raise MemoryError(f"There is not enough memory to {task}. {advice}") from error
