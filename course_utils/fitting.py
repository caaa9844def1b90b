"""Fit growth and power laws to measurements, each number with a bootstrap interval."""

from dataclasses import dataclass

import numpy as np

from course_utils.checks import check_count, check_numbers

__all__ = [
    "DoublingTime",
    "PowerLaw",
    "doubling_time",
    "fit_power_law",
    "held_out_miss",
    "mean_interval",
    "resampled_interval",
    "share_interval",
]

ENDS = 0.025, 0.975  # of a 95 % interval


@dataclass(frozen=True)
class PowerLaw:
    """The curve a * n ** -b + c, with what the bootstrap found: `samples` (resamples, 3) holds its (a, b, c)."""

    a: float
    b: float
    c: float
    samples: np.ndarray

    def predict(self, n):
        """Return the curve's value at each positive n, an array of the shape of n (a float for one number)."""
        return self.a * np.asarray(n, float) ** -self.b + self.c

    def interval(self, name):
        """Return the ends (low, high) of the 95 % bootstrap interval of "a", "b" or "c"."""
        return tuple(np.quantile(self.samples[:, ("a", "b", "c").index(name)], ENDS))

    def predict_interval(self, n):
        """Return the ends (..., 2) of the 95 % bootstrap interval of the curve at each positive n (...).

        It holds the uncertainty of the curve. It does not hold the scatter of a new measurement around it, nor the
        chance that the true curve has another shape.
        """
        a, b, c = self.samples.T
        curves = a * np.asarray(n, float)[..., None] ** -b + c
        return np.stack(np.quantile(curves, ENDS, axis=-1), axis=-1)


@dataclass(frozen=True)
class DoublingTime:
    """The line log2(value) = doublings_a_year * (year - middle) + level, fitted to `count` points.

    `months` is the doubling time, 12 / doublings_a_year, and `interval` the ends of its 95 % bootstrap interval. Where
    growth is not certain, the upper end is infinite; `months` is infinite where the values do not grow.
    """

    months: float
    interval: tuple[float, float]
    doublings_a_year: float
    middle: float
    level: float
    count: int

    def predict(self, years):
        """Return the fitted line's value at each year."""
        return 2.0 ** (self.doublings_a_year * (np.asarray(years) - self.middle) + self.level)


def fit_power_law(sizes, errors, *, resamples=500):
    """Fit a * n ** -b + c to the mean error at each size, and resample the runs for the intervals; return a `PowerLaw`.

    Least squares on the logarithm of the error, so that a deviation of 10 % counts the same at each size. a and b are
    positive, and c lies between 0 and the smallest mean error.

    `sizes` (sizes,) are positive and all different, at least 4: the curve has three free numbers. `errors` (runs,
    sizes) are 0 or larger, not all 0 at one size; a row is one run (one seed) over all sizes, and there are at least 2.
    Runs are drawn anew `resamples` times, with replacement. A run stays together: its errors depend on each other. A
    ValueError names what does not fit.
    """
    sizes, errors = check_numbers("sizes", sizes), check_numbers("errors", errors)
    if sizes.ndim != 1 or len(set(sizes)) < max(4, len(sizes)) or not (0 < sizes.min() <= sizes.max() < np.inf):
        raise ValueError(f"sizes: found {sizes}, expected at least 4 positive numbers, all different.")
    if errors.ndim != 2 or errors.shape[1] != len(sizes) or len(errors) < 2:
        raise ValueError(
            f"errors: found shape {errors.shape}, expected (runs, {len(sizes)}) with at least 2 runs: "
            "one row for each seed."
        )
    if not (0 <= errors.min() <= errors.max() < np.inf and errors.mean(axis=0).min() > 0):
        raise ValueError("errors: found a number that is negative, NaN or infinite, or a size without any error.")
    best = _fit_curve(sizes, errors.mean(axis=0))
    means = np.maximum(errors[_drawn_runs(len(errors), resamples)].mean(axis=1), 1e-12)
    return PowerLaw(*map(float, best), np.array([_fit_curve(sizes, one, start=best) for one in means]))


def held_out_miss(sizes, errors, *, resamples=500):
    """Fit a power law to all sizes but the last, and hold its prediction for the last against what was measured there.

    Arguments and errors as in `fit_power_law`, with one size more. Returns the law, the measured minus the predicted
    error, and the ends of that difference's 95 % bootstrap interval: a run is drawn with all its errors, the last as
    well.
    """
    sizes, errors = np.asarray(sizes), np.asarray(errors)
    law = fit_power_law(sizes[:-1], errors[:, :-1], resamples=resamples)
    a, b, c = law.samples.T
    measured = errors[_drawn_runs(len(errors), resamples), -1].mean(axis=1)
    low, high = np.quantile(measured - (a * float(sizes[-1]) ** -b + c), ENDS)
    return law, float(errors[:, -1].mean() - law.predict(sizes[-1])), (float(low), float(high))


def _drawn_runs(runs, resamples):
    return np.random.RandomState(0).randint(runs, size=(resamples, runs))


def _fit_curve(sizes, means, start=None):
    """Return (a, b, c) of the best curve; the search uses the value at the middle size, which is stabler than a."""
    from scipy.optimize import curve_fit

    middle, top = np.exp(np.log(sizes).mean()), means.min()
    relative, log_means = np.log(sizes / middle), np.log(means)

    def curve(relative, level, b, share):
        return np.log(np.exp(level - b * relative) + share * top)

    def slopes(relative, level, b, share):
        power = np.exp(level - b * relative)
        return np.stack([power, -power * relative, np.full_like(power, top)], axis=1) / (power + share * top)[:, None]

    if start is None:
        slope = max(0.05, -np.polyfit(relative, log_means, 1)[0])
        start = np.log(np.interp(0, relative, means)), slope, 0.01
    else:
        a, b, c = start
        start = np.log(a) - b * np.log(middle), b, min(0.98, max(0.01, c / top))
    bounds = [-np.inf, 1e-6, 0], [np.inf, np.inf, 1]
    (level, b, share), _ = curve_fit(curve, relative, log_means, start, jac=slopes, bounds=bounds)
    return np.array([np.exp(level + b * np.log(middle)), b, share * top])


def doubling_time(years, values):
    """Fit exponential growth to values against time, and return how long it takes them to double (`DoublingTime`).

    Ordinary least squares of log2(value) on the year. The interval resamples the points, pairs of a year and a value.
    `years` (n,) are times with fractions, at least 3 points of at least two different times; `values` (n,) are
    positive: drop unknown ones (NaN) first, with their years. A ValueError names what does not fit.
    """
    years, values = check_numbers("years", years), check_numbers("values", values)
    if years.ndim != 1 or years.shape != values.shape or len(years) < 3:
        raise ValueError(f"years, values: found shapes {years.shape} and {values.shape}, expected (n,) twice, n >= 3.")
    if not (0 < np.ptp(years) < np.inf and 0 < values.min() <= values.max() < np.inf):
        raise ValueError(
            "years, values: found NaN, infinity, one time only, or a value that is not positive. Drop unknown values "
            "first."
        )
    logs = np.log2(values)
    slope = float(_slopes(years, logs))
    drawn = np.random.RandomState(0).randint(len(years), size=(2000, len(years)))
    drawn = drawn[np.ptp(years[drawn], axis=1) > 0]  # a draw of one time only has no slope
    low, high = np.quantile(_slopes(years[drawn], logs[drawn]), ENDS)
    return DoublingTime(
        _months(slope), (_months(high), _months(low)), slope, float(years.mean()), float(logs.mean()), len(years)
    )


def mean_interval(values):
    """Return the mean of independent numbers (n,), such as one difference a seed, and the ends of its 95 % t interval.

    A ValueError says that there are fewer than two, or that one is not finite.
    """
    from scipy import stats

    values = check_numbers("values", values)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"values: found shape {values.shape}, expected at least two finite numbers in a row.")
    mean, half = float(values.mean()), float(stats.sem(values) * stats.t.ppf(ENDS[1], len(values) - 1))
    return mean, (mean - half, mean + half)


def share_interval(count, of):
    """Return the ends of the exact 95 % interval (Clopper and Pearson) of the share `count` / `of`, from 0 to 1.

    A ValueError says that `of` is no whole number from 1 on, or `count` none from 0 to `of`.
    """
    from scipy import stats

    of = int(check_count("of", of))
    return tuple(stats.binomtest(int(check_count("count", count, 0, of)), of).proportion_ci())


def _slopes(x, y):
    """Return the least-squares slope of each row of y on the same row of x."""
    x = x - x.mean(axis=-1, keepdims=True)
    return (x * y).sum(axis=-1) / (x**2).sum(axis=-1)


def _months(doublings_a_year):
    return float(12 / doublings_a_year) if doublings_a_year > 0 else np.inf


def resampled_interval(sums, counts, draws):
    """Return the ends of the 95 % bootstrap interval of sum(sums) / sum(counts), two arrays with a number a group (n,).

    Groups are drawn with replacement, by seed 0, so that what belongs together is drawn together.
    """
    drawn = np.random.default_rng(0).integers(0, len(counts), (draws, len(counts)))
    return tuple(np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), ENDS))
