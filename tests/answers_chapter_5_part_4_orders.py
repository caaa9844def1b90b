"""What people write in the exercises of chapter 5, part 4, second half: bodies of functions, wrong and right ones."""


def loop(
    head="for _ in range(rounds):",
    decide="expression = read_request(text)\n if expression is None:\n  return text",
    compute='try:\n  result = calculate(expression)\n except ValueError as error:\n  result = f"error, {error}"',
    request='messages.append({"role": "assistant", "content": text})',
    result='messages.append({"role": "user", "content": f"calculator: {result}"})',
    gives='return "No answer."',
):
    """Return the body of an `ask_with_tool`, right by default."""
    inner = "\n".join(f" {line}" for line in ("text = reply(messages)", decide, compute, request, result) if line)
    return f'messages = [{{"role": "user", "content": TOOL_PROMPT + question}}]\n{head}\n{inner}\n{gives}'


def kept(
    orders="ignore|forget|disregard|say|write|print|output|answer|reply|respond|question|system|instead|task",
    test="not re.search(rf'\\b({orders})\\b', part.lower()) and part[-1] in '.!?'",
    split=r"(?<=[.!?])\s+|\n+",
    gives="' '.join(parts)",
):
    """Return the body of a `defend`, right by default."""
    cut = f"re.split(r'{split}', text)"
    return f"orders = '{orders}'\nparts = [part for part in {cut} if part and {test}]\nreturn {gives}"


WORDS = "['ignore', 'forget', 'disregard', 'say', 'write', 'print', 'output', 'answer', 'reply', 'respond', 'question']"

WRONG = {
    "ask_with_tool": [
        loop(decide="expression = read_request(text)\n if not expression:\n  return text"),
        loop(head="while rounds > 0:"),
        loop(decide="if 'expression' not in text:\n  return text\n expression = json.loads(text)['expression']"),
        loop(decide="if '{' not in text:\n  return text\n expression = read_request(text) or ''"),
        loop(compute="result = calculate(expression)"),
        loop(result=""),
        loop(request=""),
        loop(result='messages.append({"role": "assistant", "content": f"calculator: {result}"})'),
        loop(result='messages.append({"role": "user", "content": f"{result}"})'),
        loop(result='messages.append({"role": "user", "content": "calculator: " + expression})'),
        loop(compute="try:\n  result = calculate(expression)\n except ValueError:\n  return 'No answer.'"),
        loop(compute="try:\n  result = calculate(expression)\n except ValueError:\n  result = 'error'"),
        loop(gives="return text"),
        loop(head="for _ in range(3):"),
        loop(head="for _ in range(rounds + 1):"),
        loop(result='return f"calculator: {result}"'),
        loop(head="while rounds > 0:", request="rounds -= 1", result=""),
        "return reply([{'role': 'user', 'content': TOOL_PROMPT + question}])",
        "return reply([{'role': 'user', 'content': question}])",
    ],
    "defend": [
        "return text",
        "return ''",
        kept(gives="parts"),
        "print(text)",
        "parts = re.split(r'(?<=[.!?])\\s+', text)\nreturn ' '.join(parts[:-1])",
        "return re.sub(r'\\b[A-Z]{4,}\\b', '', text)",
        "for injection in load_injections('shown'):\n text = text.replace(injection.words, '')\nreturn text",
        "planted = [injection.planted for injection in load_injections('shown')]\n"
        "for part in planted:\n text = text.replace(part, '').strip()\nreturn text",
        kept(test="not re.search(rf'\\b({orders})\\b', part)"),
        kept(orders="ignore"),
        "return '' if re.search('ignore|answer|system|question|write|say', text.lower()) else text",
        kept(orders="the|you|a|is"),
        kept(test="len(part.split()) > 12"),
        "return re.sub(r'(?i)ignore|forget|write|answer|say|system', '', text)",
        "return text.replace('<|', '')",
        "def is_order(part):\n return bool(re.search(r'\\b[A-Z]{4,}\\b', part)) or bool(re.search(\n"
        "  r'\\b(ignore|answer|system|write|say|print|output|reply|respond|question)\\b|<', part.lower()))\n"
        "return ' '.join(p for p in re.split(r'(?<=[.!?])\\s+|\\n+', text) if p and not is_order(p) and p[-1] in '.!')",
    ],
}
OTHER_FORMS = {
    "ask_with_tool": [
        loop(),
        loop(head="while rounds > 0:\n rounds -= 1"),
        loop(result='messages = messages + [dict(role="user", content="calculator: " + str(result))]'),
        "messages = [{'role': 'user', 'content': TOOL_PROMPT + question}]\ncount = 0\n"
        "while True:\n if count == rounds:\n  return 'No answer.'\n count += 1\n text = reply(messages)\n"
        " expression = read_request(text)\n if expression is None:\n  break\n"
        " try:\n  result = str(calculate(expression))\n except Exception as error:\n  result = 'error, ' + str(error)\n"
        " messages += [{'role': 'assistant', 'content': text}, {'role': 'user', 'content': 'calculator: ' + result}]\n"
        "return text",
        "def go(messages, left):\n if left == 0:\n  return 'No answer.'\n text = reply(messages)\n"
        " expression = read_request(text)\n if expression is None:\n  return text\n"
        " try:\n  result = calculate(expression)\n except ValueError as error:\n  result = f'error, {error}'\n"
        " more = [{'role': 'assistant', 'content': text}, {'role': 'user', 'content': f'calculator: {result}'}]\n"
        " return go(messages + more, left - 1)\n"
        "return go([{'role': 'user', 'content': TOOL_PROMPT + question}], rounds)",
    ],
    "defend": [
        kept(),
        kept(test="not re.search(rf'(?i)\\b({orders})\\b|<\\|', part) and part.endswith(('.', '!', '?'))"),
        f"words, kept = {WORDS} + ['system', 'instead', 'task', 'thank'], []\n"
        "for line in text.splitlines():\n"
        " for part in re.split(r'(?<=[.!?]) ', line):\n"
        "  found = set(re.findall(r'[a-z]+', part.lower()))\n"
        "  if part and part[-1] in '.!?' and not found & set(words):\n   kept.append(part)\n"
        "return ' '.join(kept)",
        "first = text.split('\\n')[0]\nwords = 'ignore forget disregard answer reply system write say print'.split()\n"
        "parts = re.split(r'(?<=[.!?])\\s+', first.split('<|')[0])\n"
        "return ' '.join(part for part in parts if not any(word in part.lower().split() or f'{word}:' in part.lower() "
        "or f'{word} ' in part.lower() for word in words))",
    ],
}
