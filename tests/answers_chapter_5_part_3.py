"""What people write in the exercises of chapter 5, part 3: bodies of functions, wrong ones and right ones."""


def template(
    system='messages if messages[0]["role"] == "system" else [{"role": "system", "content": system}, *messages]',
    turn="<|im_start|>{m['role']}\\n{m['content']}<|im_end|>\\n",
    end='"<|im_start|>assistant\\n"',
):
    """Return the body of a `chat_text`, right by default."""
    return f'turns = {system}\nreturn "".join(f"{turn}" for m in turns) + {end}'


def decided(
    said="says(answer, accepted)",
    right='"right" if kind == "known" else "abstained"',
    silent="abstains(answer)",
    rest='"wrong" if kind == "known" else "invented"',
):
    """Return the body of a `verdict`, right by default."""
    return f'if {said}:\n return {right}\nif {silent}:\n return "abstained"\nreturn {rest}'


WRONG = {
    "chat_text": [
        'roles = [m["role"] for m in messages]\ncontents = [m["content"] for m in messages]\n'
        'if "system" not in roles:\n roles.insert(0, "system")\n contents.insert(0, system)\n'
        'turns = ["<|im_start|>%s\\n%s<|im_end|>" % pair for pair in zip(roles, contents)]\n'
        'return "\\n".join([*turns, "<|im_start|>assistant\\n"])',
        'messages.insert(0, {"role": "system", "content": system})\n' + template(system="messages"),
        template(end='""'),
        template(end='"<|im_start|>assistant"'),
        template(end='"<|im_start|>assistant\\n<|im_end|>"'),
        template(end='"<|im_start|>assistant\\n<|im_end|>\\n"'),
        template(system="messages"),
        template(system='[{"role": "system", "content": system}, *messages]'),
        template(system="messages[-1:]"),
        template(system='[{"role": "system", "content": system}, messages[-1]]'),
        template(turn="<|im_start|>{m['role']}\\n{m['content']}<|im_end|>"),
        template(turn="<|im_start|>{m['role']}\\n{m['content']}\\n"),
        template(turn="<|im_start|>{m['role']}\\n{m['content']}\\n<|im_end|>\\n"),
        template(turn="<|im_start|>{m['role']} {m['content']}<|im_end|>\\n"),
        template(turn="<|im_start|> {m['role']}\\n{m['content']}<|im_end|>\\n"),
        template(turn="<|im_start|>{m['role']}\\n{m['content'].strip()}<|im_end|>\\n"),
        template(turn="{m['role']}: {m['content']}\\n"),
        template(turn="{m['content']}\\n"),
        template().replace('"".join', '"\\n".join'),
        "return [message['content'] for message in messages]",
    ],
    "verdict": [
        decided(silent="False"),
        decided(said="False"),
        decided(said="answer in accepted"),
        decided(said="any(text in answer for text in accepted)"),
        decided(said="any(text.lower() in answer.lower() for text in accepted)"),
        decided(said="bool(accepted) and says(answer, accepted[:1])"),
        decided(right='"right"'),
        decided(right='"right" if kind == "known" else "invented"'),
        decided(silent='answer == "I do not know."'),
        decided(silent='abstains(answer) and kind == "unanswerable"'),
        decided(silent="answer and abstains(answer)"),
        decided(rest='"wrong"'),
        decided(rest='"invented"'),
        decided(rest='"invented" if kind == "known" else "wrong"'),
        'if abstains(answer):\n return "abstained"\n' + decided(),
        decided().replace('"abstained"', '"abstains"'),
        "return says(answer, accepted)",
        'if kind == "known":\n return "right" if says(answer, accepted) else "wrong"\n'
        'return "abstained" if abstains(answer) else "invented"',
    ],
}
OTHER_FORMS = {
    "chat_text": [
        template(
            system="([] if messages[0]['role'] == 'system' else [dict(role='system', content=system)]) + messages"
        ),
        'text = ""\nif messages[0]["role"] != "system":\n text = "<|im_start|>system\\n" + system + "<|im_end|>\\n"\n'
        'for m in messages:\n text += "<|im_start|>" + m["role"] + "\\n" + m["content"] + "<|im_end|>\\n"\n'
        'return text + "<|im_start|>assistant\\n"',
        'roles = [m["role"] for m in messages]\ncontents = [m["content"] for m in messages]\n'
        'if roles[0] != "system":\n roles.insert(0, "system")\n contents.insert(0, system)\n'
        'turns = ["<|im_start|>%s\\n%s<|im_end|>" % pair for pair in zip(roles, contents)]\n'
        'return "\\n".join([*turns, "<|im_start|>assistant\\n"])',
    ],
    "verdict": [
        'found, silent = says(answer, accepted), abstains(answer)\nif kind == "known":\n'
        ' return "right" if found else "abstained" if silent else "wrong"\n'
        'return "abstained" if found or silent else "invented"',
        'good = {"known": "right", "unanswerable": "abstained"}\nbad = {"known": "wrong", "unanswerable": "invented"}\n'
        "if any(says(answer, [text]) for text in accepted):\n return good[kind]\n"
        'return "abstained" if abstains(answer) else bad[kind]',
        "match kind:\n case 'known' if says(answer, accepted):\n  return 'right'\n"
        " case 'unanswerable' if says(answer, accepted):\n  return 'abstained'\n"
        "if not answer.strip() or abstains(answer):\n return 'abstained'\n"
        "return {'known': 'wrong'}.get(kind, 'invented')",
    ],
}
