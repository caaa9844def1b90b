"""The table of model sizes: its totals follow from its sizes, and the library builds the same."""

import numpy as np
import pytest

from course_utils.runtime import load_transformers
from course_utils.tables import load_landmark_models, load_model_sizes

MODELS = load_model_sizes()
DENSE = [name for name in MODELS.index if MODELS.experts[name] == 1]
MIXTURES = [name for name in MODELS.index if MODELS.experts[name] > 1]
MARGIN = 1e-4  # of a mixture's total: the sizes do not tell a router's biases and gpt-oss's sinks


def total(size):
    """Return the parameters that follow from the sizes of a row."""
    biased, vectors = size.biases == "yes", 2 if size.norm == "layer" else 1
    width = size.d_model

    def network(hidden):
        return size.matrices * width * hidden + biased * ((size.matrices - 1) * hidden + width)

    shared = size.attention + biased * ((size.heads + 2 * size.kv_heads) * size.d_head + width)
    shared += size.norms * vectors * width + size.head_norms * size.d_head
    router = size.experts * width if size.experts > 1 else 0
    experts = (size.experts + size.experts_shared) * network(size.hidden) + router
    tables = (size.vocabulary * (1 if size.tied == "yes" else 2) + size.positions) * width
    blocks = size.layers * shared + (size.layers - size.dense_layers) * experts
    return tables + blocks + size.dense_layers * network(size.dense_hidden) + vectors * width


def test_the_models_that_chapter_2_speaks_of_are_there():
    assert len(DENSE) >= 10 and len(MIXTURES) >= 5 and MODELS.index.is_unique
    assert MODELS.year.is_monotonic_increasing
    assert MODELS.source_url.str.match(r"https://\S+").all() and MODELS.seen.str.match(r"20\d\d-\d\d-\d\d$").all()


@pytest.mark.parametrize("name", DENSE)
def test_the_total_of_a_dense_model_follows_from_its_sizes(name):
    size = MODELS.loc[name]
    assert total(size) == size.parameters == size.active_parameters


@pytest.mark.parametrize("name", MIXTURES)
def test_the_total_of_a_mixture_follows_from_its_sizes_within_the_margin(name):
    size = MODELS.loc[name]
    assert total(size) == pytest.approx(size.parameters, rel=MARGIN)


def test_what_the_makers_state_agrees():
    assert (MODELS.parameters / MODELS.stated - 1).abs().max() < 0.01
    tables = MODELS.vocabulary * MODELS.d_model
    assert (MODELS.active_parameters * 1.01 > MODELS.stated_active).all()
    assert ((MODELS.active_parameters - tables) * 0.99 < MODELS.stated_active).all()


def test_an_unused_expert_is_the_only_thing_that_is_not_active():
    for name in MIXTURES:
        size = MODELS.loc[name]
        one = size.matrices * size.d_model * size.hidden
        unused = (size.layers - size.dense_layers) * (size.experts - size.experts_used) * one
        assert size.parameters - size.active_parameters == pytest.approx(unused, rel=1e-3)


def test_grouped_queries_keep_fewer_bytes_a_token():
    grouped = MODELS.drop("DeepSeek-V3")
    weights = 2 * grouped.d_model * grouped.d_head * (grouped.heads + grouped.kv_heads)
    assert (grouped.attention == weights).all() and (grouped.kept == 2 * grouped.kv_heads * grouped.d_head).all()
    assert (MODELS.cache_bytes == 2 * MODELS.layers * MODELS.kept).all()
    assert MODELS.cache_bytes["GPT-2 small"] == 2 * 2 * 12 * 768  # every head keeps its own
    assert MODELS.cache_bytes["SmolLM2-135M"] == 23_040 and MODELS.cache_bytes["Mixtral 8x7B"] == 131_072
    alone = 2 * MODELS.layers * 2 * MODELS.heads * MODELS.d_head
    assert (alone / MODELS.cache_bytes)["Llama 3.1 405B"] == 16 and (alone / MODELS.cache_bytes)["GPT-3 175B"] == 1


@pytest.mark.parametrize(
    "name, kind, sizes",
    [
        ("GPT-2 XL", "GPT2", {"n_layer": "layers", "n_embd": "d_model", "n_head": "heads"}),
        ("Llama 3 8B", "Llama", {"intermediate_size": "hidden"}),
        ("Gemma 3 1B", "Gemma3Text", {"intermediate_size": "hidden", "head_dim": "d_head"}),
        ("Qwen3-8B", "Qwen3", {"intermediate_size": "hidden", "head_dim": "d_head"}),
        (
            "Qwen3-30B-A3B",
            "Qwen3Moe",
            {"moe_intermediate_size": "hidden", "head_dim": "d_head", "num_experts": "experts"},
        ),
        ("Mixtral 8x7B", "Mixtral", {"intermediate_size": "hidden", "num_local_experts": "experts"}),
        ("gpt-oss-20b", "GptOss", {"num_local_experts": "experts"}),
        ("DeepSeek-V3", "DeepseekV3", {}),
    ],
)
def test_the_library_builds_as_many_parameters(name, kind, sizes):
    transformers = load_transformers()
    import torch

    size = MODELS.loc[name]
    if kind != "GPT2":
        sizes = sizes | {
            "hidden_size": "d_model",
            "num_hidden_layers": "layers",
            "num_attention_heads": "heads",
            "num_key_value_heads": "kv_heads",
            "vocab_size": "vocabulary",
        }
    values = {key: int(size[column]) for key, column in sizes.items()}
    config = getattr(transformers, f"{kind}Config")(**values, tie_word_embeddings=size.tied == "yes")
    with torch.device("meta"):  # shapes without numbers
        model = transformers.AutoModelForCausalLM.from_config(config)
    model.tie_weights()
    assert model.num_parameters() == size.parameters


def test_the_landmark_models_have_the_same_sizes():
    landmarks = load_landmark_models()
    names = {"GPT-2": "GPT-2 XL", "Llama 3.1 405B": "Llama 3.1 405B", "gpt-oss-120b": "gpt-oss-120b"}
    names |= {name: name for name in ("GPT-3 175B", "Mixtral 8x7B", "DeepSeek-V3")}
    for landmark, name in names.items():
        (row,) = np.flatnonzero(landmarks.names == landmark)
        assert landmarks.parameters[row] == pytest.approx(MODELS.parameters[name], rel=0.005)
        assert landmarks.active_parameters[row] == pytest.approx(MODELS.stated_active[name], rel=0.01)
