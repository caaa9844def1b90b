"""Let llama.cpp write and read with the same weights in 32, 16, 8 and 4 bits, and store processor seconds a token.

    python experiments/bits_speed.py

The 4-bit file is the course's SmolLM2, as it is; its weights, turned back, are written into three other files (F32,
F16, Q8_0), so speed can be compared and quality not. "decode" is a token written after the one before, "prefill" a
token of a prompt of some 240, read at once. One thread; processor seconds, not those of the clock, since other work
shares the cores. A row is one repeat, in which the files take turns. `read` is how many bytes a second of memory the
same thread sums, the mean of five sums over 256 MB.
"""

import os
import platform
import tempfile
import time
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

from course_utils.tables import RESULTS, append_rows, start_sweep
from course_utils.weights import verified_path

KINDS = [gguf.GGMLQuantizationType[name] for name in ("F32", "F16", "Q8_0")]
REPEATS, NEW = 5, 24
PROMPT = "The old clock in the hall has stopped again, and nobody knows why. " * 16


def rewrite(source, kind, target):
    """Write a GGUF file again, its matrices of another kind."""
    reader, writer = gguf.GGUFReader(source), gguf.GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            array = field.types[0] == gguf.GGUFValueType.ARRAY
            writer.add_key_value(field.name, field.contents(), field.types[0], field.types[-1] if array else None)
    for tensor in reader.tensors:
        weights = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        own = kind if len(tensor.shape) > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(tensor.name, gguf.quants.quantize(weights, own), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serve(path):
    """Return llama.cpp with a file, on one thread."""
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.verbosity = str(path), 512, -1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    return xllamacpp.Server(settings)


def seconds(server, prompt, new):
    """Return (processor seconds, tokens of the prompt) of a request."""
    request = {"prompt": prompt, "n_predict": new, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    start = time.process_time()
    found = server.handle_completions(request)
    return time.process_time() - start, found["timings"]["prompt_n"]


def bandwidth():
    """Return how many bytes one thread reads in a processor second."""
    numbers = np.ones(64_000_000, np.float32)
    start = time.process_time()
    for _ in range(5):
        numbers.sum()
    return 5 * numbers.nbytes / (time.process_time() - start)


def main():
    path = RESULTS / "bits_speed.csv"
    path.unlink(missing_ok=True)
    head = [
        "# command: python experiments/bits_speed.py",
        "# seeds: none is drawn; every token is the likeliest",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()}) that other work shared",
        "# seconds: of the processor, a token; bytes: of the file; read: bytes a processor second",
    ]
    start_sweep("bits_speed", head, ["repeat", "kind", "bytes", "decode", "prefill", "read"])
    with tempfile.TemporaryDirectory() as folder:
        files = {"Q4_1": verified_path("smollm2")}
        for kind in KINDS:
            files[kind.name] = Path(folder) / f"{kind.name}.gguf"
            rewrite(files["Q4_1"], kind, files[kind.name])
        servers = {name: serve(file) for name, file in files.items()}
        for server in servers.values():
            seconds(server, PROMPT, 2)  # warms up
        for repeat in range(REPEATS):
            for name, server in servers.items():
                first, _ = seconds(server, "Once upon a time", 1)
                decode = (seconds(server, "Once upon a time", 1 + NEW)[0] - first) / NEW
                spent, tokens = seconds(server, PROMPT, 1)
                row = decode, spent / tokens, bandwidth()
                append_rows("bits_speed", [(repeat, name, files[name].stat().st_size, *(f"{x:.6g}" for x in row))])
                print(repeat, name, *(f"{1 / x:.1f}" for x in row[:2]), f"{row[2] / 1e9:.1f} GB/s", flush=True)


if __name__ == "__main__":
    main()
