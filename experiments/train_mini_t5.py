"""Train mini-T5, the small translator that the course carries in models/mini_t5.

    python experiments/train_mini_t5.py DATA_FOLDER [--epochs 5] [--output models/mini_t5] [--work work/mini_t5]

DATA_FOLDER holds train.{fr,de}.tsv.xz and dev.{fr,de}.tsv: English, a tab, the translation. The run shows its progress,
writes a checkpoint to --work every ten minutes, and goes on from there when it is started again. At the end it writes
the model in Hugging Face format (float16) and training.json to --output, and the losses to
experiments/results/mini_t5_training.csv; experiments/score_mini_t5.py then scores it on the dev pairs.
"""

import argparse
import csv
import json
import lzma
import random
import shutil
import time
import unicodedata
from collections import defaultdict
from pathlib import Path

import sentencepiece
from tokenizers import normalizers
from tqdm import tqdm

from course_utils.runtime import load_torch, load_transformers

torch = load_torch()
load_transformers()
from transformers import GenerationConfig, T5Config, T5ForConditionalGeneration, T5Tokenizer  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
LOSSES = ROOT / "experiments" / "results" / "mini_t5_training.csv"
PREFIXES = {"fr": "translate English to French: ", "de": "translate English to German: "}
PAD, EOS = 0, 1
SETTINGS = dict(
    vocabulary=5000,
    d_model=256,
    heads=4,
    d_ff=768,
    encoder_layers=4,
    decoder_layers=2,
    tokens_per_batch=6000,
    learning_rate=3e-2,
    warmup_steps=200,
    decay_share=0.6,
    label_smoothing=0.1,
    longest=64,
    seed=0,
)


def normalise(sentence):
    """Return the sentence in lower case, letters and digits only, as sentences are compared for exclusion."""
    text = unicodedata.normalize("NFKC", sentence).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


def lesson_sentences():
    """Return the normalised English sentences that the lessons test on; no model may train on them."""
    with open(ROOT / "course_utils" / "files" / "phrases.csv", encoding="utf-8", newline="") as file:
        sentences = [row["english"] for row in csv.DictReader(file)]
    return {normalise(s) for s in sentences} | {normalise("Hello, how are you?")}


def read_pairs(folder, language, excluded):
    """Return {English sentence: [translations]} of one training file, and how many pairs were left out."""
    targets, left_out = defaultdict(list), 0
    with lzma.open(Path(folder) / f"train.{language}.tsv.xz", "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            english, translation = line.rstrip("\n").split("\t")[:2]
            if normalise(english) in excluded:
                left_out += 1
            else:
                targets[english].append(translation)
    return dict(targets), left_out


def train_tokenizer(pairs, folder):
    """Train a unigram vocabulary over both sides and save it as a fast tokenizer in `folder`."""
    sentences = [s for language in pairs for e, ts in pairs[language].items() for s in (e, *ts)]
    sentences += list(PREFIXES.values()) * 1000
    model = Path(folder) / "sentencepiece"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(unicodedata.normalize("NFKC", s) for s in sentences),
        model_prefix=str(model),
        vocab_size=SETTINGS["vocabulary"],
        model_type="unigram",
        character_coverage=1.0,
        pad_id=PAD,
        eos_id=EOS,
        unk_id=2,
        bos_id=-1,
        minloglevel=1,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model) + ".model")
    vocabulary = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(len(pieces))]
    tokenizer = T5Tokenizer(vocab=vocabulary, extra_ids=0, additional_special_tokens=[], model_max_length=128)
    tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    tokenizer.save_pretrained(folder)


def encode(pairs, tokenizer):
    """Return [(source ids, [target ids, ...])] of both languages, without sentences that are too long."""
    data = []
    for language, targets in pairs.items():
        english = list(targets)
        sources = tokenizer([PREFIXES[language] + e for e in english])["input_ids"]
        for e, source in zip(english, sources, strict=True):
            options = [t for t in tokenizer(targets[e])["input_ids"] if len(t) <= SETTINGS["longest"]]
            if options and len(source) <= SETTINGS["longest"]:
                data.append((source, options))
    return data


def batches(data, generator):
    """Yield one epoch of (sources, targets): one random target a source, alike in length, in random order."""
    chosen = [(source, generator.choice(options)) for source, options in data]
    chosen.sort(key=lambda pair: (len(pair[1]), len(pair[0]), generator.random()))
    groups, group, longest = [], [], 0
    for pair in chosen:
        longest = max(longest, len(pair[0]) + len(pair[1]))
        if (len(group) + 1) * longest > SETTINGS["tokens_per_batch"]:
            groups.append(group)
            group, longest = [], len(pair[0]) + len(pair[1])
        group.append(pair)
    groups.append(group)
    generator.shuffle(groups)
    for group in groups:
        yield tuple(pad([pair[side] for pair in group]) for side in (0, 1))


def pad(rows):
    """Return int64 (rows, longest) with `PAD` at the right."""
    width = max(map(len, rows))
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def build_model(vocabulary):
    config = T5Config(
        vocab_size=vocabulary,
        d_model=SETTINGS["d_model"],
        d_kv=SETTINGS["d_model"] // SETTINGS["heads"],
        num_heads=SETTINGS["heads"],
        d_ff=SETTINGS["d_ff"],
        num_layers=SETTINGS["encoder_layers"],
        num_decoder_layers=SETTINGS["decoder_layers"],
        dropout_rate=0.0,
        decoder_start_token_id=PAD,
        pad_token_id=PAD,
        eos_token_id=EOS,
        attn_implementation="eager",  # the fused kernel's backward pass is slower on a CPU
    )
    return T5ForConditionalGeneration(config)


def loss_of(model, source, target):
    """Return the label-smoothed cross-entropy a target token (float32 scalar) of one batch, by teacher forcing."""
    decoder_input = torch.cat([torch.full_like(target[:, :1], PAD), target[:, :-1]], dim=1)
    mask = (source != PAD).long()
    logits = model(input_ids=source, attention_mask=mask, decoder_input_ids=decoder_input, use_cache=False).logits
    labels = target.masked_fill(target == PAD, -100)
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), label_smoothing=SETTINGS["label_smoothing"]
    )


def learning_rate(step, steps):
    """Return the base rate at a step: linear warm-up, constant, then linear decay to zero."""
    decay = (steps - step) / (steps * SETTINGS["decay_share"])
    return SETTINGS["learning_rate"] * min(1.0, (step + 1) / SETTINGS["warmup_steps"], max(decay, 0.0))


class Trainer:
    """Master weights in float32, a bfloat16 copy that computes, and steps scaled to each parameter.

    T5's initialisation gives its matrices very different sizes, so one step size for all of them stalls: each
    parameter's learning rate is multiplied by that parameter's root mean square. Weight matrices take Muon's
    orthogonalised steps, which fell faster than AdamW's in short trials; the embedding, the position biases and the
    norms take AdamW's.
    """

    def __init__(self, vocabulary):
        torch.manual_seed(SETTINGS["seed"])
        self.master = build_model(vocabulary).float()
        self.fast = build_model(vocabulary).bfloat16().train()
        self.fast.load_state_dict(self.master.state_dict())
        self.pairs, muon, adam = [], [], []
        for (name, master), fast in zip(self.master.named_parameters(), self.fast.parameters(), strict=True):
            group = dict(params=[master])
            embedding = "shared" in name or "relative_attention_bias" in name
            (muon if master.ndim == 2 and not embedding else adam).append(group)
            self.pairs.append((master, fast))
        self.optimizers = {
            "muon": torch.optim.Muon(muon, momentum=0.95, weight_decay=0.0, ns_steps=4, adjust_lr_fn="match_rms_adamw"),
            "adam": torch.optim.AdamW(adam, betas=(0.9, 0.98), eps=1e-12, weight_decay=0.0, fused=True),
        }

    def step(self, source, target, rate):
        loss = loss_of(self.fast, source, target)
        loss.backward()
        for master, fast in self.pairs:
            master.grad, fast.grad = fast.grad.float(), None
        torch.nn.utils.clip_grad_norm_([master for master, _ in self.pairs], 1.0)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate * group["params"][0].detach().pow(2).mean().sqrt().clamp(min=1e-3).item()
            optimizer.step()
        with torch.no_grad():
            for master, fast in self.pairs:
                fast.copy_(master)
        return loss.item()

    def save(self, path, **state):
        temporary = path.with_suffix(".new")
        state["model"] = self.master.state_dict()
        state["optimizers"] = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self, path):
        state = torch.load(path, weights_only=True)
        self.master.load_state_dict(state["model"])
        self.fast.load_state_dict(state["model"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        return state


def export(model, work, output):
    """Write the model in float16 with its tokenizer to `output`, in Hugging Face format."""
    copy = build_model(model.config.vocab_size)
    copy.load_state_dict(model.state_dict())
    copy.generation_config = GenerationConfig(
        decoder_start_token_id=PAD, pad_token_id=PAD, eos_token_id=EOS, max_new_tokens=SETTINGS["longest"]
    )
    copy.half().save_pretrained(output)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(Path(work) / name, Path(output) / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the pair files")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=ROOT / "models" / "mini_t5")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "work" / "mini_t5", help="folder of tokenizer and checkpoint"
    )
    parser.add_argument("--minutes-between-checkpoints", type=float, default=10)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    excluded = lesson_sentences()
    pairs, left_out = {}, {}
    for language in PREFIXES:
        pairs[language], left_out[language] = read_pairs(arguments.data, language, excluded)
    if not (arguments.work / "tokenizer.json").exists():
        train_tokenizer(pairs, arguments.work)
    tokenizer = T5Tokenizer.from_pretrained(arguments.work)
    data = encode(pairs, tokenizer)
    print(f"{len(data):,} sources; pairs left out because the lessons test on them: {left_out}")

    trainer = Trainer(len(tokenizer))
    checkpoint, first_epoch, done, seconds, history = arguments.work / "checkpoint.pt", 0, 0, 0.0, []
    if checkpoint.exists():
        state = trainer.load(checkpoint)
        first_epoch, done, seconds, history = (state[k] for k in ("epoch", "batch", "seconds", "history"))
        print(f"goes on from epoch {first_epoch}, batch {done}, after {seconds / 3600:.2f} hours")
    per_epoch = sum(1 for _ in batches(data, random.Random(0)))
    steps = per_epoch * arguments.epochs
    saved = start = time.monotonic()
    for epoch in range(first_epoch, arguments.epochs):
        bar = tqdm(
            batches(data, random.Random(SETTINGS["seed"] + epoch)),
            total=per_epoch,
            desc=f"epoch {epoch + 1}",
            mininterval=5,
        )
        for batch, (source, target) in enumerate(bar):
            if epoch == first_epoch and batch < done:
                continue
            step = epoch * per_epoch + batch
            loss = trainer.step(source, target, learning_rate(step, steps))
            if step % 50 == 0:
                bar.set_postfix(loss=f"{loss:.3f}")
                history.append((step, loss))
            if time.monotonic() - saved > 60 * arguments.minutes_between_checkpoints:
                saved = time.monotonic()
                trainer.save(checkpoint, epoch=epoch, batch=batch + 1, seconds=seconds + saved - start, history=history)
    seconds += time.monotonic() - start
    trainer.save(checkpoint, epoch=arguments.epochs, batch=0, seconds=seconds, history=history)
    export(trainer.master, arguments.work, arguments.output)
    record = dict(
        settings=SETTINGS,
        epochs=arguments.epochs,
        steps=steps,
        hours=round(seconds / 3600, 2),
        sources=len(data),
        left_out=left_out,
    )
    (arguments.output / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    with open(LOSSES, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "loss_of_one_batch"])
        writer.writerows((step, round(loss, 4)) for step, loss in history)


if __name__ == "__main__":
    main()
