"""Read a language model's request for the calculator, and compute it: arithmetic, and nothing else."""

import ast
import json
import operator
import re
from fractions import Fraction

__all__ = ["TOOL_PROMPT", "calculate", "read_request"]

TOOL_PROMPT = (
    'You can use a calculator. To use it, write only one line: {"tool": "calculator", "expression": "2 + 3"}. '
    "Otherwise answer.\n\n"
)

LONGEST, LARGEST, DECIMALS = 100, 10**15, 6  # characters of an expression, any number on the way, of the result
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def read_request(text):
    """Return the expression that a text asks the calculator for, or None where the text is no request.

    A request is JSON and nothing else: {"tool": "calculator", "expression": "17 * 24"}.
    """
    try:
        request = json.loads(text[: 2 * LONGEST])  # a longer text is cut, and no JSON any more
    except ValueError:
        return None
    if not isinstance(request, dict) or request.keys() != {"tool", "expression"} or request["tool"] != "calculator":
        return None
    return request["expression"] if isinstance(request["expression"], str) else None


def calculate(expression):
    """Return the value of an expression (str) of numbers, + - * / and parentheses: an int, or a float of 6 decimals.

    The text is parsed to a tree and the tree is walked, so that nothing in it is ever run. ValueError, with a sentence
    for the model, where it is empty, over 100 characters, divides by zero, holds anything else (a name, a power), or
    comes to a number beyond 10 ** 15 on the way.
    """
    if len(expression) > LONGEST:
        raise ValueError(f"the expression has {len(expression)} characters, at most {LONGEST} are allowed")
    if not re.fullmatch(r"[-+*/(). 0-9]+", expression):
        raise ValueError("only numbers, + - * / and parentheses are allowed")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError:
        raise ValueError("this is no complete expression") from None
    value = _walk(tree.body)
    return int(value) if value == int(value) else round(float(value), DECIMALS)


def _walk(node):
    """Return the value of a node of the tree as an exact fraction."""
    if isinstance(node, ast.Constant) and node.value is not ...:  # three dots are a constant of Python, too
        value = Fraction(str(node.value))
    elif isinstance(node, ast.UnaryOp):
        value = _walk(node.operand) * (-1 if isinstance(node.op, ast.USub) else 1)
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        left, right = _walk(node.left), _walk(node.right)
        if isinstance(node.op, ast.Div) and right == 0:
            raise ValueError("division by zero")
        value = OPERATIONS[type(node.op)](left, right)
    else:
        raise ValueError("only numbers, + - * / and parentheses are allowed")
    if abs(value) > LARGEST:
        raise ValueError("the numbers are too large")
    return value
