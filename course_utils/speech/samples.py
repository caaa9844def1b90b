"""Handle sound as samples: float32, one channel, about -1 to 1, 16,000 a second (`SAMPLE_RATE`)."""

import importlib
import importlib.util

import numpy as np

from course_utils.checks import check_array, check_seed, is_number

__all__ = ["SAMPLE_RATE", "SpeechError", "add_noise", "check_samples", "import_package", "load_wav"]

SAMPLE_RATE = 16_000  # samples a second, what Whisper was trained on


class SpeechError(RuntimeError):
    """A package that speech needs is missing, or the synthesiser did not do its work."""


def add_noise(samples, snr_db, seed=0, noise=None):
    """Add noise at a signal-to-noise ratio that holds exactly over the whole of the samples; return float32 (n,).

    The ratio compares mean squares, in decibels, -60 to 120: 20 dB is noise with a hundredth of the speech's power, 0
    dB with the same power, infinity is no noise. The noise is white (Gaussian, each sample on its own, by the seed), or
    another sound (m,), repeated or cut to n samples. What is returned may go beyond -1 to 1; the recogniser does not
    mind.

    A ValueError says that the ratio is no such number, or that speech or noise is silent, empty, not finite or not one
    row.
    """
    samples = check_samples("samples", samples)
    if not is_number(snr_db) or not (-60 <= snr_db <= 120 or snr_db == np.inf):
        raise ValueError(f"snr_db: found {snr_db!r}, expected -60 to 120 decibels, or infinity for no noise.")
    if noise is None:
        noise = np.random.default_rng(check_seed(seed)).standard_normal(len(samples))
    else:
        noise = np.resize(check_samples("noise", noise), len(samples)).astype(np.float64)
    powers = [np.mean(np.square(part, dtype=np.float64)) for part in (samples, noise)]
    for name, power in zip(("samples", "noise"), powers, strict=True):
        if power == 0:
            raise ValueError(f"{name}: found silence, for which there is no signal-to-noise ratio.")
    if snr_db == np.inf:
        return samples.copy()
    scale = np.sqrt(powers[0] / powers[1] / 10 ** (snr_db / 10))
    return (samples + scale * noise).astype(np.float32)


def load_wav(path):
    """Load a sound file of any format that FFmpeg reads, its channels mixed, at `SAMPLE_RATE`, as float32 (n,).

    No such file raises FileNotFoundError, one without sound that can be read, or without samples, ValueError.
    """
    try:
        samples = import_package("faster_whisper").decode_audio(str(path), SAMPLE_RATE)
    except (ValueError, IndexError) as error:  # no format that FFmpeg knows, or no track of sound in it
        raise ValueError(
            f"path: {path} holds no sound that can be read ({error}). Save it as WAV, 16-bit PCM."
        ) from error
    if not samples.size:
        raise ValueError(f"path: {path} holds no samples: the recording is empty. Record it again.")
    return samples


def check_samples(name, samples):
    """Return samples as a float32 array (n,), or raise an error that names the argument."""
    array = check_array(name, samples)
    if not array.size:
        raise ValueError(f"{name}: found none (shape {array.shape}), expected at least one. Is the recording empty?")
    if array.ndim != 1:
        raise ValueError(
            f"{name}: found shape {array.shape}, expected one row of samples, shape (n,). Mix channels first."
        )
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f"{name}: found {array.dtype}, expected floats, about -1 to 1. Divide 16-bit samples by 32768."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: found NaN or infinity at {int(np.argmin(np.isfinite(array)))}, expected numbers.")
    return array.astype(np.float32, copy=False)


def import_package(name):
    """Import a package that speech needs, or raise the error that says how to get it."""
    if importlib.util.find_spec(name) is None:
        raise SpeechError(f"{name}: the package is not installed. Run: pip install -r requirements.txt")
    return importlib.import_module(name)
