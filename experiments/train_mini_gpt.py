"""Train mini-GPT, the small text generator in models/mini_gpt, or mini-BERT (--masked), its twin that fills gaps.

    python experiments/train_mini_gpt.py --epochs 8 [--output models/mini_gpt] [--work work/mini_gpt]
    python experiments/train_mini_gpt.py --masked --epochs 5 [--output models/mini_bert] [--work work/mini_gpt]

The text is the documentation inside this Python's own standard library (experiments/python_docs.py). The run shows its
progress, writes a checkpoint to --work every few minutes and at each evaluation, and goes on from there when it is
started again; the learning rate stays constant before it decays, so a later start may ask for more or fewer epochs. The
state with the lowest loss on the validation part is kept, and training stops when that loss has risen for long. At the
end it writes the model in Hugging Face format (float16), the held-out text and training.json to --output, and the
losses to experiments/results (mini_gpt_training.csv, mini_bert_training.csv); experiments/score_mini_gpt.py then scores
both.
"""

import argparse
import csv
import hashlib
import json
import math
import platform
import random
import shutil
import time
from pathlib import Path

import numpy as np
from python_docs import PARTS, load_documents
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from tqdm import tqdm

from course_utils.runtime import load_torch, load_transformers

torch = load_torch()
load_transformers()
from transformers import (  # noqa: E402
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
)

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "experiments" / "results"
PAD, END, MASK = 0, 1, 2  # <pad>, <|endoftext|> (before the first and after every document), <mask>
SPECIAL = 3
SETTINGS = dict(
    vocabulary=4096,
    width=256,
    layers=4,
    heads=4,
    context=256,
    blocks_per_batch=16,
    dropout=0.1,
    matrix_rate=4e-3,
    other_rate=2e-3,
    weight_decay=0.1,
    warmup_steps=60,
    decay_share=0.5,
    patience=4,
    masked_share=0.3,  # hidden in training
    masked_share_scored=0.15,  # as in BERT (Devlin et al., 2019, arXiv:1810.04805)
    masked_blocks_per_batch=8,
    masked_matrix_rate=3e-3,
    masked_inner_width=672,  # of its gated layers: as many parameters as mini-GPT
    masked_window=32,  # tokens that every other layer attends to; the rest attend to all
    seed=0,
)


def train_tokenizer(texts, vocabulary):
    """Return a byte-level BPE tokenizer trained on texts, with the three special tokens first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<|endoftext|>", AddedToken("<mask>", lstrip=True, special=True)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        mask_token=special[2],
        model_max_length=SETTINGS["context"],
    )


def encode(documents, tokenizer):
    """Return the tokens of each module, {module: [ids, ...]}, `END` after every document."""
    encoded = {module: tokenizer(texts, verbose=False)["input_ids"] for module, texts in documents.items()}
    return {module: [i for ids in rows for i in (*ids, END)] for module, rows in encoded.items()}


def stream(modules, order=None):
    """Return one int64 array: `END`, then the tokens of the modules, in their own order or the given one."""
    return np.array([END] + [i for module in order or modules for i in modules[module]])


def training_blocks(modules, epoch):
    """Return int64 (blocks, context + 1) of one epoch: modules in random order, cut at random, blocks shuffled.

    A block's last token is the next one's first, so that each token is predicted once.
    """
    generator = random.Random(SETTINGS["seed"] + epoch)
    order = sorted(modules)
    generator.shuffle(order)
    tokens, context = stream(modules, order), SETTINGS["context"]
    tokens = np.roll(tokens, -generator.randrange(len(tokens)))
    blocks = np.lib.stride_tricks.sliding_window_view(tokens, context + 1)[::context]
    return torch.tensor(np.random.default_rng(SETTINGS["seed"] + epoch).permutation(blocks))


def build_model(vocabulary, masked=False):
    """Return mini-GPT, or mini-BERT of the same size, with random weights.

    Mini-BERT is a ModernBERT: with BERT's own learned positions, a model so small did not learn in a thousand steps
    which word stands next to which; with rotary positions it did in a few hundred.
    """
    shared = dict(vocab_size=vocabulary, pad_token_id=PAD, bos_token_id=END, eos_token_id=END)
    width, layers, heads = SETTINGS["width"], SETTINGS["layers"], SETTINGS["heads"]
    if masked:
        config = ModernBertConfig(
            **shared,
            cls_token_id=END,
            sep_token_id=END,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=SETTINGS["masked_inner_width"],
            max_position_embeddings=SETTINGS["context"],
            local_attention=SETTINGS["masked_window"],
            global_attn_every_n_layers=2,
            embedding_dropout=SETTINGS["dropout"],
            mlp_dropout=SETTINGS["dropout"],
        )
        return ModernBertForMaskedLM(config)
    config = GPT2Config(
        **shared,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        n_positions=SETTINGS["context"],
        activation_function="gelu_pytorch_tanh",
        embd_pdrop=SETTINGS["dropout"],
        resid_pdrop=SETTINGS["dropout"],
        attn_pdrop=0.0,  # dropout inside attention is slow on a CPU
    )
    return GPT2LMHeadModel(config)


def next_token_loss(model, blocks):
    """Return the cross-entropy, in nats a token, of each token of the blocks after those before it."""
    logits = model(input_ids=blocks[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), blocks[:, 1:].flatten())


def hide(tokens, share, generator=None):
    """Return tokens with a share of them hidden as in BERT, and which: of 10, 8 are masked and 1 is made random."""
    chance = torch.rand(tokens.shape, generator=generator)
    others = torch.randint(SPECIAL, SETTINGS["vocabulary"], tokens.shape, generator=generator)
    inputs = torch.where(chance < 0.8 * share, MASK, torch.where(chance < 0.9 * share, others, tokens))
    return inputs, chance < share


def masked_loss(model, blocks, generator=None):
    """Return the cross-entropy, in nats, of hidden tokens of the blocks, given the others.

    A generator makes it hide the same tokens each time, and only the share that is scored.
    """
    tokens = blocks[:, :-1]
    inputs, chosen = hide(tokens, SETTINGS["masked_share_scored" if generator else "masked_share"], generator)
    hidden = model.model(input_ids=inputs, attention_mask=torch.ones_like(inputs)).last_hidden_state[chosen]
    return torch.nn.functional.cross_entropy(model.decoder(model.head(hidden)), tokens[chosen])


def schedule(step, steps):
    """Return the factor of the learning rate at a step: linear warm-up, constant, then linear decay to zero."""
    decay = (steps - step) / (steps * SETTINGS["decay_share"])
    return min(1.0, (step + 1) / SETTINGS["warmup_steps"], max(decay, 0.0))


class Trainer:
    """A model with its optimisers: Muon for the matrices of the layers, AdamW for all else, in float32."""

    def __init__(self, vocabulary, masked=False):
        torch.manual_seed(SETTINGS["seed"])
        self.masked = masked
        self.blocks_per_batch = SETTINGS["masked_blocks_per_batch" if masked else "blocks_per_batch"]
        self.rates = {
            "muon": SETTINGS["masked_matrix_rate" if masked else "matrix_rate"],
            "adam": SETTINGS["other_rate"],
        }
        self.model = build_model(vocabulary, masked).train()
        self.loss = masked_loss if masked else next_token_loss
        matrices, embeddings, vectors = [], [], []
        for name, parameter in self.model.named_parameters():
            inner = ".h." in name or ".layers." in name
            group = vectors if parameter.ndim < 2 else matrices if inner else embeddings
            group.append(parameter)
        decay = SETTINGS["weight_decay"]
        rest = [dict(params=embeddings, weight_decay=decay), dict(params=vectors, weight_decay=0.0)]
        self.optimizers = {
            "muon": torch.optim.Muon(matrices, weight_decay=decay, ns_steps=4, adjust_lr_fn="match_rms_adamw"),
            "adam": torch.optim.AdamW(rest, betas=(0.9, 0.98), fused=True),
        }

    def step(self, blocks, factor):
        """Make one update and return the loss of its batch."""
        loss = self.loss(self.model, blocks)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = factor * self.rates[name]
            optimizer.step()
            optimizer.zero_grad()
        return loss.item()

    @torch.inference_mode()
    def validate(self, tokens):
        """Return the loss on a stream of tokens cut into blocks, with the same tokens hidden each time."""
        blocks = np.lib.stride_tricks.sliding_window_view(tokens, SETTINGS["context"] + 1)[:: SETTINGS["context"]]
        generator = torch.Generator().manual_seed(SETTINGS["seed"])
        extra = (generator,) if self.masked else ()
        self.model.eval()
        parts = torch.tensor(np.ascontiguousarray(blocks)).split(self.blocks_per_batch)
        losses = [(self.loss(self.model, part, *extra).item(), len(part)) for part in parts]
        self.model.train()
        return sum(loss * size for loss, size in losses) / sum(size for _, size in losses)

    def save(self, path, **state):
        """Write everything that the run needs to go on, so that an interrupted write leaves the old file whole."""
        temporary = path.with_suffix(".new")
        state["model"] = self.model.state_dict()
        state["optimizers"] = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        state["random"] = torch.get_rng_state()
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self, path):
        """Read what `save` wrote and return the rest of it."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        torch.set_rng_state(state["random"])
        return state


def prepare(work):
    """Return the documents and the tokenizer; made once and kept in `work`, so that a run goes on with the same."""
    path = work / "documents.json"
    if not path.exists():
        documents = load_documents()
        train_tokenizer(documents.texts("train"), SETTINGS["vocabulary"]).save_pretrained(work)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(vars(documents)), encoding="utf-8")
        temporary.replace(path)
    return json.loads(path.read_text(encoding="utf-8")), PreTrainedTokenizerFast.from_pretrained(work)


def held_out_text(documents):
    """Return the test part as one string: a paragraph a line, an empty line after each document."""
    return "".join(text + "\n\n" for texts in documents["parts"]["test"].values() for text in texts)


def export(weights, masked, work, output):
    """Write a model in float16, with the tokenizer that lies in `work`, to `output`, in Hugging Face format."""
    model = build_model(SETTINGS["vocabulary"], masked)
    model.load_state_dict(weights)
    if not masked:
        model.generation_config = GenerationConfig(
            bos_token_id=END, eos_token_id=END, pad_token_id=PAD, max_new_tokens=60
        )
    model.half().save_pretrained(output)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(work / name, output / name)
    (output / "model.safetensors").chmod(0o644)  # written for the owner alone


def train(trainer, modules, work, epochs, minutes, checkpoint_minutes=3.0):
    """Train until the epochs, the patience or the minutes are over, and return (state, whether it is finished)."""
    checkpoint, validation = work / "checkpoint.pt", stream(modules["validation"])
    state = dict(epoch=0, batch=0, seconds=0.0, history=[], best=math.inf, best_step=0, weights=None, losses=[])
    if checkpoint.exists():
        loaded = trainer.load(checkpoint)
        state |= {key: value for key, value in loaded.items() if key in state}
        print(f"goes on from epoch {state['epoch']}, batch {state['batch']}, after {state['seconds'] / 60:.0f} minutes")
    size = trainer.blocks_per_batch
    per_epoch = math.ceil(len(training_blocks(modules["train"], 0)) / size)
    steps, start, before = per_epoch * epochs, time.monotonic(), state["seconds"]
    saved = start
    while state["epoch"] < epochs:
        batches = training_blocks(modules["train"], state["epoch"]).split(size)
        bar = tqdm(batches, desc=f"epoch {state['epoch'] + 1} of {epochs}", mininterval=10)
        for batch, blocks in enumerate(bar):
            if batch < state["batch"]:
                continue
            loss = trainer.step(blocks, schedule(state["epoch"] * per_epoch + batch, steps))
            state["losses"].append(loss)
            state["batch"], now = batch + 1, time.monotonic()
            state["seconds"] = before + now - start
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if now - saved > 60 * checkpoint_minutes:
                saved = now
                trainer.save(checkpoint, **state)
            if now - start > 60 * minutes:
                trainer.save(checkpoint, **state)
                return state, False
        state["epoch"], state["batch"] = state["epoch"] + 1, 0
        step, validated = state["epoch"] * per_epoch, trainer.validate(validation)
        state["history"].append((step, state["epoch"], sum(state["losses"]) / len(state["losses"]), validated))
        state["losses"] = []
        if validated < state["best"]:
            weights = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
            state.update(best=validated, best_step=step, weights=weights)
        trainer.save(checkpoint, **state)
        print(f"step {step}: validation loss {validated:.4f}, best {state['best']:.4f}", flush=True)
        if step - state["best_step"] >= SETTINGS["patience"] * per_epoch:
            break
    return state, True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masked", action="store_true", help="train mini-BERT instead")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--output", type=Path, help="folder of the finished model")
    parser.add_argument("--work", type=Path, default=ROOT / "work" / "mini_gpt", help="folder of text and checkpoints")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so long, to go on another time")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    name = "mini_bert" if arguments.masked else "mini_gpt"
    output, work = arguments.output or ROOT / "models" / name, arguments.work / name
    work.mkdir(parents=True, exist_ok=True)
    documents, tokenizer = prepare(arguments.work)
    modules = {part: encode(documents["parts"][part], tokenizer) for part in PARTS}
    counts = {part: len(stream(modules[part])) - 1 for part in PARTS}
    print(f"tokens: {counts}")
    trainer = Trainer(SETTINGS["vocabulary"], arguments.masked)
    state, finished = train(trainer, modules, work, arguments.epochs, arguments.minutes)
    if not finished:
        print(f"stopped after {arguments.minutes} minutes; start again to go on")
        return
    export(state["weights"], arguments.masked, arguments.work, output)
    text = held_out_text(documents)
    if not arguments.masked:
        (output / "held_out.txt").write_text(text, encoding="utf-8", newline="\n")
    record = dict(
        settings={k: v for k, v in SETTINGS.items() if arguments.masked or not k.startswith("masked")},
        masked=arguments.masked,
        epochs=arguments.epochs,
        steps=state["history"][-1][0],
        best_step=state["best_step"],
        validation_loss=round(state["best"], 4),
        minutes=round(state["seconds"] / 60, 1),
        parameters=sum(p.numel() for p in trainer.model.parameters()),
        python=platform.python_version(),
        source=documents["source"],
        licence=documents["licence"],
        tokens=counts,
        characters={part: sum(map(len, sum(documents["parts"][part].values(), []))) for part in PARTS},
        documents={part: sum(map(len, documents["parts"][part].values())) for part in PARTS},
        modules={part: len(documents["parts"][part]) for part in PARTS},
        left_out=documents["left_out"],
        test_modules=sorted(documents["parts"]["test"]),
        held_out_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    (output / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    with open(RESULTS / f"{name}_training.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "epoch", "training_loss", "validation_loss"])
        writer.writerows((step, epoch, round(a, 4), round(b, 4)) for step, epoch, a, b in state["history"])


if __name__ == "__main__":
    main()
