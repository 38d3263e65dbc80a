"""hubel.metrics against their definitions, in loops."""

import hubel
import numpy as np
import pytest
from hubel import metrics

RNG = np.random.default_rng(7)


def share(part, whole):
    return part / whole if whole else 0.0


def reference(labels, predictions, classes):
    """The table of counts, and (precision, recall, f1, support) of each class."""
    table = np.zeros((classes, classes), np.int64)
    for label, prediction in zip(labels, predictions):
        table[label, prediction] += 1
    scores = []
    for c in range(classes):
        precision, recall = share(table[c, c], table[:, c].sum()), share(table[c, c], table[c].sum())
        scores.append((precision, recall, share(2 * precision * recall, precision + recall), table[c].sum()))
    return table, np.array(scores)


@pytest.mark.parametrize("classes, m", [(1, 5), (2, 40), (3, 7), (10, 300), (7, 0)])
def test_counts_and_scores(classes, m):
    labels, predictions = RNG.integers(0, classes, m), RNG.integers(0, max(classes - 1, 1), m)
    table, scores = reference(labels, predictions, classes)
    counted = metrics.confusion_matrix(labels, predictions, classes)
    assert counted.dtype == np.int64 and np.array_equal(counted, table)
    of_each = metrics.precision_recall_fscore_support(labels, predictions, classes)
    np.testing.assert_allclose(np.stack(of_each, 1), scores, rtol=1e-14)
    assert of_each[3].dtype == np.int64
    weights = {"macro": np.full(classes, 1 / classes), "weighted": scores[:, 3] / max(m, 1)}
    for average, weight in weights.items():
        result = metrics.precision_recall_fscore_support(labels, predictions, classes, average)
        np.testing.assert_allclose(result[:3], weight @ scores[:, :3], rtol=1e-13)
        assert result[3] is None
    accuracy = share(np.trace(table), m)
    assert metrics.precision_recall_fscore_support(labels, predictions, classes, "micro")[:3] == (accuracy,) * 3
    assert metrics.accuracy_score(labels, predictions) == pytest.approx(accuracy, rel=1e-15)


def test_the_scores_by_themselves():
    labels, predictions = RNG.integers(0, 2, 50), RNG.integers(0, 2, 50)
    _, scores = reference(labels, predictions, 2)
    for i, score in enumerate((metrics.precision_score, metrics.recall_score, metrics.f1_score)):
        assert score(labels, predictions) == pytest.approx(scores[1, i], rel=1e-14)
        np.testing.assert_allclose(score(labels, predictions, average=None), scores[:, i], rtol=1e-14)
        assert score(labels, predictions, average="macro") == pytest.approx(scores[:, i].mean(), rel=1e-14)
        assert score([0, 0], [0, 0]) == 0.0


def test_forms_of_labels():
    labels, predictions = RNG.integers(0, 4, 30), RNG.integers(0, 4, 30)
    labels[0] = 3
    expected = metrics.confusion_matrix(labels, predictions)
    rows = np.eye(4, dtype=np.float32)
    for y in (labels.tolist(), labels.astype("u1"), labels[:, None], labels.astype(float), rows[labels], labels.reshape(5, 6)):
        p = predictions.reshape(5, 6) if np.shape(y) == (5, 6) else predictions
        assert np.array_equal(metrics.confusion_matrix(y, p), expected)
        assert np.array_equal(metrics.confusion_matrix(y, rows[p]), expected)


def test_they_are_the_model_s():
    x, y = RNG.random((60, 5, 5, 1), dtype=np.float32), RNG.integers(0, 3, 60)
    model = hubel.Sequential([hubel.Flatten(), hubel.Dense(3, "softmax")], (5, 5, 1))
    model.compile(metrics=["top_2_accuracy"])
    _, accuracy, top_2 = model.evaluate(x, y)
    probabilities = model.predict(x)
    assert metrics.accuracy_score(y, probabilities) == pytest.approx(accuracy)
    assert metrics.top_k_accuracy_score(y, probabilities) == pytest.approx(top_2)


def test_top_k():
    scores = RNG.random((20, 6))
    labels = RNG.integers(0, 6, 20)
    for dtype in (np.float32, np.float64):
        for k in (1, 2, 5, 6, 100):
            ranks = np.argsort(-scores.astype(dtype), axis=1, kind="stable")[:, :k]
            expected = np.mean(np.any(ranks == labels[:, None], axis=1))
            assert metrics.top_k_accuracy_score(labels, scores.astype(dtype), k) == pytest.approx(expected)
    pixels = metrics.top_k_accuracy_score(labels.reshape(4, 5), scores.reshape(4, 5, 6), 3)
    assert pixels == metrics.top_k_accuracy_score(labels, scores, 3)
    assert metrics.top_k_accuracy_score(np.zeros(0, int), np.zeros((0, 6))) == 0


def test_metrics_of_elements():
    t, y = RNG.random((7, 3)), RNG.normal(size=(7, 3))
    assert metrics.mean_absolute_error(t, y) == pytest.approx(np.abs(y - t).mean(), rel=1e-12)
    assert metrics.mean_absolute_error(t.astype("f4"), y.astype("f4")) == pytest.approx(np.abs(y - t).mean(), rel=1e-6)
    assert metrics.mean_absolute_error([1, 2], [1, 4]) == 1
    for threshold in (0.0, 0.5):
        assert metrics.binary_accuracy(t, y, threshold) == pytest.approx(np.mean((y > threshold) == (t > 0.5)))
    assert metrics.mean_absolute_error([], []) == metrics.binary_accuracy([], []) == 0


@pytest.mark.parametrize(
    "call, error, said",
    [
        (lambda: metrics.confusion_matrix([0, 1], [0]), ValueError, r"labels are of shape \(2,\), but predictions of \(1,\)"),
        (lambda: metrics.confusion_matrix([0, 1], [0, 1], 1), ValueError, r"labels must be in \[0, 1\), got 1"),
        (lambda: metrics.confusion_matrix([0, 0], [0, 1], 1), ValueError, r"predictions must be in \[0, 1\), got 1"),
        (lambda: metrics.confusion_matrix([0, -1], [0, 0]), ValueError, r"labels must be in \[0, 1\), got -1"),
        (lambda: metrics.confusion_matrix([0.5], [0]), ValueError, "labels must be whole numbers"),
        (lambda: metrics.confusion_matrix([0], [np.inf]), ValueError, "predictions must be whole numbers"),
        (lambda: metrics.confusion_matrix([0], [np.nan]), ValueError, "predictions must be whole numbers"),
        (lambda: metrics.confusion_matrix(["a"], [0]), TypeError, "labels must be numbers"),
        (lambda: metrics.confusion_matrix(0, 0), ValueError, "labels must have an axis"),
        (lambda: metrics.confusion_matrix([], []), ValueError, "classes must be given"),
        (lambda: metrics.confusion_matrix([0], [0], 0), ValueError, r"classes must be in \[1, 32768\], got 0"),
        (lambda: metrics.confusion_matrix([10**9], [0]), ValueError, "classes must be in"),
        (lambda: metrics.confusion_matrix([0], [0], 1.5), TypeError, "classes must be an integer"),
        (lambda: metrics.f1_score([0, 2], [0, 1]), ValueError, "average='binary' goes with two classes"),
        (lambda: metrics.f1_score([0, 1], [0, 1], 3), ValueError, "average='binary' goes with two classes"),
        (lambda: metrics.recall_score([0], [0], average="samples"), ValueError, "average must be None or one of 'binary'"),
        (lambda: metrics.accuracy_score([0], [0, 1]), ValueError, "labels are of shape"),
        (lambda: metrics.top_k_accuracy_score([0], np.zeros((2, 3))), ValueError, r"scores have shape \(2, 3\), they must be"),
        (lambda: metrics.top_k_accuracy_score([3], np.zeros((1, 3))), ValueError, r"labels must be in \[0, 3\), got 3"),
        (lambda: metrics.top_k_accuracy_score([0], np.zeros((1, 3)), 0), ValueError, "k must be at least 1"),
        (lambda: metrics.top_k_accuracy_score([0], np.zeros((1, 3)), 1.5), TypeError, "k must be an integer"),
        (lambda: metrics.top_k_accuracy_score([0], [["a", "b"]]), TypeError, "scores must be numbers"),
        (lambda: metrics.top_k_accuracy_score([0], [[1, 2], [3]]), ValueError, "scores must be an array, .* different"),
        (lambda: metrics.accuracy_score([[0], [1, 2]], [0, 1]), ValueError, "labels must be an array, .* different"),
        (lambda: metrics.accuracy_score(np.ma.array([0, 1]), [0, 1]), TypeError, "labels must be a plain numpy.ndarray"),
        (lambda: metrics.binary_accuracy([0, 1], [0, 1], "a"), TypeError, "threshold must be a number, got 'a'"),
        (lambda: metrics.binary_accuracy([0, 1], [0, np.nan]), ValueError, "outputs have a NaN"),
        (lambda: metrics.accuracy_score([0, 1], [[np.nan, 1], [0, 1]]), ValueError, "predictions have a NaN"),
        (lambda: metrics.binary_accuracy([0, 1], [0]), ValueError, r"outputs are of shape \(1,\), but targets of \(2,\)"),
        (lambda: metrics.mean_absolute_error(["a"], [0]), TypeError, "targets must be numbers"),
    ],
)  # fmt: skip
def test_what_does_not_fit(call, error, said):
    with pytest.raises(error, match=rf"^[a-z_0-9]+: {said}"):
        call()


# --- areas, intersections, squares


def area(positive, scores):
    """By all pairs, of which equal ones count one half."""
    pairs = [(a, b) for a, p in zip(scores, positive) if p for b, q in zip(scores, positive) if not q]
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)


@pytest.mark.parametrize("levels", [3, 1000])  # of scores: many equal ones, or few
def test_areas_under_the_curve(levels):
    labels = RNG.integers(0, 2, 60)
    scores = RNG.integers(0, levels, 60) / levels + 0.1 * labels
    expected = pytest.approx(area(labels == 1, scores), rel=1e-13)
    assert metrics.roc_auc_score(labels, scores) == metrics.roc_auc_score(labels, scores[:, None]) == expected
    assert metrics.roc_auc_score(labels, np.exp(scores)) == expected  # their order alone counts
    labels, rows = RNG.integers(0, 4, 60), RNG.integers(0, levels, (60, 4)) / levels
    areas = np.array([area(labels == c, rows[:, c]) for c in range(4)])
    np.testing.assert_allclose(metrics.roc_auc_score(labels, rows, average=None), areas, rtol=1e-13)
    assert metrics.roc_auc_score(labels, rows) == pytest.approx(areas.mean(), rel=1e-13)
    weighted = areas @ np.bincount(labels, minlength=4) / 60
    assert metrics.roc_auc_score(np.eye(4)[labels], rows, "weighted") == pytest.approx(weighted, rel=1e-13)
    assert metrics.roc_auc_score([0, 1, 1], [-np.inf, 0.5, np.inf]) == 1


@pytest.mark.parametrize("classes, m", [(1, 5), (2, 40), (5, 200), (4, 0)])
def test_intersections_over_unions(classes, m):
    labels, predictions = RNG.integers(0, classes, m), RNG.integers(0, max(classes - 1, 1), m)
    both = np.array([np.sum((labels == c) & (predictions == c)) for c in range(classes)])
    either = np.array([np.sum((labels == c) | (predictions == c)) for c in range(classes)])
    shares = np.array([share(b, e) for b, e in zip(both, either)])
    score = metrics.jaccard_score
    np.testing.assert_allclose(score(labels, predictions, classes, None), shares, rtol=1e-14)
    assert score(labels, predictions, classes, "macro") == pytest.approx(shares.mean(), rel=1e-14)
    assert score(labels, predictions, classes, "micro") == pytest.approx(share(both.sum(), either.sum()), rel=1e-14)
    weighted = share(sum(s * np.sum(labels == c) for c, s in enumerate(shares)), m)
    assert score(labels, predictions, classes, "weighted") == pytest.approx(weighted, rel=1e-14)
    if classes == 2:
        assert score(labels, predictions) == pytest.approx(shares[1], rel=1e-14)


def test_squares():
    targets, outputs = RNG.normal(size=(30, 2, 3)), RNG.normal(size=(30, 2, 3)).astype(np.float32)
    assert metrics.mean_squared_error(targets, outputs) == pytest.approx(np.mean((targets - outputs) ** 2), rel=1e-14)
    assert metrics.mean_squared_error(np.zeros((0, 2)), np.zeros((0, 2))) == 0
    each = [
        1 - np.sum((targets[:, i, j] - outputs[:, i, j]) ** 2) / np.sum((targets[:, i, j] - targets[:, i, j].mean()) ** 2)
        for i in range(2)
        for j in range(3)
    ]
    assert metrics.r2_score(targets, outputs) == pytest.approx(np.mean(each), rel=1e-12)
    assert metrics.r2_score([1, 2, 3], [2, 2, 2]) == 0
    assert metrics.r2_score([1, 1, 1], [1, 1, 1]) == 1
    assert metrics.r2_score([1, 1, 1], [1, 1, 2]) == 0


@pytest.mark.parametrize(
    "call, error, said",
    [
        (lambda: metrics.roc_auc_score([0, 1], ["a", "b"]), TypeError, "roc_auc_score: scores must be numbers"),
        (lambda: metrics.roc_auc_score([0, 1], np.zeros(3)), ValueError, r"scores have shape \(3,\), they must be \(2,\)"),
        (lambda: metrics.roc_auc_score([0, 2], np.zeros(2)), ValueError, r"labels must be in \[0, 2\), got 2"),
        (lambda: metrics.roc_auc_score([1, 1], np.zeros(2)), ValueError, "every sample is of class 1"),
        (lambda: metrics.roc_auc_score([0, 1], np.zeros((2, 3))), ValueError, "no sample is of class 2"),
        (lambda: metrics.roc_auc_score([0, 1], np.array([0, np.nan])), ValueError, "scores have a NaN"),
        (lambda: metrics.roc_auc_score([0, 1], np.zeros(2), "micro"), ValueError, "average must be None, 'macro' or"),
        (lambda: metrics.jaccard_score([0, 1, 2], [0, 1, 2]), ValueError, "jaccard_score: average='binary' goes with two"),
        (lambda: metrics.jaccard_score([0, 1], [0, 1], average="mean"), ValueError, "jaccard_score: average must be"),
        (lambda: metrics.r2_score([1], [1]), ValueError, "r2_score: there must be at least two samples"),
        (lambda: metrics.r2_score([1, 2], [1, 2, 3]), ValueError, r"r2_score: outputs are of shape \(3,\)"),
        (lambda: metrics.r2_score(np.zeros((2, 0)), np.zeros((2, 0))), ValueError, "r2_score: a sample has no elements"),
        (lambda: metrics.mean_squared_error([1], ["a"]), TypeError, "mean_squared_error: outputs"),
        (lambda: metrics.r2_score([1, 2], [1, np.nan]), ValueError, "r2_score: outputs have a NaN"),
        (lambda: metrics.mean_squared_error([np.nan, 2], [1, 2]), ValueError, "mean_squared_error: targets have a NaN"),
        (lambda: metrics.mean_absolute_error([1, 2], [np.nan, 2]), ValueError, "outputs have a NaN"),
        (lambda: metrics.jaccard_score([0, 1], [0, 1], "macro"), TypeError, "classes must be.*give average='macro'"),
    ],
)  # fmt: skip
def test_wrong_arguments_of_areas_and_squares(call, error, said):
    with pytest.raises(error, match=said):
        call()
