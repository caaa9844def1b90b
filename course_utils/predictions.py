"""Ask for a prediction before a result, compare it with the result, and say how sure a learner may be of themselves."""

import contextlib
import json
import numbers

from course_utils import answers
from course_utils.checks import is_number

__all__ = ["outcome", "predict", "summary"]

_ASKED = {}  # this chapter's predictions by name: question, unit, guess, and the result once that was shown
_FILE = "predictions.json"


def predict(name, question, *, low=..., high=..., unit=None, choices=None, choice=..., confidence=...):
    """Ask for a guess and show it: an 80 % range for a number, or one of several choices with a confidence.

    Nothing stops here: an empty or impossible guess is named, and the notebook runs on. A guess is kept in the
    learner's folder; once its result was shown, a changed one no longer counts.

    `name` is what `outcome` calls it later. The learner is 80 % sure that the number lies between `low` and `high`;
    `unit` is of what it counts. With `choices` (a list of str) there is a `choice` in place of a range, and a
    `confidence` in percent, from 100 / number of choices (pure luck) to 100. `...` is no guess.
    """
    asked = _ASKED[name] = {**_load().get(name, {}), "question": question, "unit": unit}
    if choices is None:
        guess, trouble = _range(low, high)
        numbers_of = f"two numbers ({unit})" if unit else "two numbers"
        ask = f"Put {numbers_of} in place of the dots: you are 80 % sure that the answer lies between."
    else:
        guess, trouble = _choice(choices, choice, confidence)
        ask = f"Put {' or '.join(map(repr, choices))} in place of the dots, and how sure you are, in percent."
    print(question)
    if trouble:
        print(f"No guess counts: {trouble}.")
    elif guess is None and "guess" in asked:
        print(f"Your guess from before: {_told(asked['guess'], unit)}.")
    elif guess is None:
        print(f"No guess. {ask}")
    elif "result" in asked and asked["guess"] != guess:
        print("You have seen the result: your first guess counts.")
    else:
        print(f"Your guess: {_told(guess, unit)}.")
        if trouble := _store(name, guess=guess):
            print(trouble)


def _range(low, high):
    """Return (the guess or None, what is wrong with it)."""
    if (low is ... or low is None) and (high is ... or high is None):
        return None, ""
    if not (is_number(low) and is_number(high)):
        return None, f"found {low!r} and {high!r}, expected two numbers"
    if not low <= high:
        return None, f"{low} to {high} is no range, write the smaller number first"
    return {"low": float(low), "high": float(high)}, ""


def _choice(choices, choice, confidence):
    if choice is ... or choice is None:
        return None, ""
    if not isinstance(choice, str) or choice not in choices:
        return None, f"found {choice!r}, expected one of {', '.join(map(repr, choices))}"
    luck = 100 / len(choices)
    if not is_number(confidence) or not luck <= confidence <= 100:
        shown = "none" if confidence is ... else repr(confidence)
        return None, f"found the confidence {shown}, expected a percentage from {luck:.0f} (pure luck) to 100"
    return {"choice": choice, "confidence": float(confidence)}, ""


def _told(guess, unit):
    if "choice" in guess:
        return f"{guess['choice']}, {guess['confidence']:g} % sure"
    return f"{guess['low']:g} to {_number(guess['high'], unit)}"


def _number(value, unit):
    shown = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{shown} {unit}" if unit else shown


def outcome(name, result):
    """Show a result, a number or one of the choices, beside the guess that was made for it."""
    asked = _load().get(name, {})
    unit, guess = asked.get("unit"), asked.get("guess")
    shown = _number(result, unit) if isinstance(result, numbers.Real) else str(result)
    if guess is None:
        print(f"≈ {name}: {shown}. No guess to compare with.")
        return
    result = result if isinstance(result, str) else float(result)
    if "result" not in asked:
        _store(name, result=result)
        asked = _ASKED[name]
    elif asked["result"] != result:
        first = asked["result"] if isinstance(asked["result"], str) else _number(asked["result"], unit)
        shown += f" this time (your guess is judged by the first result, {first})"
    words = ("not right", "right") if "choice" in guess else ("it lies outside your range", "it lies in your range")
    print(f"≈ {name}: {shown}. Your guess was {_told(guess, unit)}: {words[_held(asked)]}.")


def _held(asked):
    guess, result = asked["guess"], asked["result"]
    return result == guess["choice"] if "choice" in guess else guess["low"] <= result <= guess["high"]


def summary():
    """Say how often the learner's 80 % ranges held, and how sure they were of choices against how often right.

    All chapters count that are kept in the learner's folder.
    """
    here, chapter = answers.kept_files(_FILE), _load()
    others = [_read(path) for path in answers.kept_files(_FILE, every_chapter=True) if path not in here]
    settled = [asked for table in (chapter, *others) for asked in table.values() if "result" in asked]
    ranges = [_held(asked) for asked in settled if "low" in asked["guess"]]
    picked = [(asked["guess"]["confidence"], _held(asked)) for asked in settled if "choice" in asked["guess"]]
    if ranges:
        print(f"{sum(ranges)} of your {len(ranges)} ranges held: {sum(ranges) / len(ranges):.0%}. Aim at 80 %.")
        if len(ranges) >= 5 and sum(ranges) / len(ranges) < 0.6:
            print("You are surer than you are right: make your ranges wider.")
    if picked:
        sure = sum(confidence for confidence, _ in picked) / len(picked)
        right = sum(held for _, held in picked)
        print(f"Choices: on average you were {sure:.0f} % sure, and {right} of {len(picked)} were right.")
    if not settled:
        print("You made no guess that met its result yet.")


# In the learner's folder


def _load():
    """Return the chapter's predictions, with those of the learner's folder where there is one."""
    for path in answers.kept_files(_FILE):
        _ASKED.update(_read(path) | _ASKED)
    return _ASKED


def _read(path):
    text, trouble = answers.read_kept(path)
    try:
        table = json.loads(text or "{}")
        for asked in table.values():
            _told(asked["guess"], ""), "result" in asked and _held(asked)
    except (ValueError, TypeError, KeyError, AttributeError):
        table, trouble = {}, f"{path.parent.name}/{path.name} is damaged."
    if trouble:
        with contextlib.suppress(OSError):  # in a folder that cannot be written it keeps its name
            path = path.replace(path.with_suffix(".damaged"))
        print(f"{trouble} The guesses in it do not count; it is now called {path.name}.")
    return table


def _store(name, **news):
    _ASKED[name] = {**_ASKED[name], **news}
    guessed = {name: asked for name, asked in _ASKED.items() if "guess" in asked}
    return answers.keep(_FILE, json.dumps(guessed, indent=1, ensure_ascii=False))
