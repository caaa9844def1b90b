"""What people write in the exercise of chapter 6, part 1: bodies of functions, wrong ones and right ones."""


def carried(
    cut="rows.reshape(b, n, heads + 2 * key_value_heads, -1).transpose(1, 2)",
    split="[heads, key_value_heads, key_value_heads]",
    turned="torch_rotate(queries, turn), torch_rotate(keys, turn)",
    shared="part.repeat_interleave(heads // key_value_heads, dim=1)",
    attention="torch.nn.functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)",
    joined="found.transpose(1, 2).reshape(b, n, -1)",
):
    """Return the body of a `mix`, right by default."""
    return (
        f"b, n, _ = rows.shape\nparts = {cut}\nqueries, keys, values = parts.split({split}, dim=1)\n"
        f"queries, keys = {turned}\nkeys, values = ({shared} for part in (keys, values))\n"
        f"found = {attention}\nreturn {joined}"
    )


SDPA = "torch.nn.functional.scaled_dot_product_attention(queries, keys, values{})"
MASK = "torch.ones(n, n, dtype=torch.bool)"

WRONG = {
    "mix": [
        carried(shared="part.repeat(1, heads // key_value_heads, 1, 1)"),
        carried(attention=SDPA.format("")),
        carried(attention=SDPA.format(f", attn_mask={MASK}.triu()")),
        carried(attention=SDPA.format(", is_causal=True, scale=1.0")),
        carried(turned="queries, keys"),
        carried(turned="torch_rotate(queries, turn), keys"),
        carried().replace("\nfound =", "\nvalues = torch_rotate(values, turn)\nfound ="),
        carried(joined="found.reshape(b, n, -1)"),
        carried(joined="found.transpose(1, 2)"),
        carried(cut="rows.reshape(b, heads + 2 * key_value_heads, n, -1)"),
        carried(split="[heads, heads + key_value_heads]"),
        carried().replace("queries, keys, values = parts", "queries, values, keys = parts"),
        carried().replace("queries, keys, values = parts", "keys, queries, values = parts"),
        carried(joined="found.transpose(1, 2).reshape(b, n, -1).detach()"),
        carried(joined="found.transpose(1, 2).reshape(b, n, -1).detach().numpy()"),
        carried(joined="found.transpose(1, 2).flatten()"),
        carried(attention=f"(queries @ keys.mT).masked_fill(~{MASK}.tril(), -1e9).softmax(-1) @ values"),
        "return keras_mix(rows, turn, heads, key_value_heads)",
    ]
}

OTHER_FORMS = {
    "mix": [
        carried(shared="part", attention=SDPA.format(", is_causal=True, enable_gqa=True")),
        carried(shared="torch.stack([part] * (heads // key_value_heads), dim=2).flatten(1, 2)"),
        carried(
            attention="(queries @ keys.mT / queries.shape[-1] ** 0.5 + "
            f"torch.where({MASK}.tril(), 0.0, -torch.inf)).softmax(-1) @ values"
        ),
        carried(attention=SDPA.format(f", attn_mask={MASK}.tril()"), joined="found.permute(0, 2, 1, 3).flatten(2)"),
        "b, n, width = rows.shape\nd_head = width // (heads + 2 * key_value_heads)\nfound = []\n"
        "parts = rows.split(d_head, dim=-1)\nfor head in range(heads):\n"
        " place = heads + head // (heads // key_value_heads)\n"
        " query, key = torch_rotate(parts[head], turn), torch_rotate(parts[place], turn)\n"
        " value = parts[place + key_value_heads]\n"
        " found.append(torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True))\n"
        "return torch.cat(found, dim=-1)",
    ]
}
