"""Compare how fast the Keras T5 and transformers write the same tokens greedily, and say where the Keras time goes.

    python benchmarks/t5_decoding.py [--repeats 9]
    python benchmarks/t5_decoding.py --base [--repeats 5]

The first command is mini-T5 on 64 phrases to French, batch by batch; the second is t5-base's shape with random weights,
32 source tokens and 32 new ones (2 GB, two minutes). Both sides have two threads, the same float32 weights, are warm,
and take turns at going first. Torch splits each operation over its threads, and so does Keras with `--base`, where the
matrices are large; with mini-T5 each thread of Keras searches half of the rows. A ratio is transformers' seconds
divided by Keras's, the median over the repeats, with the lowest and the highest. The tokens must be the same, or the
script stops.
"""

import argparse
import os
import sys
import time
from statistics import median

import numpy as np

from course_utils.data import load_phrases
from course_utils.networks.pretrained import load_translator
from course_utils.runtime import THREADS, load_keras, load_torch, load_transformers, progress

load_keras(threads=2 if "--base" in sys.argv else 1)  # before anything else loads TensorFlow
from course_utils.networks.t5 import T5, T5Config, mask_bias, named_weights  # noqa: E402
from course_utils.weights import verified_path  # noqa: E402

LOOPS = 100  # how often a part runs in one call, so that the call itself does not count


def compare(model, reference, batches, max_new_tokens, repeats):
    """Return the seconds of both sides for all batches, one pair a repeat, and how many tokens they wrote."""
    torch = load_torch()

    def keras(ids, mask):
        return model.generate(ids, mask, max_new_tokens)

    def transformers(ids, mask):
        options = dict(max_new_tokens=max_new_tokens, do_sample=False, num_beams=1)
        with torch.inference_mode():
            return reference.generate(torch.tensor(ids), attention_mask=torch.tensor(mask), **options).numpy()

    for ids, mask in batches:  # warms both up
        if not np.array_equal(keras(ids, mask), transformers(ids, mask)):
            raise SystemExit("The two models wrote different tokens.")
    written = 0
    for ids, mask in batches:
        new = keras(ids, mask)[:, 1:]
        written += int((new != model.config.pad_token_id).sum()) if model.config.end_tokens else new.size
    pairs = []
    for repeat in progress(range(repeats), description="repeats"):
        seconds = {}
        for side in (keras, transformers) if repeat % 2 else (transformers, keras):
            start = time.perf_counter()
            for ids, mask in batches:
                side(ids, mask)
            seconds[side.__name__] = time.perf_counter() - start
        pairs.append((seconds["transformers"], seconds["keras"]))
    return pairs, written


def print_ratio(name, pairs, written):
    ratios = [theirs / ours for theirs, ours in pairs]
    theirs, ours = (written / median(side) for side in zip(*pairs, strict=True))
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    print(f"{name:34} {theirs:16,.0f} {ours:10,.0f} {median(ratios):6.1f}× {spread:>14}")


def milliseconds(call, repeats=15):
    """Return the median time of a call in milliseconds, after two that warm it up."""
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return median(times[2:])


def time_parts(model, rows, source=20, past=12):
    """Return milliseconds of the encoder, once a batch, and of each part of one decoder step, by name."""
    import tensorflow as tf

    config, block = model.config, model.decoder.blocks[0]
    states = tf.random.normal((rows, source, config.d_model))
    x, ids = tf.random.normal((rows, 1, config.d_model)), tf.fill((rows, source), 5)
    earlier = block.attention.keys_values(tf.random.normal((rows, past, config.d_model)))
    cross, hidden = block.cross_attention.keys_values(states), mask_bias(tf.ones((rows, source)))
    bias = tf.zeros((1, config.num_heads, 1, past + 1))

    def attend(x):
        pair = (tf.concat(parts, axis=2) for parts in zip(earlier, block.attention.keys_values(x), strict=True))
        return x + block.attention.attend(x, *pair, bias)

    def choose(x):
        return x + tf.cast(tf.argmax(model.logits(x[:, 0]), axis=-1), tf.float32)[:, None, None] * 1e-9

    layers = len(model.decoder.blocks)
    parts = {
        "self-attention": (layers, attend),
        "cross-attention": (layers, lambda x: x + block.cross_attention.attend(x, *cross, hidden)),
        "feed-forward": (layers, lambda x: x + block.feed_forward(x)),
        "norms": (3 * layers + 1, block.attention_norm),
        "logits and choice": (1, choose),
    }
    encode = tf.function(model.encode, autograph=False)
    found = {"encoder, once a batch": milliseconds(lambda: encode(ids, tf.ones_like(ids)))}
    for name, (count, part) in parts.items():

        def loop(x, part=part):
            return tf.while_loop(lambda i, x: i < LOOPS, lambda i, x: (i + 1, part(x)), (0, x))[1]

        compiled = tf.function(loop, autograph=False)
        found[name] = milliseconds(lambda run=compiled: run(x), repeats=5) * count / LOOPS
    return found


def time_step(model, rows, source=20):
    """Return milliseconds of one whole decoder step, where no row ends: a long text less a short one."""
    ids = np.full((rows, source), 5)
    short, long = (milliseconds(lambda n=n: model.generate(ids, None, n), repeats=9) for n in (4, 20))
    return (long - short) / 16


def print_parts(config):
    """Print where the time of the Keras T5 goes, and what the same graph costs with almost no arithmetic in it."""
    sizes = vars(config) | {"eos_token_id": None}
    model = T5(T5Config(**sizes))
    narrow = T5(T5Config(**sizes | {"d_model": 4, "d_kv": 1, "d_ff": 4, "vocab_size": 8}))
    columns = {rows: time_parts(model, rows) for rows in (1, 32)}
    print(f"\n{'milliseconds':42} {'batch 1':>8} {'batch 32':>9}")
    print(f"{'encoder, once a batch':42} {columns[1].pop('encoder, once a batch'):8.2f} ", end="")
    print(f"{columns[32].pop('encoder, once a batch'):9.2f}")
    print(f"{'one decoder step, measured as a whole':42} {time_step(model, 1):8.2f} {time_step(model, 32):9.2f}")
    for name in columns[1]:
        print(f"{'  ' + name:42} {columns[1][name]:8.2f} {columns[32][name]:9.2f}")
    print(f"{'  of all this, dispatch (width 4)':42} {time_step(narrow, 1):8.2f} {time_step(narrow, 32):9.2f}")


def make_base():
    """Return two models of t5-base's shape that share their random weights; neither ever ends a text."""
    torch, transformers = load_torch(), load_transformers()
    sizes = dict(d_model=768, d_ff=3072, num_layers=12, num_decoder_layers=12, num_heads=12)
    model = T5(T5Config(**sizes, eos_token_id=None))
    with torch.device("meta"):
        config = transformers.T5Config(**sizes, eos_token_id=None, decoder_start_token_id=0)
        reference = transformers.T5ForConditionalGeneration(config).eval()
    arrays = {name: (v.numpy().T if v.name == "kernel" else v.numpy()) for name, v in named_weights(model).items()}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    reference.load_state_dict(tensors, strict=False, assign=True)
    reference.tie_weights()
    return model, reference


def mini_batches(translator, size):
    """Return [(ids, mask), ...] of 64 phrases to be put into French."""
    phrases = [translator.prefix("French") + phrase for phrase in load_phrases().english[:64]]
    padded = [translator.tokenizer(phrases[start : start + size], padding=True) for start in range(0, 64, size)]
    return [(np.array(batch["input_ids"]), np.array(batch["attention_mask"])) for batch in padded]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9, help="how often each side runs (9)")
    parser.add_argument("--base", action="store_true", help="t5-base's shape in place of mini-T5")
    options = parser.parse_args()
    if options.repeats < 1:
        parser.error(f"--repeats: found {options.repeats}, expected at least 1")
    print(f"{THREADS} threads each, {os.cpu_count()} cores, a load of {os.getloadavg()[0]:.1f} before the start")
    header = f"\n{'tokens per second':34} {'transformers':>16} {'Keras':>10} {'ratio':>7} {'spread':>14}"
    if options.base:
        pair, name, new, sizes = make_base(), "t5-base's shape", 32, (1, 4)
        rng = np.random.default_rng(0)
        batches = {size: [(rng.integers(2, 32000, (size, 32)), np.ones((size, 32), int))] for size in sizes}
    else:
        translator = load_translator()
        start = time.perf_counter()
        model = T5.from_pretrained(verified_path("mini_t5").parent)
        loaded = time.perf_counter()
        model.generate([[5, 1]], max_new_tokens=2)
        first = time.perf_counter() - loaded
        print(f"Keras: loaded in {loaded - start:.1f} s, first call {first:.1f} s (once, any shape)")
        pair, name, new, sizes = (model, translator.model), "mini-T5", 64, (1, 32)
        batches = {size: mini_batches(translator, size) for size in sizes}
    print(header)
    for size in sizes:
        print_ratio(f"{name}, batch {size}", *compare(*pair, batches[size], new, options.repeats))
    if not options.base:
        print_parts(model.config)


if __name__ == "__main__":
    main()
