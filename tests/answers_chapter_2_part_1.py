"""What people write in the exercises of chapter 2, part 1: bodies of functions, wrong ones and right ones."""


def counted(
    attention="2 * size.d_model * size.d_head * (size.heads + size.kv_heads)",
    network="size.matrices * size.d_model * size.hidden",
    total="attention + (size.experts + size.experts_shared) * network",
    active="attention + (size.experts_used + size.experts_shared) * network",
    result="total, active",
):
    """Return the body of a `block_parameters`, right by default."""
    return f"attention = {attention}\nnetwork = {network}\ntotal = {total}\nactive = {active}\nreturn {result}"


def kept(
    tokens="whole * tokens + windowed * min(tokens, size.window)",
    numbers="2 * size.kv_heads * size.d_head",
    result="texts * kept * numbers * 2",
):
    """Return the body of a `kept_bytes`, right by default."""
    return (
        "whole, windowed = size.layers - size.window_layers, size.window_layers\n"
        f"kept = {tokens}\nnumbers = {numbers}\nreturn {result}"
    )


WRONG = {
    "block_parameters": [
        counted(attention="4 * size.d_model**2"),
        counted(attention="4 * size.d_model * size.d_head * size.heads"),
        counted(attention="4 * size.d_model * size.d_head * size.kv_heads"),
        counted(attention="size.d_model * size.d_head * (size.heads + 2 * size.kv_heads)"),
        counted(attention="size.d_model * size.d_head * (2 * size.heads + size.kv_heads)"),
        counted(attention="size.d_model * size.d_head * (size.heads + size.kv_heads)"),
        counted(attention="0"),
        counted(network="2 * size.d_model * size.hidden"),
        counted(network="3 * size.d_model * size.hidden"),
        counted(network="size.d_model * size.hidden"),
        counted(network="size.matrices * size.d_model**2 * 4"),
        counted(network="size.matrices * (size.d_model + 1) * size.hidden"),
        counted(total="attention + size.experts * network", active="attention + size.experts_used * network"),
        counted(total="attention + size.experts * network"),
        counted(active="attention + size.experts_used * network"),
        counted(active="total"),
        counted(total="attention + network", active="attention + network"),
        counted(active="total * size.experts_used / size.experts"),
        counted(result="active, total"),
        counted(result="total"),
        counted(result="size.layers * total, size.layers * active"),
    ],
    "kept_bytes": [
        kept(numbers="size.kv_heads * size.d_head"),
        kept(result="texts * kept * numbers"),
        kept(result="texts * kept * size.kv_heads * size.d_head"),
        kept(result="texts * kept * numbers * 4"),
        kept(result="texts * kept * numbers * 16"),
        kept(result="kept * numbers * 2"),
        kept(result="texts * kept * numbers * 2 / 1e9"),
        kept(numbers="2 * size.heads * size.d_head"),
        kept(numbers="2 * size.d_head"),
        kept(numbers="2 * size.d_model"),
        kept(tokens="size.layers * tokens"),
        kept(tokens="size.layers * min(tokens, size.window)"),
        kept(tokens="whole * tokens + windowed * size.window"),
        kept(tokens="whole * tokens"),
        kept(tokens="whole * tokens + windowed * max(tokens, size.window)"),
        kept(tokens="tokens + min(tokens, size.window)"),
        kept(
            tokens="whole * texts * tokens + windowed * min(texts * tokens, size.window)",
            result="kept * numbers * 2",
        ),
    ],
}
OTHER_FORMS = {
    "block_parameters": [
        "d, inner, narrow = size['d_model'], size['heads'] * size['d_head'], size['kv_heads'] * size['d_head']\n"
        "attention = sum(a * b for a, b in [(d, inner), (d, narrow), (d, narrow), (inner, d)])\n"
        "network = sum(d * size['hidden'] for _ in range(size['matrices']))\n"
        "shared = attention + size['experts_shared'] * network\n"
        "return [shared + size['experts'] * network, shared + size['experts_used'] * network]",
        "networks = np.array([size.experts, size.experts_used]) + size.experts_shared\n"
        "return size.d_model * (2 * size.d_head * (size.heads + size.kv_heads)\n"
        "                       + networks * size.matrices * size.hidden)",
        "d = float(size.d_model)\nattention = 2 * d * size.d_head * size.heads + 2 * d * size.d_head * size.kv_heads\n"
        "network = d * size.hidden * size.matrices\nactive = attention\n"
        "for _ in range(size.experts_used + size.experts_shared):\n active += network\n"
        "return np.float64(active + (size.experts - size.experts_used) * network), np.float64(active)",
    ],
    "kept_bytes": [
        "total = 0\nfor block in range(size.layers):\n"
        " seen = min(tokens, size.window) if block < size.window_layers else tokens\n"
        " total += seen * size.kv_heads * size.d_head * 4\nreturn total * texts",
        "a_token = np.float64(4 * size['kv_heads'] * size['d_head'])\n"
        "forgotten = size['window_layers'] * max(tokens - size['window'], 0)\n"
        "return a_token * texts * (size['layers'] * tokens - forgotten)",
        "windows = [tokens] * (size.layers - size.window_layers)\n"
        "windows += [tokens if tokens < size.window else size.window] * size.window_layers\n"
        "return int(np.sum(windows)) * texts * 2 * size.kv_heads * size.d_head * 2",
    ],
}
