"""What people write in the exercises of chapter 3's first part: wrong answers, and right ones of another form."""

STEP = "z = z - z.max(axis=1, keepdims=True)\nlog_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))\n"


def backpropagation(
    forward="np.maximum(inputs[-1] @ W + b, 0)",
    logits=STEP,
    loss="-log_p[rows, labels].mean()",
    slope="(np.exp(log_p) - np.eye(z.shape[1])[labels]) / len(x)",
    bias="dz.sum(axis=0)",
    mask="da * (a > 0)",
    order="gradients.insert(0, (a.T @ dz, db))",
    gives="loss, gradients, da",
):
    """Return the body of a `backward`, right by default."""
    return (
        f"rows, inputs = np.arange(len(labels)), [x]\nfor W, b in layers[:-1]:\n inputs.append({forward})\n"
        f"z = inputs[-1] @ layers[-1][0] + layers[-1][1]\n{logits}loss = {loss}\ndz = {slope}\ngradients = []\n"
        f"for (W, _), a in zip(layers[::-1], inputs[::-1]):\n db = {bias}\n {order}\n da = dz @ W.T\n dz = {mask}\n"
        f"return {gives}"
    )


def adam(
    m="beta_1 * m + (1 - beta_1) * dw",
    v="beta_2 * v + (1 - beta_2) * dw**2",
    m_hat="m / (1 - beta_1**t)",
    v_hat="v / (1 - beta_2**t)",
    new="w - learning_rate * m_hat / (v_hat**0.5 + epsilon)",
    gives="w, m, v",
):
    """Return the body of an `adam_step`, right by default."""
    return f"m = {m}\nv = {v}\nm_hat = {m_hat}\nv_hat = {v_hat}\nw = {new}\nreturn {gives}"


ROW_BY_ROW = """import math
loss, totals, dx = 0.0, [[np.zeros_like(W), np.zeros_like(b)] for W, b in layers], []
for row, label in zip(x, labels):
    seen = [row]
    for W, b in layers[:-1]:
        seen.append(np.array([max(s, 0.0) for s in seen[-1] @ W + b]))
    z = seen[-1] @ layers[-1][0] + layers[-1][1]
    total = max(z) + math.log(sum(math.exp(s - max(z)) for s in z))
    loss += (total - z[label]) / len(x)
    dz = np.array([math.exp(s - total) - (j == label) for j, s in enumerate(z)]) / len(x)
    for k in reversed(range(len(layers))):
        totals[k][0] += np.outer(seen[k], dz)
        totals[k][1] += dz
        da = layers[k][0] @ dz
        dz = np.where(seen[k] > 0, da, 0)
    dx.append(da)
return [loss, [[W, b] for W, b in totals], np.array(dx)]"""

WRONG = {
    "backward": [
        backpropagation(loss="-log_p[rows, labels].sum()"),
        backpropagation(loss="log_p[rows, labels].mean()"),
        backpropagation(slope="np.exp(log_p) - np.eye(z.shape[1])[labels]"),
        backpropagation(slope="(np.eye(z.shape[1])[labels] - np.exp(log_p)) / len(x)"),
        backpropagation(slope="np.exp(log_p) / len(x)"),
        backpropagation(mask="da"),
        backpropagation(mask="da * a"),
        backpropagation(forward="inputs[-1] @ W + b", mask="da"),
        backpropagation(bias="dz.mean(axis=0)"),
        backpropagation(bias="dz"),
        backpropagation(order="gradients.append((a.T @ dz, db))"),
        backpropagation(order="gradients.insert(0, ((a.T @ dz).T, db))"),
        backpropagation(gives="loss, gradients, dz"),
        backpropagation(gives="loss, gradients"),
        backpropagation(logits="log_p = np.log(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))\n"),
        backpropagation(logits="z = z - z.max()\nlog_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))\n"),
        backpropagation(logits="z = z - z[:, :1]\nlog_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))\n"),
    ],
    "adam_step": [
        adam(m_hat="m", v_hat="v"),
        adam(m_hat="m / (1 - beta_1)", v_hat="v / (1 - beta_2)"),
        adam(m_hat="m / (1 - beta_1 * t)", v_hat="v / (1 - beta_2 * t)"),
        adam(m="dw", m_hat="m"),
        adam(v="beta_2 * v + (1 - beta_2) * dw"),
        adam(new="w + learning_rate * m_hat / (v_hat**0.5 + epsilon)"),
        adam(new="w - learning_rate * m_hat / (v_hat + epsilon)"),
        adam(new="w - learning_rate * m_hat"),
        adam(new="w - learning_rate * m_hat / (v_hat + epsilon)**0.5"),
        adam(new="w - learning_rate * m_hat / v_hat**0.5"),
        adam(
            m="0.9 * m + 0.1 * dw", v="0.999 * v + 0.001 * dw**2", m_hat="m / (1 - 0.9**t)", v_hat="v / (1 - 0.999**t)"
        ),
        adam(new="w - learning_rate * m_hat / (v_hat**0.5 + 1e-7)"),
        adam(gives="w, m_hat, v_hat"),
        adam(gives="w"),
        "return 0.9, 0.4, 0.016",
    ],
}
OTHER_FORMS = {
    "backward": [
        backpropagation(),
        backpropagation(
            forward="(inputs[-1] @ W + b) * (inputs[-1] @ W + b > 0)", gives="[loss, tuple(gradients), da]"
        ),
        backpropagation(mask="np.where(a > 0, da, 0)", bias="np.ones(len(x)) @ dz"),
        backpropagation(logits="log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)\n"),
        ROW_BY_ROW,
    ],
    "adam_step": [
        adam(gives="[w, m, v]"),
        adam(m="m + (1 - beta_1) * (dw - m)", v="v + (1 - beta_2) * (dw * dw - v)"),
        adam(
            m_hat="m / (1 - beta_1**t)",
            v_hat="np.sqrt(v / (1 - beta_2**t))",
            new="w - learning_rate * m_hat / (v_hat + epsilon)",
            gives="(w, m, v)",
        ),
        "m = beta_1 * m + (1 - beta_1) * dw\nv = beta_2 * v + (1 - beta_2) * dw**2\n"
        "rate = learning_rate * (1 - beta_2**t) ** 0.5 / (1 - beta_1**t)\n"
        "return w - rate * m / (v**0.5 + epsilon * (1 - beta_2**t) ** 0.5), m, v",
    ],
}
