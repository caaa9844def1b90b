"""What people write in the exercises of chapter 6, part 3: bodies of functions, wrong ones and right ones."""


def stream(
    text="line.decode().strip()",
    end='line == "data: [DONE]"',
    wanted='line.startswith("data: ")',
    event='json.loads(line.removeprefix("data: "))',
    choices='event["choices"]',
    content='choice["delta"].get("content")',
    given="content",
):
    """Return the body of a `read_stream`, right by default."""
    return (
        f"for line in lines:\n line = {text}\n if {end}:\n  return\n if {wanted}:\n  event = {event}\n"
        f"  for choice in {choices}:\n   content = {content}\n   if {given}:\n    yield content"
    )


def stepped(rate="np.float32(rate)", before="pass", step="step"):
    """Return the body of a `run_steps`, right by default."""
    return f"{before}\nfor rate in rates:\n x = {step}(x, {rate})\nreturn x"


def softmax(powers="torch.exp(logits)", right="probabilities[torch.arange(len(labels)), labels]", end="mean()"):
    """Return the body of a `label_loss` that goes through probabilities: wrong by default."""
    return (
        f"powers = {powers}\nprobabilities = powers / powers.sum(dim=1, keepdim=True)\n"
        f"right = {right}\nreturn -torch.log(right).{end}"
    )


def line(loss="((layer(x)[:, 0] - y) ** 2).mean()", steps=60, rate=0.5, zero="optimiser.zero_grad()", before="pass"):
    """Return the body of a `fit_line`, right by default."""
    return (
        f"{before}\nlayer = torch.nn.Linear(1, 1)\noptimiser = torch.optim.SGD(layer.parameters(), lr={rate})\n"
        f"for _ in range({steps}):\n loss = {loss}\n {zero}\n loss.backward()\n optimiser.step()\n"
        "return layer.weight.item(), layer.bias.item()"
    )


def asked(before="network.eval()", logits="network(x)", end=".argmax(dim=1).numpy()"):
    """Return the body of a `likeliest`, right by default."""
    return f"{before}\nwith torch.no_grad():\n return ({logits}){end}"


LOSSES = 'losses = torch.nn.functional.cross_entropy(logits[:, :-1].mT, ids[:, 1:], reduction="none")\n'

WRONG = {
    "read_stream": [
        stream(end="False", wanted='line.startswith("data: ") and "[DONE]" not in line'),
        stream(wanted="True", event="json.loads(line[6:])"),
        stream(wanted="line", event='json.loads(line.removeprefix("data: "))'),
        stream(text='line.decode("ascii").strip()'),
        stream(text='line.decode("latin-1").strip()'),
        stream(text="str(line)"),
        stream(end='"[DONE]" in line'),
        stream(choices='event["choices"][:1]', content='choice["delta"]["content"]'),
        stream(choices='[event["choices"][0]]'),
        stream(given="True"),
        stream(given='"content" in choice["delta"]'),
        stream(content='(choice["delta"].get("content") or "").strip()'),
        stream(content='choice.get("message", {}).get("content")'),
        stream(text='line.decode().strip().replace("data: ", "")', end='line == "[DONE]"', wanted='"{" in line'),
        "pieces = []\n"
        + stream().replace("yield content", "pieces.append(content)").replace("return", "return pieces"),
        "whole = list(lines)\n" + stream().replace("in lines", "in whole"),
    ],
    "run_steps": [
        stepped("rate"),
        stepped("rate", before="import tensorflow as tf\nstep = tf.function(step)"),
        stepped("rate", step="step.python_function"),
        stepped("int(rate)"),
        stepped("round(rate, 1)"),
        stepped("np.float32(rates[0])"),
        stepped("str(rate)"),
        "for rate in dict.fromkeys(rates):\n x = step(x, np.float32(rate))\nreturn x",
        "return step(x, np.float32(sum(rates)))",
        "for rate in rates:\n step(x, np.float32(rate))\nreturn x",
        "for rate in rates:\n x = step(x, np.float32(rate))",
        "for rate in rates:\n x = x - rate * x\nreturn x",
        "import tensorflow as tf\nfor rate in rates:\n x = tf.function(step.python_function)(x, np.float32(rate))\n"
        "return x",
    ],
    "label_loss": [
        softmax(),
        softmax(right="probabilities[torch.arange(len(labels)), labels].clamp(min=1e-9)"),
        softmax(powers="torch.exp(logits.clamp(-50, 50))"),
        softmax(powers="torch.exp(logits.double())"),
        softmax(powers="torch.exp(logits - logits.max(dim=1, keepdim=True).values)"),
        softmax(right="probabilities[torch.arange(len(labels)), labels] + 1e-9"),
        softmax(powers="torch.exp(logits / logits.abs().max().clamp(min=20) * 20)"),
        softmax(end="nanmean()"),
        softmax().replace("return -torch.log(right).mean()", "return torch.nan_to_num(-torch.log(right).mean())"),
        "return torch.nn.functional.cross_entropy(logits.double(), labels).detach().float()",
        "return torch.nn.functional.cross_entropy(logits, labels).item()",
        "return torch.nn.functional.cross_entropy(logits, labels, reduction='sum')",
        "return torch.nn.functional.cross_entropy(torch.softmax(logits, dim=1), labels)",
        "return torch.log_softmax(logits, dim=1)[torch.arange(len(labels)), labels].mean()",
        "return -torch.log_softmax(logits, dim=0)[torch.arange(len(labels)), labels].mean()",
    ],
    "fit_line": [
        line("((layer(x) - y) ** 2).mean()"),
        line("((layer(x) - y) ** 2).mean()", steps=600),
        line("((layer(x) - y) ** 2).mean()", rate=0.1),
        line("((layer(x) - y) ** 2).sum()", rate=0.001),
        line("((layer(x) - y) ** 2).sum()"),
        line("((layer(x) - y[None]) ** 2).mean()"),
        line("((layer(x).T - y[:, None]) ** 2).mean()"),
        line("((layer(x) - y).abs()).mean()"),
        line("((layer(x).mean() - y) ** 2).mean()"),
        line("((layer(x)[0] - y) ** 2).mean()"),
        line(zero="pass"),
        line().replace("layer.weight.item(), layer.bias.item()", "layer.bias.item(), layer.weight.item()"),
    ],
    "likeliest": [
        asked("pass"),
        asked("network.train()"),
        asked("torch.manual_seed(0)"),
        asked("pass", "torch.stack([network(x) for _ in range(20)]).mean(dim=0)"),
        asked("pass", "torch.stack([network(x).argmax(dim=1) for _ in range(9)])", ".mode(dim=0).values.numpy()"),
        asked("network[1].eval() if hasattr(network[1], 'p') else None"),
        asked(end=".argmax(dim=0).numpy()"),
        asked(end=".max(dim=1).values.numpy()"),
        asked("network = torch.nn.Sequential(network[0], network[2], network[3])"),
    ],
    "text_loss": [
        "return model(input_ids=ids[:, :-1], labels=ids[:, 1:]).loss",
        "return model(input_ids=ids[:, :-1], labels=ids[:, :-1]).loss",
        "return model(input_ids=ids[:, 1:], labels=ids[:, 1:]).loss",
        "return model(input_ids=ids[:, 1:], labels=ids[:, :-1]).loss",
        "return model(input_ids=ids, labels=torch.roll(ids, -1, dims=1)).loss",
        "return model(input_ids=ids, labels=torch.roll(ids, 1, dims=1)).loss",
        "return torch.nn.functional.cross_entropy(model(input_ids=ids).logits[0], ids[0])",
        "return model(input_ids=ids, labels=ids).loss * (ids.shape[1] - 1)",
        "return model(input_ids=ids, labels=ids).loss.item()",
        "with torch.no_grad():\n return model(input_ids=ids, labels=ids).loss",
    ],
    "batch_loss": [
        LOSSES + "return losses.mean()",
        LOSSES + "return (losses * counted[:, 1:]).mean()",
        LOSSES + "return (losses * counted[:, :-1]).sum() / counted[:, :-1].sum()",
        LOSSES + "return losses[counted[:, :-1] == 1].mean()",
        LOSSES + "return ((losses * counted[:, 1:]).sum(dim=1) / counted[:, 1:].sum(dim=1)).mean()",
        LOSSES + "return losses[ids[:, 1:] != 0].mean()",
        LOSSES + "return (losses * counted[:, 1:]).sum()",
        LOSSES + "return (losses * counted[:, 1:]).sum() / counted.sum()",
        LOSSES + "return losses[counted[:, 1:]].mean()",
        LOSSES + "return losses[counted[:, 1:] == 1].mean().item()",
        LOSSES + "return losses.median()",
        "return torch.nn.functional.cross_entropy((logits * counted[..., None])[:, :-1].mT, ids[:, 1:])",
        "return torch.nn.functional.cross_entropy(logits[:, :-1].mT, (ids * counted)[:, 1:], ignore_index=0)",
    ],
}
OTHER_FORMS = {
    "read_stream": [
        'for line in lines:\n if not line.startswith(b"data: "):\n  continue\n data = line[6:].strip()\n'
        ' if data == b"[DONE]":\n  break\n choices = json.loads(data)["choices"]\n'
        ' text = choices and choices[0]["delta"].get("content")\n if text:\n  yield text',
        'for line in lines:\n field, _, data = line.decode("utf-8").rstrip("\\n").partition(": ")\n'
        ' if field != "data":\n  continue\n if data == "[DONE]":\n  return\n event = json.loads(data)\n'
        ' yield from (c["delta"]["content"] for c in event["choices"] if c["delta"].get("content") is not None)',
        "def pieces():\n " + stream().replace("\n", "\n ") + "\nreturn pieces()",
        stream(given="content is not None"),
    ],
    "run_steps": [
        stepped("tf.constant(rate)", before="import tensorflow as tf"),
        stepped("rate", before="rates = np.array(rates, np.float32)"),
        stepped(
            "rate",
            before="import tensorflow as tf\nrates = [tf.convert_to_tensor(rate, tf.float32) for rate in rates]",
        ),
        "import functools\nreturn functools.reduce(lambda x, rate: step(x, np.array(rate, np.float32)), rates, x)",
    ],
    "label_loss": [
        "return torch.nn.functional.cross_entropy(logits, labels)",
        "right = logits[torch.arange(len(labels)), labels]\nreturn (torch.logsumexp(logits, dim=1) - right).mean()",
        "logits = logits - logits.max(dim=1, keepdim=True).values\nsums = torch.exp(logits).sum(dim=1)\n"
        "return (torch.log(sums) - logits.gather(1, labels[:, None])[:, 0]).mean()",
        "rows = torch.log_softmax(logits.double(), dim=1)\n"
        "return -sum(row[label] for row, label in zip(rows, labels)) / len(labels)",
    ],
    "fit_line": [
        line("((layer(x) - y[:, None]) ** 2).mean()"),
        line("((layer(x).squeeze(1) - y) ** 2).mean()"),
        line("torch.nn.functional.mse_loss(layer(x).flatten(), y)"),
        line("((layer(x) - y.reshape(x.shape)) ** 2).mean()", steps=200),
    ],
    "likeliest": [
        asked("network.train(False)"),
        "was = network.training\nnetwork.eval()\nwith torch.inference_mode():\n found = network(x)\n"
        "network.train(was)\nreturn found.argmax(dim=1).tolist()",
        "import copy\nwith torch.no_grad():\n return copy.deepcopy(network).eval()(x).argmax(dim=1)",
        asked(logits="torch.stack([network(row[None])[0] for row in x])"),
    ],
    "text_loss": [
        "return model(ids, labels=ids).loss",
        "logits = model(input_ids=ids).logits[0, :-1]\nreturn torch.nn.functional.cross_entropy(logits, ids[0, 1:])",
        "rows = model(input_ids=ids[:, :-1]).logits[0].log_softmax(dim=1)\n"
        "return -sum(row[token] for row, token in zip(rows, ids[0, 1:])) / (ids.shape[1] - 1)",
        "return model(input_ids=ids, labels=ids.clone(), attention_mask=torch.ones_like(ids))[0]",
    ],
    "batch_loss": [
        LOSSES + "return losses[counted[:, 1:].bool()].mean()",
        "wanted = ids.masked_fill(counted == 0, -100)\n"
        "return torch.nn.functional.cross_entropy(logits[:, :-1].mT, wanted[:, 1:])",
        LOSSES + "kept = [row[: int(n) - 1] for row, n in zip(losses, counted.sum(dim=1))]\n"
        "return torch.cat(kept).mean()",
        LOSSES + "weights = counted[:, 1:].double() / counted[:, 1:].sum()\nreturn (losses * weights).sum()",
    ],
}
