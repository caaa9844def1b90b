"""Measure Whisper's word errors against voice and noise, clip by clip, and store them.

python experiments/speech_sweep.py

Six clips of the course's 40 sentences, spoken by eSpeak NG: once in each voice, and in British English with hiss or a
second speaker at three levels. About a minute on one core. Rows are appended, and what is there already is not
run again: delete the CSV to start afresh.
"""

import os
import platform

from course_utils.data import load_spoken_sentences
from course_utils.runtime import progress
from course_utils.speech.recogniser import load_recogniser
from course_utils.speech.samples import add_noise
from course_utils.speech.synthesiser import join_sentences
from course_utils.speech.words import word_errors
from course_utils.tables import append_rows, start_sweep

VOICES = ("en-gb", "en-gb-x-rp", "en-gb-scotland", "en-us", "en-us-nyc", "en-029", "en-gb+f1", "en-us+f1")
NOISES, LEVELS = ("hiss", "second speaker"), (20, 10, 0)  # dB
COLUMNS = "voice noise snr_db clip seconds words substitutions deletions insertions".split()


def measure(recogniser, clip, noise, level, other):
    """Return the numbers of one clip with one noise: seconds, words, and the three kinds of errors."""
    samples = clip.samples
    if noise:
        samples = add_noise(samples, level, seed=7, noise=other if noise == "second speaker" else None)
    errors = word_errors(clip.text, recogniser.transcribe(samples).text)
    return [round(clip.seconds, 2), errors.words, errors.substitutions, errors.deletions, errors.insertions]


def main():
    texts = [sentence.text for sentence in load_spoken_sentences()]
    head = [
        "# command: python experiments/speech_sweep.py",
        f"# hardware: one thread of {os.cpu_count()} CPU cores ({platform.machine()})",
        "# Whisper tiny.en, int8, beam of 5; eSpeak NG at 150 words a minute, chosen on these same sentences; "
        "seeds: 7 for the hiss",
    ]
    rows = start_sweep("speech_sweep", head, COLUMNS)
    done = {(row["voice"], row["noise"], row["snr_db"], row["clip"]) for row in rows}
    recogniser = load_recogniser(threads=1)
    other = join_sentences(texts[20:30], "en-us+f1")[0].samples
    tasks = [(voice, "", "") for voice in VOICES] + [("en-gb", noise, level) for noise in NOISES for level in LEVELS]
    for voice, noise, level in progress(tasks, description="voices and noises"):
        for number, clip in enumerate(join_sentences(texts, voice)):
            if (voice, noise, level, number) not in done:
                row = [voice, noise, level, number, *measure(recogniser, clip, noise, level, other)]
                append_rows("speech_sweep", [row])


if __name__ == "__main__":
    main()
