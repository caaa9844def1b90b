"""Compare TensorFlow, Keras, PyTorch and transformers on the same work, with the code that chapter 6 teaches.

    python benchmarks/tools.py [--repeats 5] [--steps 20]

The document's network at three batch sizes, then GPT-2's block at two widths: the same first weights, the same batch,
Adam, float32, one thread an operation. Each form runs in a process of its own, so that its memory is its own too, and
the forms take turns, repeat by repeat. A time is milliseconds an update: the median of the steps after the first, then
of the repeats; a ratio is against eager PyTorch in the same repeat. "First" is the first update in seconds, with all
tracing and compiling. Memory is the process's peak. Keras is measured by train_on_batch. The forms with torch.compile
(of the model, not of Adam) need a C++ compiler; without one they are left out. The losses of the third update must
agree within 1 %, or the script stops (later ones need not: rounding grows).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from course_utils.runtime import load_keras  # its import also settles how the threads of all tools wait

FORMS = (
    "PyTorch, eager",
    "PyTorch, compiled",
    "transformers, eager",
    "transformers, compiled",
    "TensorFlow, eager",
    "TensorFlow, compiled",
    "TensorFlow, XLA",
    "Keras on TensorFlow",
    "Keras on PyTorch",
)
TASKS = {
    "network, batch 32": (32,),
    "network, batch 128": (128,),
    "network, batch 512": (512,),
    "block of width 28, batch 32": (32, 28, 4, 27),
    "block of width 768, batch 4": (4, 768, 12, 64),
}
DEFINITIONS = {
    "TensorFlow": "first_weights tf_logits tf_loss make_tf_step block_weights tf_norm tf_attention tf_block",
    "Keras": "first_weights block_weights build_keras_network build_keras_block load_keras_block",
    "PyTorch": "first_weights block_weights build_torch_network make_torch_step TorchBlock load_torch_block",
}
DEFINITIONS["transformers"] = DEFINITIONS["PyTorch"] + " build_hf_block"


def load_tool(form):
    """Import what a form needs, and nothing else, with one thread, and return it by the names that the lesson uses."""
    import numpy as np

    found = {"np": np}
    if form.startswith(("PyTorch", "transformers", "Keras on PyTorch")):
        import torch

        torch.set_num_threads(1)
        found["torch"] = torch
    if form.startswith("transformers"):
        import transformers
        from transformers.models.gpt2.modeling_gpt2 import GPT2Block

        found |= {"transformers": transformers, "GPT2Block": GPT2Block}
    if form == "Keras on PyTorch":
        os.environ["KERAS_BACKEND"] = "torch"
        import keras

        found["keras"] = keras
    elif form.startswith(("Keras", "TensorFlow")):
        found["keras"] = load_keras(threads=1)
        import tensorflow as tf

        found["tf"] = tf
    return found


def load_lesson(form):
    """Return the functions and classes of chapter 6 that a form needs, taken out of the notebook."""
    import ast

    from course_utils.notebooks import NOTEBOOKS, read_notebook

    names, scope = DEFINITIONS[form.split(",")[0].split()[0]].split(), load_tool(form)
    for cell in read_notebook(NOTEBOOKS / "06_tools_and_resources.ipynb").cells:
        nodes = ast.parse(cell.source).body if cell.cell_type == "code" else ()
        wanted = [node for node in nodes if getattr(node, "name", "") in names]
        exec(compile(ast.Module(wanted, []), "chapter 6", "exec"), scope)
    if missing := [name for name in names if name not in scope]:
        raise SystemExit(f"Chapter 6 no longer defines {missing}.")
    return scope


def make_step(form, task):
    """Return a function that makes one update and returns the loss before it."""
    import numpy as np

    lesson, generator = load_lesson(form), np.random.default_rng(0)
    if len(task) == 1:
        x, y = generator.random((task[0], 784), dtype=np.float32), generator.integers(0, 10, task[0])
        weights = lesson["first_weights"](0)
    else:
        batch, width, heads, length = task
        x, y = generator.normal(size=(2, batch, length, width)).astype(np.float32)
        weights = lesson["block_weights"](width, 0)
    if form.startswith("Keras"):
        if len(task) == 1:
            model = lesson["build_keras_network"](weights)
        else:
            model = lesson["load_keras_block"](lesson["build_keras_block"](length, width, heads), weights, heads)
        return lambda: (model.reset_metrics(), float(model.train_on_batch(x, y)))[1]
    if form.startswith("TensorFlow"):
        tf = lesson["tf"]
        if len(task) == 1:
            variables, loss = [tf.Variable(a) for a in weights], lesson["tf_loss"]
        else:
            variables = [tf.Variable(a) for a in weights.values()]

            def loss(values, x, y):
                return tf.reduce_mean((lesson["tf_block"](dict(zip(weights, values, strict=True)), x, heads) - y) ** 2)

        step = lesson["make_tf_step"](variables, loss)
        if "eager" not in form:
            step = tf.function(step, autograph=False, jit_compile="XLA" in form)
        x, y = tf.constant(x), tf.constant(y)
        return lambda: float(step(x, y))
    torch = lesson["torch"]
    if len(task) == 1:
        model, loss = lesson["build_torch_network"](weights), torch.nn.functional.cross_entropy
    else:
        options = {} if form.startswith("PyTorch") else {"length": length}
        model = lesson["TorchBlock" if form.startswith("PyTorch") else "build_hf_block"](width, heads, **options)
        model, loss = lesson["load_torch_block"](model, weights), torch.nn.functional.mse_loss
    step = lesson["make_torch_step"](torch.compile(model) if "compiled" in form else model, loss, 1e-7)
    x, y = torch.tensor(x), torch.tensor(y)
    return lambda: float(step(x, y))


def run_form(form, steps):
    """Print as JSON, for each task, [first update in seconds, milliseconds an update, third loss, peak MB so far]."""
    import resource

    found = {}
    for name, task in TASKS.items():
        if form.startswith("transformers") and len(task) == 1:
            continue
        step, seconds, losses = make_step(form, task), [], []
        for _ in range(steps + 1):
            start = time.perf_counter()
            losses.append(step())
            seconds.append(time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        found[name] = seconds[0], 1000 * median(seconds[1:]), losses[2], peak
    print(json.dumps(found))


def start_form(form, steps):
    """Run a form in a process of its own and return what it printed."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1"}
    environment["KERAS_BACKEND"] = "torch" if form == "Keras on PyTorch" else "tensorflow"
    command = [sys.executable, Path(__file__).resolve(), "--form", form, "--steps", str(steps)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{form} failed:\n{result.stderr[-2000:]}")
    return json.loads(result.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="how often each form runs (5)")
    parser.add_argument("--steps", type=int, default=20, help="updates that count in each run (20)")
    parser.add_argument("--form", choices=FORMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.repeats < 1 or options.steps < 2:
        parser.error(f"--repeats, --steps: found {options.repeats} and {options.steps}, expected at least 1 and 2")
    if options.form:
        return run_form(options.form, options.steps)
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX") or "g++", "clang++"))), None)
    forms = [form for form in FORMS if compiler or not form.startswith(("PyTorch, c", "transformers, c"))]
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, a load of {load:.1f} before the start; C++ compiler: {bool(compiler)}")
    from course_utils.runtime import progress

    runs = [{form: start_form(form, options.steps) for form in forms} for _ in progress(range(options.repeats))]
    for task in TASKS:
        losses = [run[form][task][2] for run in runs for form in forms if task in run[form]]
        if max(losses) - min(losses) > 0.01 * max(losses):
            raise SystemExit(f"{task}: the losses differ, from {min(losses)} to {max(losses)}.")
        print(f"\n{task:28} {'ms':>8} {'ratio':>7} {'spread':>14} {'first, s':>9}")
        for form in forms:
            if task in runs[0][form]:
                ms = median(run[form][task][1] for run in runs)
                ratios = [run[form][task][1] / run["PyTorch, eager"][task][1] for run in runs]
                first = median(run[form][task][0] for run in runs)
                spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
                print(f"{form:28} {ms:8.2f} {median(ratios):6.1f}× {spread:>14} {first:9.2f}")
    print(f"\n{'peak memory of the process':28} {'MB':>8}")
    for form in forms:
        print(f"{form:28} {median(max(task[3] for task in run[form].values()) for run in runs):8,.0f}")


if __name__ == "__main__":
    main()
