"""What people write in the exercise of chapter 4, part 3: bodies of a function, wrong ones and right ones."""


def prepared(
    side="min(height, width) * 224 / 256",
    corner="(width - side) / 2, (height - side) / 2",
    box="(left, upper, left + side, upper + side)",
    gives="(resize_box(image, box).astype(float) - 127) / 128",
):
    """Return the body of a `prepare`, right by default."""
    return f"height, width, _ = image.shape\nside = {side}\nleft, upper = {corner}\nbox = {box}\nreturn {gives}"


WRONG = {
    "prepare": [
        prepared(gives="resize_box(image, box)"),
        prepared(gives="(resize_box(image, box) - 127) / 128"),
        prepared(gives="resize_box(image, box) - 127 / 128"),
        prepared(gives="resize_box(image, box).astype(float) - 127"),
        prepared(gives="resize_box(image, box) / 255"),
        prepared(gives="resize_box(image, box) / 127.5 - 1"),
        prepared(gives="(resize_box(image, box)[..., ::-1].astype(float) - 127) / 128"),
        prepared(gives="(resize_box(image, box)[None].astype(float) - 127) / 128"),
        prepared(gives="((resize_box(image, box).astype(float) - 127) / 128).astype(int)"),
        prepared(side="min(height, width)"),
        prepared(side="max(height, width) * 224 / 256"),
        prepared(side="min(height, width) * 224 // 256"),
        prepared(side="224"),
        prepared(corner="(0, 0)"),
        prepared(corner="(width - side) // 2, (height - side) // 2"),
        prepared(corner="(height - side) / 2, (width - side) / 2"),
        prepared(box="(left, upper, side, side)"),
        prepared(box="(upper, left, upper + side, left + side)"),
        prepared(box="(0, 0, width, height)"),
        prepared(box="tuple(round(end) for end in (left, upper, left + side, upper + side))"),
    ],
}
OTHER_FORMS = {
    "prepare": [
        prepared(side="0.875 * min(image.shape[:2])", gives="np.float32(resize_box(image, box)) / 128 - 127 / 128"),
        prepared(
            corner="width / 2 - side / 2, height / 2 - side / 2",
            gives="((resize_box(image, box) - 127.0) / 128).tolist()",
        ),
        "height, width = image.shape[:2]\nif height < width:\n side = height * 7 / 8\nelse:\n side = width * 7 / 8\n"
        "box = np.array([width - side, height - side, width + side, height + side]) / 2\n"
        "pixels = resize_box(image, box).astype('float32')\npixels -= 127\npixels /= 128\nreturn pixels",
    ],
}
