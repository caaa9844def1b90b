"""What people write in the exercises of chapter 3, part 6: bodies of functions, wrong ones and right ones."""


def sliding(
    rows="image.shape[0] - k + 1",
    columns="image.shape[1] - l + 1",
    window="image[r : r + k, c : c + l]",
    total="np.tensordot(window, kernel, 3)",
    shape="rows, columns, c_out",
    gives="z",
):
    """Return the body of a `convolve`, right by default."""
    return (
        f"k, l, c_in, c_out = kernel.shape\nrows, columns = {rows}, {columns}\nz = np.zeros(({shape}))\n"
        f"for r in range(rows):\n for c in range(columns):\n  window = {window}\n  z[r, c] = {total}\nreturn {gives}"
    )


def back(
    x="np.cos(now) * y - np.sin(now) * v",
    kept="np.clip(x, -1, 1)",
    noise="np.sin(now) * y + np.cos(now) * v",
    gives="np.cos(later) * x + np.sin(later) * noise",
):
    """Return the body of a `step_back`, right by default."""
    return f"x = {x}\nx = {kept}\nnoise = {noise}\nreturn {gives}"


WRONG = {
    "convolve": [
        sliding(total="np.tensordot(window, kernel[::-1, ::-1], 3)"),
        sliding(total="np.tensordot(window[..., :1], kernel[:, :, :1], 3)"),
        sliding(total="np.tensordot(window, kernel, 3) / (k * l * c_in)"),
        sliding(total="np.maximum(np.tensordot(window, kernel, 3), 0)"),
        sliding(rows="image.shape[0] - k", columns="image.shape[1] - l"),
        sliding(rows="image.shape[0] // k", columns="image.shape[1] // l", window="image[r * k :, c * l :][:k, :l]"),
        sliding(rows="image.shape[0] - l + 1", columns="image.shape[1] - k + 1"),
        sliding(window="image[:k, :l]"),
        sliding(window="image[c : c + k, r : r + l]"),
        sliding(shape="rows, columns", total="np.sum(window * kernel[..., 0])"),
        sliding(total="np.sum(window * kernel[..., 0])"),
        sliding(gives="np.moveaxis(z, -1, 0)"),
        sliding(gives="z.sum(axis=-1)"),
        sliding(gives="None"),
        "k, l = kernel.shape[:2]\nup, left = k // 2, l // 2\n"
        "image = np.pad(image, [(up, k - 1 - up), (left, l - 1 - left), (0, 0)])\n"
        + sliding().replace("k, l, c_in, c_out = kernel.shape\n", "c_out = kernel.shape[3]\n"),
        "from scipy.signal import convolve2d\n"
        "return np.stack([sum(convolve2d(image[..., m], kernel[..., m, o], mode='valid')"
        " for m in range(kernel.shape[2])) for o in range(kernel.shape[3])], axis=-1)",
    ],
    "step_back": [
        back(kept="x"),
        back(gives="np.clip(np.cos(later) * x + np.sin(later) * noise, -1, 1)", kept="x"),
        back(kept="np.clip(x, 0, 1)"),
        back(gives="np.cos(later) * x + np.sin(later) * np.clip(noise, -1, 1)"),
        back(noise="(y - np.cos(now) * x) / np.sin(now)"),
        back(gives="x"),
        back(gives="np.cos(later) * x"),
        back(gives="np.cos(now) * x + np.sin(now) * noise"),
        back(gives="np.cos(later) * noise + np.sin(later) * x"),
        back(x="np.cos(now) * y + np.sin(now) * v"),
        back(noise="np.cos(now) * v - np.sin(now) * y"),
        back(x="np.cos(now) * y + np.sin(now) * v", noise="np.cos(now) * v - np.sin(now) * y"),
        back(noise="np.random.default_rng(0).standard_normal(y.shape)"),
        back(gives="np.cos(np.radians(later)) * x + np.sin(np.radians(later)) * noise"),
        "return y - (now - later) * v",
        "return y",
    ],
}
OTHER_FORMS = {
    "convolve": [
        sliding(),
        sliding(total="[np.sum(window * kernel[..., o]) for o in range(c_out)]"),
        "h, w, c_in = image.shape\nk, l, _, c_out = kernel.shape\n"
        "return [[[float(sum(image[r + i][c + j][m] * kernel[i][j][m][o]"
        " for i in range(k) for j in range(l) for m in range(c_in)))"
        " for o in range(c_out)] for c in range(w - l + 1)] for r in range(h - k + 1)]",
        "windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape[:2], axis=(0, 1))\n"
        "return np.einsum('rcmij,ijmo->rco', windows, kernel)",
        "from scipy.signal import correlate2d\n"
        "return np.stack([sum(correlate2d(image[..., m], kernel[..., m, o], mode='valid')"
        " for m in range(kernel.shape[2])) for o in range(kernel.shape[3])], axis=-1)",
        sliding(gives="z.astype(np.float32)"),
    ],
    "step_back": [
        "import math\nx = math.cos(now) * y - math.sin(now) * v\nx = np.minimum(np.maximum(x, -1), 1)\n"
        "return math.cos(later) * x + math.sin(later) * (math.sin(now) * y + math.cos(now) * v)",
        back(x="(y - np.tan(now) * v) * np.cos(now)", noise="(v + np.tan(now) * y) * np.cos(now)").replace(
            "np.tan(now)", "(np.sin(now) / np.cos(now))"
        ),
        "turn = np.array([[np.cos(now), np.sin(now)], [-np.sin(now), np.cos(now)]])\n"
        "x, noise = np.linalg.solve(turn, np.stack([y, v]).reshape(2, -1)).reshape(2, *y.shape)\n"
        "return np.cos(later) * x.clip(-1, 1) + np.sin(later) * noise",
        back(gives="(np.cos(later) * x + np.sin(later) * noise).astype(np.float32)"),
        back(gives="(np.cos(later) * x + np.sin(later) * noise).tolist()"),
    ],
}
