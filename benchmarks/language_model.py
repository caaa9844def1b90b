"""Compare how fast SmolLM2 writes in NumPy, in transformers and in llama.cpp, in one run.

    python benchmarks/language_model.py [--repeats 5] [--threads 2]

NumPy and transformers compute with the same float32 weights and take turns at going first; llama.cpp reads the
4-bit file as it is. All have as many threads. A ratio is NumPy's tokens per second divided by the other's, the median
over the repeats, with the lowest and highest. The greedy tokens of NumPy and transformers must be the same, or the
script stops. The share of the read bandwidth is the weights' bytes times NumPy's tokens per second at batch 1, divided
by the bytes per second of the best of five sums over 1 GB with as many threads. At the end: one matrix times
one row, from float32 and from 8-bit numbers with a scale for each column.
"""

import argparse
import os
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from course_utils.networks.language_model_files import to_transformers
from course_utils.networks.pretrained import load_language_model
from course_utils.runtime import THREADS, load_torch, progress
from course_utils.weights import verified_path

PROMPT = "Once upon a time, a river"
NEW, PREFILL, BATCH = 48, 256, 8


def take_turns(ours, theirs, repeats):
    """Return the seconds of both, one pair a repeat; each is warm, and their results must be the same."""
    if not np.array_equal(ours(), theirs()):
        raise SystemExit("The two wrote different tokens.")
    pairs = []
    for repeat in progress(range(repeats), description="repeats"):
        seconds = {}
        for side in (ours, theirs) if repeat % 2 else (theirs, ours):
            start = time.perf_counter()
            side()
            seconds[side] = time.perf_counter() - start
        pairs.append((seconds[ours], seconds[theirs]))
    return pairs


def print_row(name, tokens, pairs):
    ratios = [theirs / ours for ours, theirs in pairs]
    ours, theirs = (tokens / median(side) for side in zip(*pairs, strict=True))
    print(f"{name:28} {ours:8,.1f} {theirs:13,.1f} {median(ratios):7.2f}× {min(ratios):6.2f} to {max(ratios):.2f}")
    return ours


def bandwidth(threads):
    """Return how many bytes a second the machine reads: the best of five sums over 1 GB."""
    parts, best = np.array_split(np.ones(250_000_000, np.float32), threads), 0
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(np.sum, parts))
            best = max(best, 1e9 / (time.perf_counter() - start))
    return best


def llama_cpp_rate(threads):
    """Return how many tokens a second llama.cpp writes from the 4-bit file, as it measures itself."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.verbosity = str(verified_path("smollm2")), 512, -1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(settings)
    request = {"prompt": PROMPT, "n_predict": NEW, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    return max(server.handle_completions(request)["timings"]["predicted_per_second"] for _ in range(3))


def eight_bits(model):
    """Return milliseconds of one row times a feed-forward matrix: in float32, and from 8-bit numbers with scales."""
    matrix = model.layers[0].gate
    scale = np.abs(matrix).max(axis=0) / 127
    rounded = np.round(matrix / scale).astype(np.int8)
    row = np.random.default_rng(0).normal(size=(1, len(matrix))).astype(np.float32)

    def milliseconds(call):
        times = []
        for _ in range(30):
            start = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - start))
        return median(times)

    return milliseconds(lambda: row @ matrix), milliseconds(lambda: (row @ rounded.astype(np.float32)) * scale)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="how often each side runs (5)")
    parser.add_argument("--threads", type=int, default=THREADS, help=f"threads of each side ({THREADS})")
    options = parser.parse_args()
    if options.repeats < 1 or options.threads < 1:
        parser.error("--repeats, --threads: expected at least 1")
    print(
        f"{options.threads} threads each, {os.cpu_count()} cores, a load of {os.getloadavg()[0]:.1f} before the start"
    )
    start = time.perf_counter()
    model = load_language_model()
    print(f"loaded in {time.perf_counter() - start:.1f} s")
    torch, reference = load_torch(options.threads), to_transformers(model)
    torch.set_num_threads(options.threads)
    prompt = model.encode(PROMPT)
    long = np.resize(model.encode("The old clock in the hall has stopped again, and nobody knows why. "), (1, PREFILL))

    def numpy_writes(ids, new):
        return lambda: np.stack(list(model.next_tokens(ids, max_new_tokens=new)), axis=1)

    def transformers_writes(ids, new):
        ids = torch.tensor(np.asarray(ids))

        def write():
            with torch.inference_mode():
                found = reference.generate(
                    ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False
                )
            return found[:, ids.shape[1] :].numpy()

        return write

    print(f"\n{'tokens per second':28} {'NumPy':>8} {'transformers':>13} {'ratio':>8} {'spread':>14}")
    with threadpool_limits(options.threads, "blas"):
        rates = {}
        for name, ids, new, tokens in (
            (f"batch 1, {NEW} new", [prompt], NEW, NEW),
            (f"prefill of {PREFILL}", long, 1, PREFILL),
            (f"batch {BATCH}, {NEW} new", [prompt] * BATCH, NEW, NEW * BATCH),
        ):
            pairs = take_turns(numpy_writes(ids, new), transformers_writes(ids, new), options.repeats)
            rates[name] = print_row(name, tokens, pairs)
        read = 4 * sum(parameter.numel() for parameter in reference.parameters()) * next(iter(rates.values()))
        most = bandwidth(options.threads)
        print(f"\nNumPy reads {read / 1e9:.1f} GB of weights a second, of {most / 1e9:.1f} possible: {read / most:.0%}")
        print(f"llama.cpp on the 4-bit file: {llama_cpp_rate(options.threads):.1f} tokens a second")
        whole, rounded = eight_bits(model)
    print(f"one row times a matrix of 576 × 1536: float32 {whole:.3f} ms, from 8-bit numbers {rounded:.3f} ms")


if __name__ == "__main__":
    main()
