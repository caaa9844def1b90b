"""The calculator computes what a model asks for, and runs nothing."""

import pytest

from course_utils.calculator import calculate, read_request


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("17 * 24", 408),
        (" (1050 + 132) / 3", 394),
        ("2.40 * 15", 36),
        ("0.1 + 0.2", 0.3),
        ("10 / 3", 3.333333),
        ("-3 - -5", 2),
        ("+4", 4),
        ("1000000 * 1000000000", 10**15),
    ],
)
def test_it_computes_exactly_and_a_whole_result_is_whole(expression, value):
    found = calculate(expression)
    assert found == value and isinstance(found, type(value))


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("7 / 0", "division by zero"),
        ("1 / (2 - 2)", "division by zero"),
        ("9 ** 9", "only numbers"),
        ("7 // 2", "only numbers"),
        ("7 % 2", "only numbers"),
        ("__import__('os').listdir()", "only numbers"),
        ("pi", "only numbers"),
        ("1,104 * 8", "only numbers"),
        ("(1)(2)", "only numbers"),
        ("...", "only numbers"),
        ("(0).0", "no complete expression"),
        ("1e9", "only numbers"),
        ("٣ + 4", "only numbers"),
        ("2\n+ 3", "only numbers"),
        ("", "only numbers"),
        (" ", "no complete expression"),
        ("1 +", "no complete expression"),
        ("((1)", "no complete expression"),
        ("1 2", "no complete expression"),
        ("007", "no complete expression"),
        ("1000000000000000 + 1", "too large"),
        ("9 * 9999999999999999 / 9999999999999999", "too large"),
        ("1" * 101, "101 characters"),
        ("(" * 60 + "1" + ")" * 60, "121 characters"),
    ],
)
def test_it_refuses_everything_else_with_a_sentence(expression, told):
    with pytest.raises(ValueError, match=told):
        calculate(expression)


@pytest.mark.filterwarnings("error")
def test_nested_as_deep_as_its_length_allows_it_still_computes():
    assert calculate("(" * 49 + "1" + ")" * 49) == 1
    assert calculate("-" * 99 + "1") == -1


def test_a_request_is_json_and_nothing_else():
    assert read_request('{"tool": "calculator", "expression": "17 * 24"}') == "17 * 24"
    assert read_request(' {"expression":"1","tool":"calculator"}\n') == "1"
    for text in (
        "",
        "The expression is 17 * 24.",
        "17 * 24",
        "408",
        "null",
        "[1]",
        '{"tool": "calculator", "expression": "1"} Wait.',
        'I ask: {"tool": "calculator", "expression": "1"}',
        '{"tool": "calculator", "expression": 17}',
        '{"tool": "calculator", "expression": 17 * 24}',
        '{"tool": "shell", "expression": "1"}',
        '{"tool": "calculator"}',
        '{"tool": "calculator", "expression": "1", "file": "x"}',
        "[" * 100_000,
        '{"tool": "calculator", "expression": "%s"}' % ("1" * 500),
    ):
        assert read_request(text) is None, text
