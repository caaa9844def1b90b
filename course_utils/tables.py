"""Read the measurements that `experiments/` stores as CSV, and the course's tables of published models.

A file of measurements begins with comment lines (`# command: …`, `# hardware: …`) that say how it was made; a row is
one measurement.
"""

import csv
import importlib.resources
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = [
    "COMPUTE_BASES",
    "LandmarkModels",
    "MODALITIES",
    "RESULTS",
    "append_rows",
    "load_landmark_models",
    "load_mmlu_scores",
    "load_model_sizes",
    "read_comments",
    "read_sweep",
    "start_sweep",
]

RESULTS = Path(__file__).resolve().parent.parent / "experiments" / "results"


def read_sweep(name, **wanted):
    """Return the rows of a stored sweep that hold what is wanted, in the order in which they were measured.

    `name` is "data_sweep" for `experiments/results/data_sweep.csv`, or the path of another CSV; `wanted` are columns
    and the values they must have: `seed=0, task="plain"`. A row is a dict from column to value: int where a column
    holds whole numbers only, float where it holds others, "" where a value is missing, and str.

    A FileNotFoundError names the sweeps there are, a ValueError a column that does not exist.
    """
    import pandas

    comments = len(read_comments(name))
    table = pandas.read_csv(_path(name), skiprows=comments, dtype_backend="numpy_nullable")
    if missing := [column for column in wanted if column not in table]:
        raise ValueError(f"wanted: found the columns {missing}, expected some of {[*table]}.")
    table = table.astype(object).where(table.notna(), "")
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table.to_dict("records")


def read_comments(name):
    """Return the lines (list of str) that say how a sweep was made; name and errors as in `read_sweep`."""
    path = _path(name)
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.csv"))) or "none"
        raise FileNotFoundError(f"name: found no {path.name} among the stored sweeps; there are: {there}.")
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]


def start_sweep(name, comments, columns):
    """Begin the CSV of a sweep with comment lines and column names, unless it is there already; return its rows."""
    path = _path(name)
    if not path.exists():
        path.write_text("\n".join([*comments, ",".join(columns)]) + "\n", encoding="utf-8")
    return read_sweep(name)


def append_rows(name, rows):
    """Add measurements to the CSV of a sweep at once, so that a run that is cut off loses nothing before them."""
    with _path(name).open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _path(name):
    return name if isinstance(name, Path) else RESULTS / f"{name}.csv"


COMPUTE_BASES = {
    "stated": "its makers published the number of operations",
    "counted": "calculated from published numbers alone: the network's shape or size, and the examples it saw",
    "estimated": "an assumed share of a processor's speed, a chart, a list, or a mean with one of them",
    "guessed": "what decides it is unpublished (size, passes, processors, time), or it is an upper bound",
}
MODALITIES = ("language", "vision", "image generation", "multimodal", "speech", "games", "biology", "other")
SOURCE = (
    "collected for the course, most figures from Epoch AI, Notable AI Models, "
    "https://epoch.ai/data/notable-ai-models (copy of 2026-05-02)"
)


@dataclass(frozen=True)
class LandmarkModels:
    """Landmark models of machine learning, oldest first, one entry of each field a model.

    Numbers are float64 arrays (n,); a figure that nobody published is NaN. All other fields are arrays (n,) of str.
    All parameters count as active, but in a mixture of experts those of the experts that work, and in an encoder and
    decoder whose data is counted in tokens one half. Of several bases of a figure the least certain counts.
    """

    names: np.ndarray
    years: np.ndarray  # of the first publication (a preprint, a paper, an announcement), whole years
    organisations: np.ndarray
    modalities: np.ndarray  # each one of MODALITIES
    parameters: np.ndarray
    active_parameters: np.ndarray  # used for one token, image or pair of training_data; NaN also where nobody says
    training_flop: np.ndarray  # operations of the final training run
    compute_formulas: np.ndarray  # training_flop as a calculation in numbers, empty where the source has none
    compute_bases: np.ndarray  # one of COMPUTE_BASES, empty where training_flop is NaN
    training_data: np.ndarray  # in data_units, which differ between models
    data_units: np.ndarray  # empty where training_data is NaN
    references: np.ndarray
    urls: np.ndarray
    figures_sources: np.ndarray
    notes: np.ndarray
    source: str
    licence: str

    def __len__(self):
        return len(self.names)


def load_landmark_models():
    """Load the landmark models that the course compares (`LandmarkModels`), 1958 to 2026, in the order of their years.

    Which models count as landmarks is a choice, and trends depend on it.
    """
    import pandas

    file = importlib.resources.files("course_utils") / "files" / "landmark_models.csv"
    numbers = dict.fromkeys(("year", "parameters", "active_parameters", "training_compute_flop", "training_data"), "")
    table = pandas.read_csv(file, keep_default_na=False, na_values=numbers)
    table = table.sort_values("year", kind="stable")
    columns = (table[column].to_numpy(float if column in numbers else str) for column in table)
    return LandmarkModels(*columns, SOURCE, "CC BY, credit: Epoch AI")


def load_model_sizes():
    """Load the sizes of language models that people download or cite, from their published configurations: a DataFrame.

    A row a model, in the order of the years of their papers; the index is the name. Per block: `d_model` numbers a
    token, `heads` of `d_head` numbers, keys and values of `kv_heads` of them, and networks of `matrices` matrices of
    `hidden` columns or rows: one, or `experts` of which a token uses `experts_used`, beside `experts_shared` that it
    always uses. The first `dense_layers` of a mixture have one network, of `dense_hidden`. `attention` and `kept` are
    the weights of a block's attention and the numbers that it keeps for a token. `tied`: one table serves as input and
    output. `norms` of `d_model` and `head_norms` of `d_head` numbers a block, of kind "rms" (scale) or "layer" (scale
    and shift). `window_layers` blocks look back `window` tokens only. `parameters` and `active_parameters` (all but
    unused experts) are as built from the sizes, `stated` and `stated_active` as the makers say, who may leave the
    input's table out. `cache_bytes`: 16 bits for each kept number, a token.
    """
    import pandas

    return pandas.read_csv(importlib.resources.files("course_utils") / "files" / "model_sizes.csv", index_col="name")


def load_mmlu_scores():
    """Load published MMLU scores of language models whose training is published as well, a DataFrame.

    A row a model; the index is the name. `mmlu` is the percentage of right answers to the test's questions of four
    choices each, five examples before each question, before any tuning for chat (Hendrycks et al., 2021,
    arXiv:2009.03300). `active_parameters` are used for one of the `training_tokens`. `gpu_hours` of the training are
    NaN where `source` does not give them; they are of A100s for Llama 2, of H100s for Llama 3, of H800s for
    DeepSeek-V3. Makers score their own models: of the same model, two tables differ by up to one point.
    """
    import pandas

    return pandas.read_csv(importlib.resources.files("course_utils") / "files" / "mmlu_scores.csv", index_col="name")
