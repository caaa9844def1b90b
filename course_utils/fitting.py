"""Fit growth and power laws to measurements, each number with a bootstrap interval."""

from dataclasses import dataclass

import numpy as np

from course_utils.checks import check_count, check_numbers, check_seed

__all__ = ["DoublingTime", "PowerLaw", "doubling_time", "fit_power_law"]

LEVEL = 0.95


@dataclass(frozen=True)
class PowerLaw:
    """The curve a * n ** -b + c, with what the bootstrap found: `samples` (resamples, 3) holds its (a, b, c)."""

    a: float
    b: float
    c: float
    samples: np.ndarray

    def predict(self, n):
        """Return the curve's value at each positive n, an array of the shape of n (a float for one number)."""
        return self.a * _positive("n", n) ** -self.b + self.c

    def interval(self, name):
        """Return the ends (low, high) of the 95 % bootstrap interval of "a", "b" or "c"."""
        names = ("a", "b", "c")
        if name not in names:
            raise ValueError(f"name: found {name!r}, expected one of {', '.join(names)}.")
        return tuple(_quantiles(self.samples[:, names.index(name)]))

    def predict_interval(self, n):
        """Return the ends (..., 2) of the 95 % bootstrap interval of the curve at each positive n (...).

        It holds the uncertainty of the curve. It does not hold the scatter of a new measurement around it, nor the
        chance that the true curve has another shape.
        """
        a, b, c = self.samples.T[..., None]
        n = _positive("n", n)
        curves = a * n.reshape(-1) ** -b + c
        return np.stack(_quantiles(curves), axis=-1).reshape(*n.shape, 2)


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
        years = check_numbers("years", years)
        if not np.isfinite(years).all():
            raise ValueError("years: found NaN or infinity, expected years.")
        return 2.0 ** (self.doublings_a_year * (years - self.middle) + self.level)


def fit_power_law(sizes, errors, *, resamples=500, seed=0):
    """Fit a * n ** -b + c to the mean error at each size, and resample the runs for the intervals.

    Least squares on the logarithm of the error, so that a deviation of 10 % counts the same at each size. a and b are
    positive, and c lies between 0 and the smallest mean error.

    Parameters
    ----------
    sizes : array (sizes,)
        Positive and all different, at least 4: the curve has three free numbers.
    errors : array (runs, sizes)
        0 or larger, not all 0 at one size; a row is one run (one seed) over all sizes. At least 2 runs.
    resamples : int
        How many times the runs are drawn anew, with replacement. A run stays together: its errors depend on each other.
    seed : int
        For the draws.

    Returns
    -------
    PowerLaw

    Raises
    ------
    ValueError
        When a shape does not fit, or a number is missing or out of its range.
    """
    sizes, errors = check_numbers("sizes", sizes), check_numbers("errors", errors)
    if sizes.ndim != 1 or len(sizes) < 4 or not np.isfinite(sizes).all() or sizes.min() <= 0:
        raise ValueError(f"sizes: found shape {sizes.shape}, expected at least 4 positive numbers.")
    if len(np.unique(sizes)) < len(sizes):
        raise ValueError("sizes: found one twice, expected all different. Put repeated runs into the rows of errors.")
    if errors.ndim != 2 or errors.shape[1] != len(sizes) or len(errors) < 2:
        raise ValueError(
            f"errors: found shape {errors.shape}, expected (runs, {len(sizes)}) with at least 2 runs: "
            "one row for each seed."
        )
    if not np.isfinite(errors).all() or errors.min() < 0 or errors.mean(axis=0).min() <= 0:
        raise ValueError("errors: found a number that is negative, NaN or infinite, or a size without any error.")
    check_count("resamples", resamples, 20)
    best = _least_squares(sizes, errors.mean(axis=0))
    random, samples = np.random.RandomState(check_seed(seed)), np.empty((resamples, 3))
    for number in range(resamples):
        rows = random.randint(len(errors), size=len(errors))
        samples[number] = _least_squares(sizes, np.maximum(errors[rows].mean(axis=0), 1e-12), start=best)
    return PowerLaw(*(float(value) for value in best), samples)


def _least_squares(sizes, means, start=None):
    """Return (a, b, c) of the best curve; the search uses the value at the middle size, which is stabler than a."""
    from scipy.optimize import least_squares

    middle = np.exp(np.log(sizes).mean())
    relative, top, log_means = np.log(sizes / middle), means.min(), np.log(means)

    def residuals(point):
        return np.log(np.exp(point[0] - point[1] * relative) + point[2] * top) - log_means

    def slopes(point):
        power = np.exp(point[0] - point[1] * relative)
        return (
            np.stack([power, -power * relative, np.full_like(power, top)], axis=1) / (power + point[2] * top)[:, None]
        )

    if start is None:
        slope = max(0.05, -np.polyfit(relative, log_means, 1)[0])
        starts = [
            (np.log(np.interp(0, relative, means)), slope * factor, share) for factor, share in ((1, 0.01), (2, 0.6))
        ]
    else:
        a, b, c = start
        starts = [(np.log(a) - b * np.log(middle), b, min(0.98, max(0.01, c / top)))]
    bounds = ([-np.inf, 1e-6, 0], [np.inf, np.inf, 1])
    fits = [least_squares(residuals, point, jac=slopes, bounds=bounds) for point in starts]
    level, b, share = min(fits, key=lambda fit: fit.cost).x
    return np.array([np.exp(level + b * np.log(middle)), b, share * top])


def doubling_time(years, values, *, resamples=2000, seed=0):
    """Fit exponential growth to values against time, and return how long it takes them to double.

    Ordinary least squares of log2(value) on the year. The interval resamples the points, pairs of a year and a value.

    Parameters
    ----------
    years : array (n,)
        Times in years, with fractions. At least 3 points, of at least two different times.
    values : array (n,)
        Positive. Drop unknown (NaN) values first, with their years.
    resamples : int
        How many times the points are drawn anew, with replacement.
    seed : int
        For the draws.

    Returns
    -------
    DoublingTime

    Raises
    ------
    ValueError
        When lengths differ, there are too few points, or a number is missing or not positive.
    """
    years, values = check_numbers("years", years), check_numbers("values", values)
    if years.ndim != 1 or years.shape != values.shape or len(years) < 3:
        raise ValueError(f"years, values: found shapes {years.shape} and {values.shape}, expected (n,) twice, n >= 3.")
    if not (np.isfinite(years).all() and np.isfinite(values).all() and values.min() > 0):
        raise ValueError(
            "years, values: found NaN, infinity or a value that is not positive. Drop unknown values first."
        )
    if np.ptp(years) == 0:
        raise ValueError("years: found one time only, expected at least two different ones.")
    check_count("resamples", resamples, 20)
    logs, middle = np.log2(values), years.mean()
    slope = _slopes(years[None], logs[None])[0]
    drawn = np.random.RandomState(check_seed(seed)).randint(len(years), size=(resamples, len(years)))
    drawn = drawn[np.ptp(years[drawn], axis=1) > 0]  # a draw of one time only has no slope
    low, high = _quantiles(_slopes(years[drawn], logs[drawn]))
    return DoublingTime(
        _months(slope), (_months(high), _months(low)), float(slope), float(middle), float(logs.mean()), len(years)
    )


def _slopes(x, y):
    """Return the least-squares slope of each row of y on the same row of x."""
    x = x - x.mean(axis=1, keepdims=True)
    return (x * y).sum(axis=1) / (x**2).sum(axis=1)


def _months(doublings_a_year):
    return float(12 / doublings_a_year) if doublings_a_year > 0 else np.inf


def _quantiles(samples):
    return np.quantile(samples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)


def _positive(name, values):
    values = check_numbers(name, values)
    if not (values > 0).all():  # also false for NaN
        raise ValueError(f"{name}: found a number that is not positive, expected only positive ones.")
    return values
