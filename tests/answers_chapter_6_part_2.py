"""What people write in the exercises of chapter 6, part 2: bodies of functions, wrong ones and right ones."""


def state(
    network='{f"network.{name}": t for name, t in run.network.state_dict().items()}',
    adam='{f"adam.{i}.{key}": t for i, kept in run.adam.state_dict()["state"].items() for key, t in kept.items()}',
    random='{"random": torch.get_rng_state()}',
    step='{"step": torch.tensor(run.step)}',
):
    """Return the body of a `state_of`, right by default."""
    return f"return {network} | {adam} | {random} | {step}"


def listed(
    length='int.from_bytes(content[:8], "little")',
    header="content[8 : 8 + length]",
    shape='tuple(entry["shape"])',
    kept='name != "__metadata__"',
):
    """Return the body of a `list_tensors`, right by default."""
    return (
        f"length = {length}\nheader = json.loads({header})\n"
        f"return {{name: {shape} for name, entry in header.items() if {kept}}}"
    )


WRONG = {
    "state_of": [
        state(adam="{}", random="{}", step="{}"),
        state(adam="{}"),
        state(random="{}"),
        state(step="{}"),
        state(network="{}"),
        state(network='{f"network.{name}": t for name, t in run.network.named_parameters()}'),
        state(network="run.network.state_dict()"),
        state(random='{"random": torch.tensor(torch.initial_seed())}'),
        state(random='{"random": torch.manual_seed(0).get_state()}'),
        state(random='{"random": torch.Generator().get_state()}'),
        state(step='{"step": run.step}'),
        state(step='{"step": torch.tensor(run.step % 2)}'),
        state(step='{"step": torch.tensor(run.step + 1)}'),
        state(
            adam='{f"adam.{i}.{key}": kept[key] for i, kept in run.adam.state_dict()["state"].items() '
            'for key in ("exp_avg", "exp_avg_sq")}'
        ),
        state(
            adam='{f"adam.{i}.{key}": torch.zeros_like(t) for i, kept in run.adam.state_dict()["state"].items() '
            "for key, t in kept.items()}"
        ),
        state(
            adam='{f"adam.{i}.{key}": kept[key] for i, kept in run.adam.state_dict()["state"].items() '
            'for key in ("step", "exp_avg")}'
        ),
        state(adam='{"adam": run.adam.state_dict()}'),
        'return {"network": run.network.state_dict(), "adam": run.adam.state_dict(), "step": run.step}',
        "return run.network.state_dict(), run.adam.state_dict(), torch.get_rng_state(), run.step",
    ],
    "list_tensors": [
        listed(kept="True"),
        listed(shape="entry"),
        listed(shape='entry["data_offsets"]'),
        listed(shape='int(np.prod(entry["shape"]))'),
        listed(length='int.from_bytes(content[:8], "big")'),
        listed(length="content[0]"),
        listed(header="content[:length]"),
        listed(header="content[8:length]"),
        listed(header="content[8:].decode(errors='replace')[:length]"),
        listed(header='content[8:].split(b"}}")[0] + b"}}"'),
        listed(kept='"shape" not in name and "weight" not in name'),
        "length = int.from_bytes(content[:8], 'little')\nreturn list(json.loads(content[8 : 8 + length]))",
        "length = int.from_bytes(content[:8], 'little')\nreturn json.loads(content[8 : 8 + length])",
    ],
}
OTHER_FORMS = {
    "state_of": [
        state(),
        state(step='{"step": torch.tensor([float(run.step)])}'),
        state(network='{f"network.{name}": t.double() for name, t in run.network.state_dict().items()}'),
        "found = {}\nfor name, tensor in run.network.state_dict().items():\n"
        ' found["network." + name] = tensor.clone()\n'
        "for i, parameter in enumerate(run.network.parameters()):\n"
        " for key, tensor in run.adam.state[parameter].items():\n"
        '  found[f"adam.{i}.{key}"] = tensor.detach().clone()\n'
        'found["random"] = torch.random.get_rng_state()\nfound["step"] = torch.tensor(run.step)\nreturn found',
        "tensors = dict(run.network.named_parameters()) | dict(run.network.named_buffers())\n"
        "state = {'network.' + name: torch.from_numpy(tensor.detach().numpy().copy()) "
        "for name, tensor in tensors.items()}\n"
        "kept = run.adam.state_dict()['state']\nfor i in kept:\n for key in ('step', 'exp_avg', 'exp_avg_sq'):\n"
        "  state['adam.%d.%s' % (i, key)] = kept[i][key]\n"
        "state.update(random=torch.default_generator.get_state(), step=torch.as_tensor(run.step))\nreturn state",
    ],
    "list_tensors": [
        listed(length="sum(byte << 8 * place for place, byte in enumerate(content[:8]))"),
        listed(shape='list(entry["shape"])'),
        listed(length='int(np.frombuffer(content[:8], "<u8")[0])', header='content[8:][:length].decode("utf-8")'),
        "import struct\n(length,) = struct.unpack('<Q', content[:8])\n"
        "header = json.loads(content[8 : 8 + length].decode())\nheader.pop('__metadata__', None)\nfound = {}\n"
        "for name in header:\n found[name] = tuple(header[name]['shape'])\nreturn found",
        "import io\nfile = io.BytesIO(content)\nlength = int.from_bytes(file.read(8), byteorder='little')\n"
        "items = json.loads(file.read(length)).items()\n"
        "return dict((name, tuple(entry['shape'])) for name, entry in items if 'shape' in entry and 'dtype' in entry)",
    ],
}
