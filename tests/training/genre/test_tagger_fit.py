"""Tables and last layers that learn genres: what they find, and what they must not touch."""

import numpy as np
import pytest

from libsep.training.genre.tagger_fit import balanced_weights, fit_head, fit_table

TABLE = np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])


def test_a_table_moves_towards_what_tracks_say_and_zeros_stay() -> None:
    tags = np.array([[0.2, 0.1, 0.3], [0.2, 0.1, 0.3], [0.1, 0.1, 0.6]])
    labels, weights = np.array([0, 0, 1]), np.full(3, 1 / 3)
    fitted = fit_table(tags, labels, weights, TABLE, pull=1e-3)
    np.testing.assert_array_equal(fitted > 0, TABLE > 0)
    assert (tags @ fitted.T).argmax(axis=1).tolist() == [0, 0, 1]
    assert (tags @ TABLE.T).argmax(axis=1).tolist() != [0, 0, 1]
    np.testing.assert_array_equal(fitted[2], TABLE[2])  # no track is of the third genre
    held = fit_table(tags, labels, weights, TABLE, pull=1e6)
    np.testing.assert_allclose(held, TABLE, rtol=1e-4)


def test_a_last_layer_finds_the_features_that_tell() -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, 300)
    features = rng.normal(0, 1, (300, 8))
    features[np.arange(300), labels] += 3
    layer, bias = fit_head(features, labels, np.full(300, 1 / 300), 3, pull=1e-3)
    assert ((features @ layer.T + bias).argmax(axis=1) == labels).mean() > 0.9
    assert np.abs(layer[:, :3]).min() > np.abs(layer[:, 3:]).mean()
    # At the optimum the loss does not change: the gradient of a logistic regression is known.
    logits = features @ layer.T + bias
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    errors = shares - np.eye(3)[labels]
    np.testing.assert_allclose(errors.T @ features / 300 + 2e-3 * layer, 0, atol=1e-5)


def test_neither_a_frequent_genre_nor_a_busy_artist_counts_for_more() -> None:
    pairs = [("rock", "a"), ("rock", "a"), ("rock", "b"), ("jazz", "c")]
    assert balanced_weights(pairs).tolist() == pytest.approx([1 / 8, 1 / 8, 1 / 4, 1 / 2])
