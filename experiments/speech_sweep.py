"""Let Whisper write down sentences in several voices and noises, clip by clip, and store what it wrote.

python experiments/speech_sweep.py

First the speaking rate, on 40 of the course's phrases for translation, in two voices: the fastest one whose word error
rate is within a point of the lowest is the one that the synthesiser has (`speech_rate.csv`). Then 100 other sentences,
in 20 clips of five: in each voice, and in British English with hiss or a second speaker at three levels; each clip
without the safeguards of the library's default settings and with them (`speech_sweep.csv`). Where no threshold is
passed, the safeguards have nothing to do, so that text is taken for both. Each voice and each noise is heard by a
recogniser that was loaded for it, so that no text depends on what was drawn for another. About nine minutes on one
core. Rows are appended, and what is there already is not run again: delete the CSV to start afresh.
"""

import os
import platform

import jiwer

from course_utils.data import load_phrases, load_spoken_sentences
from course_utils.runtime import progress
from course_utils.speech.recogniser import load_recogniser
from course_utils.speech.samples import add_noise
from course_utils.speech.synthesiser import WORDS_PER_MINUTE, join_sentences
from course_utils.speech.words import normalise_text
from course_utils.tables import append_rows, start_sweep

RATES, RATE_VOICES = (120, 150, 180, 210), ("en-gb", "en-us")  # words a minute
VOICES = ("en-gb", "en-gb-x-rp", "en-us", "en-us-nyc", "en-029")
NOISES, LEVELS = ("hiss", "second speaker"), (20, 10, 0)  # dB
RATE_COLUMNS = "words_per_minute voice clip words changes".split()
COLUMNS = "voice noise snr_db safeguards clip compression temperature text".split()


def clip_sentences():
    """Return the sentences of each clip: of those on which the rate is chosen, and of all others."""
    phrases = load_phrases().english
    scored = [sentence.text for sentence in load_spoken_sentences()] + list(phrases[40:100])
    return [[each[i : i + n] for i in range(0, len(each), n)] for each, n in ((phrases[:40], 4), (scored, 5))]


def count_errors(said, written):
    """Return how many words must be substituted, deleted or inserted, and how many were said."""
    found = jiwer.process_words(normalise_text(said), normalise_text(written))
    return found.substitutions + found.deletions + found.insertions, found.hits + found.substitutions + found.deletions


def measure(recogniser, samples):
    """Return for both settings the largest compression ratio and temperature, and the text."""
    heard = {0: recogniser.transcribe(samples, safeguards=False)}
    trouble = any(piece.compression_ratio > 2.4 or piece.mean_log_probability < -1 for piece in heard[0].segments)
    heard[1] = recogniser.transcribe(samples) if trouble else heard[0]
    found = {}
    for safeguards, transcript in heard.items():
        compression = max((piece.compression_ratio for piece in transcript.segments), default=0)
        temperature = max((piece.temperature for piece in transcript.segments), default=0)
        found[safeguards] = [round(compression, 2), temperature, transcript.text]
    return found


def main():
    for_rate, scored = clip_sentences()
    head = [
        "# command: python experiments/speech_sweep.py",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()})",
    ]
    model = "# Whisper tiny.en, int8, beam of 5"
    phrases = "the first 40 phrases of course_utils/files/phrases.csv, four a clip"
    normaliser = "word errors after OpenAI's normaliser for English"
    rows = start_sweep("speech_rate", [*head, f"{model}, default settings; {phrases}; {normaliser}"], RATE_COLUMNS)
    done = {(row["words_per_minute"], row["voice"], row["clip"]) for row in rows}
    recogniser = load_recogniser(threads=1)
    tasks = [(rate, voice, number) for rate in RATES for voice in RATE_VOICES for number in range(len(for_rate))]
    for rate, voice, number in progress([task for task in tasks if task not in done], description="speaking rates"):
        [clip] = join_sentences(for_rate[number], voice, rate)
        changes, words = count_errors(clip.text, recogniser.transcribe(clip.samples).text)
        append_rows("speech_rate", [[rate, voice, number, words, changes]])

    settings = f"{model}; eSpeak NG at {WORDS_PER_MINUTE} words a minute; seeds: 7 for the hiss, 0 for drawn tokens"
    rows = start_sweep("speech_sweep", [*head, settings], COLUMNS)
    done = {(row["voice"], row["noise"], row["snr_db"]) for row in rows}
    conditions = [(voice, "", "") for voice in VOICES] + [
        ("en-gb", noise, level) for noise in NOISES for level in LEVELS
    ]
    [other] = join_sentences(for_rate[0], "en-us+f1")
    todo = [condition for condition in conditions if condition not in done]
    for voice, noise, level in progress(todo, description="voices and noises"):
        recogniser, measured = load_recogniser(threads=1), []
        for number, sentences in enumerate(scored):
            [clip] = join_sentences(sentences, voice)
            samples = clip.samples
            if noise:
                samples = add_noise(samples, level, seed=7, noise=other.samples if noise == "second speaker" else None)
            for safeguards, heard in measure(recogniser, samples).items():
                measured.append([voice, noise, level, safeguards, number, *heard])
        append_rows("speech_sweep", measured)


if __name__ == "__main__":
    main()
