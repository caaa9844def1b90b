"""Fits: they find known curves, their intervals hold the truth about as often as they say, and bad input is refused."""

import numpy as np
import pytest
import scipy.stats

from course_utils.fitting import doubling_time, fit_power_law, held_out_miss, mean_interval, share_interval

SIZES = np.array([60, 120, 250, 500, 1000, 2000])


def noisy_runs(seed, runs=10, a=2.5, b=0.5, c=0.03, deviation=0.08):
    scatter = np.random.RandomState(seed).normal(0, deviation, (runs, len(SIZES)))
    return (a * SIZES**-b + c) * np.exp(scatter)


@pytest.mark.parametrize("a, b, c", [(2.5, 0.5, 0.0), (2.5, 0.5, 0.05), (1.0, 0.2, 0.0), (30, 1.2, 0.02)])
def test_a_power_law_without_noise_is_found(a, b, c):
    law = fit_power_law(SIZES, np.tile(a * SIZES**-b + c, (2, 1)), resamples=20)
    assert law.b == pytest.approx(b, rel=0.01) and law.c == pytest.approx(c, abs=1e-3)
    assert law.predict(4000) == pytest.approx(a * 4000**-b + c, rel=1e-3)


def test_the_intervals_hold_the_true_curve_in_most_draws():
    inside = []
    for seed in range(20):
        law = fit_power_law(SIZES, noisy_runs(seed), resamples=60)
        low, high = law.predict_interval(1000)
        inside.append(low <= 2.5 * 1000**-0.5 + 0.03 <= high)
    assert sum(inside) >= 14  # a bootstrap of 10 runs is a little narrow


def test_shapes_of_what_a_power_law_predicts():
    law = fit_power_law(SIZES, noisy_runs(0), resamples=30)
    assert law.samples.shape == (30, 3) and (law.samples[:, 2] >= 0).all()
    assert law.predict([10, 20]).shape == (2,) and law.predict_interval([10, 20]).shape == (2, 2)
    assert law.predict_interval(10).shape == (2,)
    low, high = law.interval("b")
    assert low < law.b < high


def test_a_power_law_predicts_its_own_formula():
    law = fit_power_law(SIZES, noisy_runs(0), resamples=20)
    assert law.predict(50) == pytest.approx(law.a * 50**-law.b + law.c)
    assert law.predict(np.inf) == law.c
    low, high = law.predict_interval([[50.0]])[0, 0]
    assert low < law.predict(50) < high


def test_four_sizes_are_enough_and_may_be_small():
    sizes = np.array([0.5, 1, 2, 4])
    law = fit_power_law(sizes, np.tile(2 * sizes**-0.5, (2, 1)), resamples=20)
    assert law.predict(sizes) == pytest.approx(2 * sizes**-0.5, rel=1e-3)


def test_what_a_law_misses_is_measured_on_the_runs_that_it_was_fitted_to():
    true = 2.5 * SIZES**-0.5
    luck = np.exp(np.random.RandomState(0).normal(0, 0.1, (10, 1)))  # of a run, at all sizes alike
    runs = true * luck
    law, miss, (low, high) = held_out_miss(SIZES, runs, resamples=100)
    assert law.b == pytest.approx(0.5, abs=1e-3) and abs(miss) < 1e-3 and low <= miss <= high
    ends = law.predict_interval(SIZES[-1])
    assert high - low < 0.01 * (ends[1] - ends[0]), "the runs' luck is in both, and drops out of the difference"
    runs[:, -1] -= 0.01
    _, lower, (low, high) = held_out_miss(SIZES, runs, resamples=100)
    assert lower == pytest.approx(miss - 0.01) and high < -0.009


def test_a_fit_comes_out_the_same_again():
    first, second = (fit_power_law(SIZES, noisy_runs(0), resamples=20) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)


@pytest.mark.parametrize(
    "sizes, errors, argument",
    [
        (SIZES[:3], np.ones((2, 3)), "sizes"),
        ([60, 60, 100, 200], np.ones((2, 4)), "sizes"),
        ([0, 60, 100, 200], np.ones((2, 4)), "sizes"),
        (SIZES, np.ones(6), "errors"),
        (SIZES, np.ones((1, 6)), "errors"),
        (SIZES, np.ones((2, 5)), "errors"),
        (SIZES, np.full((2, 6), np.nan), "errors"),
        (SIZES, np.zeros((2, 6)), "errors"),
        (None, np.ones((2, 6)), "sizes: found None, expected numbers"),
        ("abc", np.ones((2, 6)), "sizes: found 'abc', expected numbers"),
        (SIZES, [["a"] * 6] * 2, "errors: found .*, expected numbers"),
        (SIZES, [[1], [1, 2]], "errors: found rows of different lengths"),
    ],
)
def test_bad_input_to_the_power_law(sizes, errors, argument):
    with pytest.raises(ValueError, match=argument):
        fit_power_law(sizes, errors)


def test_exact_doubling_is_found():
    fit = doubling_time([2000, 2001, 2002], [1, 4, 16])
    assert fit.months == pytest.approx(6) and fit.interval == pytest.approx((6, 6)) and fit.count == 3
    assert fit.predict([2003, 2000]) == pytest.approx([64, 1])


def test_the_interval_of_a_doubling_time_holds_the_truth_in_most_draws():
    inside = []
    for seed in range(100):
        random = np.random.RandomState(seed)
        years = random.uniform(2010, 2026, 40)
        fit = doubling_time(years, 2 ** (2 * (years - 2010) + random.normal(0, 3, 40)))
        inside.append(fit.interval[0] <= 6 <= fit.interval[1])
    assert 85 <= sum(inside) <= 100


def test_without_certain_growth_the_upper_end_is_infinite():
    random = np.random.RandomState(0)
    fit = doubling_time(np.arange(2000, 2010), np.exp(random.normal(0, 1, 10)))
    assert fit.interval[1] == np.inf
    falling = doubling_time([2000, 2001, 2002], [4, 2, 1])
    assert falling.months == np.inf and falling.doublings_a_year == pytest.approx(-1)


@pytest.mark.parametrize(
    "years, values",
    [
        ([2000, 2001], [1, 2]),
        ([2000, 2001, 2002], [1, 2]),
        ([2000, 2000, 2000], [1, 2, 3]),
        ([2000, 2001, 2002], [1, np.nan, 3]),
        ([2000, 2001, 2002], [1, 0, 3]),
        ([2000, 2001, 2002, np.inf], [1, 2, 3, 4]),
        (["2000", "2001", "2002"], [1, 2, 3]),
        (None, [1, 2, 3]),
    ],
)
def test_bad_input_to_the_doubling_time(years, values):
    with pytest.raises(ValueError, match="years"):
        doubling_time(years, values)


def test_interval_of_a_mean_is_students():
    values = [0.1, 0.4, 0.2, 0.3, 0.9]
    mean, interval = mean_interval(values)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean == pytest.approx(0.38) and interval == pytest.approx((expected.low, expected.high))
    assert mean_interval([2, 2]) == (2, (2, 2))


@pytest.mark.parametrize("values", [[], [1], [[1, 2]], [1, np.nan], ["a", "b"], None])
def test_interval_of_a_mean_needs_two_numbers(values):
    with pytest.raises(ValueError, match="values: found"):
        mean_interval(values)


def test_interval_of_a_share_is_exact():
    assert share_interval(0, 10) == pytest.approx((0, 1 - 0.025**0.1))
    assert share_interval(np.int64(10), np.int64(10)) == pytest.approx((0.025**0.1, 1))
    low, high = share_interval(3, 10)
    assert scipy.stats.binom.sf(2, 10, low) == pytest.approx(0.025) == scipy.stats.binom.cdf(3, 10, high)


@pytest.mark.parametrize(("count", "of", "name"), [(1, 0, "of"), (1, 2.5, "of"), (3, 2, "count"), (-1, 2, "count")])
def test_interval_of_a_share_needs_whole_numbers(count, of, name):
    with pytest.raises(ValueError, match=f"^{name}: found"):
        share_interval(count, of)
