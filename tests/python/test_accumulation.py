"""Steps by the mean gradient of several batches."""

import numpy as np
import pytest

from small_models import bars, small_model, weight_bytes
from test_fit_sources import batches

X, Y = bars(48)


def trained(x=X, y=Y, model=None, **options):
    model = model or small_model()
    model.fit(x, y, **{"epochs": 3, "seed": 5, "verbose": 0, **options})
    return model


def test_small_batches_are_a_large_one():
    accumulated, large = (
        trained(batch_size=size, gradient_accumulation_steps=steps) for size, steps in ((8, 3), (24, 1))
    )
    for a, b in zip(accumulated.get_weights(), large.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert weight_bytes(trained(batch_size=8)) != weight_bytes(trained(batch_size=8, gradient_accumulation_steps=3))
    assert weight_bytes(trained(batch_size=8)) == weight_bytes(trained(batch_size=8, gradient_accumulation_steps=1))


def test_without_a_step_nothing_is_learned():
    assert weight_bytes(trained(gradient_accumulation_steps=100)) == weight_bytes(small_model())


def test_batches_of_an_iterable():
    expected = trained(batch_size=16, shuffle=False, gradient_accumulation_steps=2)
    assert weight_bytes(trained(batches(X, Y), None, gradient_accumulation_steps=2)) == weight_bytes(expected)


def test_going_on_between_two_steps(tmp_path):
    """3 batches an epoch, a step every 2: at the first epoch's end one is waiting."""
    options = {"batch_size": 16, "gradient_accumulation_steps": 2}
    stopped = small_model()

    def stop(epoch, logs):
        stopped.stop_training = True

    trained(model=stopped, checkpoint=tmp_path / "c", callbacks=stop, **options)
    assert weight_bytes(trained(resume_from=tmp_path / "c", **options)) == weight_bytes(trained(**options))
    with pytest.raises(ValueError, match="accumulation_steps = 2, but this one has 3"):
        trained(resume_from=tmp_path / "c", batch_size=16, gradient_accumulation_steps=3)
    with pytest.raises(ValueError, match="accumulation_steps = 2, but this one has none"):
        trained(resume_from=tmp_path / "c", batch_size=16)


@pytest.mark.parametrize(
    "steps, error, said",
    [
        (0, ValueError, "fit: gradient_accumulation_steps must be at least 1, got 0"),
        (1.5, TypeError, "gradient_accumulation_steps must be an integer"),
        (True, TypeError, "gradient_accumulation_steps must be an integer"),
    ],
)
def test_wrong_numbers(steps, error, said):
    with pytest.raises(error, match=said):
        trained(gradient_accumulation_steps=steps)
