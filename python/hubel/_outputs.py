"""What a model's outputs are held against: of each its loss, how much that counts, and what is measured besides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _core
from ._measures import Measured, Measures, Metric, is_accuracy
from ._samples import as_labels, as_numbers, as_row_labels, as_targets, as_weights
from .graph import each
from .losses import Loss, loss_of, names_with_accuracy

if TYPE_CHECKING:
    from ._types import AnyArray

ClassWeight = Union[Dict[int, float], Sequence[float]]

# What of fit goes with one output, and why.
_OF_ONE = {
    "class_weight": "loss_weights and sample_weight go with all",
    "hard_share": "it chooses the samples by the loss of one",
    "skip_above": "it chooses the samples by what one makes of their label",
}


class OutputLayer(NamedTuple):
    """The layer that makes an output: its name, a sample's shape, and whether its activation is the softmax."""

    name: str
    shape: Tuple[int, ...]
    is_softmax: bool


class Output:
    """An output with what `Model.compile` holds it against."""

    def __init__(self, layer: OutputLayer, loss: Loss, weight: float, metrics: Sequence[Metric], top_k: int) -> None:
        self.name, self.shape, self._is_softmax = layer
        self.loss, self.weight, self.top_k = loss, weight, top_k
        self.measures = Measures(metrics)

    @property
    def measured(self) -> List[str]:
        """The names of what is measured of it."""
        accuracies = self.measures.accuracies if self.loss.has_accuracy else ()
        return [*accuracies, *([f"top_{self.top_k}_accuracy"] if self.top_k else []), *self.measures.names]

    def answers(self, who: str, y: Any, count: int) -> AnyArray:
        """Labels of int32 or targets of float32, as the loss takes them, one for each of the samples."""
        if y is None:
            raise TypeError(f"{who}: y is None, but the output {self.name} has a loss, which needs labels or targets")
        answers = self._labels_or_targets(who, y)
        if len(answers) != count:
            kind = "targets" if answers.dtype == np.float32 else "labels"
            raise ValueError(f"{who}: x has {count} samples but y has {len(answers)} {kind}")
        return answers

    def _labels_or_targets(self, who: str, y: Any) -> AnyArray:
        rows, classes = self.shape[:-1], self.shape[-1]
        if self.loss.name == "cross_entropy" and classes == 1:
            raise ValueError(
                f"{who}: {type(self.loss).__name__} tells at least two classes apart, but the model has one output; "
                "for one probability, as of Dense(1, 'sigmoid'), compile it with "
                "loss=hubel.losses.BinaryCrossentropy()"
            )
        if classes == 1 and self._is_softmax:
            raise ValueError(
                f"{who}: the softmax of a single output is always 1; for one probability end the model in sigmoid"
            )
        if self.loss.takes == "targets":
            return self._targets(who, y, self.shape)
        ignored = getattr(self.loss, "ignore_class", None)
        spread = any(extent != 1 for extent in rows)
        y = as_numbers(who, "labels", y)
        if self.loss.takes == "either":
            if spread and y.shape[1:] == self.shape:
                return self._targets(who, y, self.shape)
            if not spread and y.shape[1:] == (classes,) != (1,) and y.dtype.kind == "f":
                return self._targets(who, y, (classes,))
        try:
            if spread or ignored is not None:
                return as_row_labels(who, y, rows if spread else (), classes, ignored)
            return as_labels(who, y, classes)
        except ValueError as error:
            if y.dtype.kind != "f" or np.all(y == np.floor(y)):
                raise
            raise ValueError(
                f"{error}; {type(self.loss).__name__} learns classes: for other targets compile the output {self.name} "
                "with another loss, such as 'mse'"
            ) from None

    def _targets(self, who: str, y: Any, shape: Tuple[int, ...]) -> AnyArray:
        """Targets that the loss is of: probabilities, of a loss of such."""
        targets = as_targets(who, y, shape)
        _core.check_targets(who, *self.loss.as_tuple(), targets)
        return targets

    def begin(self) -> Measured:
        return self.measures.begin(getattr(self.loss, "ignore_class", None))


class Outputs:
    """All outputs of a model."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self.outputs = list(outputs)
        self.names = [output.name for output in outputs]

    @property
    def losses(self) -> List[Loss]:
        return [output.loss for output in self.outputs]

    @property
    def weights(self) -> List[float]:
        return [output.weight for output in self.outputs]

    @property
    def metrics(self) -> List[List[Metric]]:
        """As `outputs_of` takes them."""
        return [
            [*output.measures.metrics, *([f"top_{output.top_k}_accuracy"] if output.top_k else [])]
            for output in self.outputs
        ]

    def sample_weights(self, who: str, weights: Any, count: int) -> AnyArray:
        """Weights of the samples, which of several outputs are for all."""
        if len(self.outputs) == 1:
            return as_weights(who, weights, count, self.outputs[0].shape[:-1])
        if _are_several(weights):
            raise TypeError(
                f"{who}: sample_weight must be one array (m,) for all outputs, got a {type(weights).__name__} of "
                f"{len(weights)}; what each output counts is loss_weights of compile"
            )
        return as_weights(who, weights, count, ())

    def answers(self, who: str, y: Any, count: int) -> List[AnyArray]:
        """What the samples have for each output, as the losses take it."""
        several = len(self.outputs) > 1
        return [
            output.answers(f"{who} ({output.name})" if several else who, of_it, count)
            for output, of_it in zip(self.outputs, each(who, "y", y, self.names))
        ]

    def settings(self, class_weight: Optional[ClassWeight] = None) -> Dict[str, Any]:
        """What ``hubel._core`` is told of them."""
        return {
            "losses": [
                (*_weighted(output.loss, class_weight, output.shape[-1]), output.weight) for output in self.outputs
            ],
            "top_k": self.outputs[0].top_k,
        }

    def begin(self) -> List[Measured]:
        """What is measured besides, of each."""
        return [output.begin() for output in self.outputs]

    def adding_to(self, measured: Sequence[Measured]) -> Optional[Callable[[int, AnyArray, AnyArray], None]]:
        """What is to be called for each output of a batch with its number, the answers and what was made, if anything."""
        if not any(output.measures.names for output in self.outputs):
            return None
        return lambda output, answers, made: measured[output].add(answers, made)

    def check_options(self, **given: bool) -> None:
        """fit's options that were given must go with as many outputs."""
        for name, is_given in given.items():
            if is_given and len(self.outputs) > 1:
                raise ValueError(f"fit: {name} goes with one output, but the model has several; {_OF_ONE[name]}")

    def check_distinct(self) -> None:
        """What is logged of an output must not go by the name of anything else that is logged."""
        several = len(self.outputs) > 1
        taken = {"loss": "the loss", "learning_rate": "the learning rate"}
        if several:
            taken.update({f"{name}_loss": f"the loss of {name}" for name in self.names})
        for output in self.outputs:
            for name in output.measured:
                entry, metric = (f"{output.name}_{name}", f"{name} of {output.name}") if several else (name, name)
                if entry in taken:
                    raise ValueError(
                        f"compile: the metric {metric} would be logged as {entry!r}, which is {taken[entry]}; give the "
                        "function another __name__ or the output's layer another name"
                    )
                taken[entry] = f"the metric {metric}"

    def check_names(self, who: str) -> None:
        """What is logged of the training must not go by the name of what is logged of the validation."""
        for name in self.names:
            if len(self.names) > 1 and f"{name}_loss".startswith("val_"):
                raise ValueError(
                    f"{who}: an output is called {name!r}, and its loss would be logged as one of the validation; "
                    "give its layer another name"
                )

    def scores(
        self,
        prefix: str,
        loss: float,
        results: Sequence[Tuple[float, float]],
        measured: Sequence[Dict[str, float]],
        top_k: Optional[float] = None,
    ) -> Dict[str, float]:
        """What has come out, by the names it goes by after the prefix, without what a loss does not have.

        results has the loss and accuracy of each output, measured what was measured besides. Of several outputs each
        has its name before its own.
        """
        named = {f"{prefix}loss": loss}
        several = len(self.outputs) > 1
        if several:
            named.update({f"{prefix}{name}_loss": own for name, (own, _) in zip(self.names, results)})
        for output, (_, accuracy), others in zip(self.outputs, results, measured):
            begin = f"{prefix}{output.name}_" if several else prefix
            if output.loss.has_accuracy:
                named.update({begin + name: accuracy for name in output.measures.accuracies})
            if output.top_k and top_k is not None:
                named[f"{begin}top_{output.top_k}_accuracy"] = top_k
            named.update({begin + name: mean for name, mean in others.items()})
        return named


def compiled(layers: Sequence[OutputLayer], loss: Any, weights: Any, metrics: Any) -> Outputs:
    """From what `Model.compile` is given."""
    names = [layer.name for layer in layers]
    losses = [loss_of(one) for one in _spread("loss", loss, names)]
    outputs = outputs_of(layers, losses, _weights(weights, names), _metrics(metrics, names, losses))
    outputs.check_distinct()
    return outputs


def outputs_of(
    layers: Sequence[OutputLayer],
    losses: Sequence[Loss],
    weights: Sequence[float],
    metrics: Sequence[Sequence[Metric]],
) -> Outputs:
    """From what each output has."""
    outputs = []
    for layer, loss, weight, all_of in zip(layers, losses, weights, metrics):
        top_k, others = _top_k(all_of, loss)
        if top_k and len(layers) > 1:
            raise ValueError(f"compile: top_{top_k}_accuracy is of one output, but the model has several")
        outputs.append(Output(layer, loss, weight, others, top_k))
    return Outputs(outputs)


def _spread(what: str, given: Any, names: Sequence[str]) -> List[Any]:
    """What is given for each output: a list in their order, a dict by their names, or one for all."""
    if isinstance(given, (list, tuple)) and len(given) == len(names) == 1:
        return list(given)
    if isinstance(given, dict) or (isinstance(given, (list, tuple)) and len(names) > 1):
        return each("compile", what, given, names)
    return [given] * len(names)


def _weights(given: Any, names: Sequence[str]) -> List[float]:
    if given is None:
        return [1.0] * len(names)
    if isinstance(given, np.ndarray) and given.ndim == 1:
        given = list(given)
    if isinstance(given, dict):
        _check_known("loss_weights", given, names)
        given = {name: given.get(name, 1.0) for name in names}
    if not isinstance(given, (list, tuple, dict)):
        raise TypeError(
            "compile: loss_weights must be a list of numbers, one for each output, or a dict by their names, got "
            f"{given!r}"
        )
    weights = _spread("loss_weights", given, names)
    for weight in weights:
        if isinstance(weight, bool) or not isinstance(weight, (int, float, np.integer, np.floating)):
            raise TypeError(f"compile: loss_weights must be numbers, got {weight!r}")
        if not (np.isfinite(weight) and weight >= 0):
            raise ValueError(f"compile: loss_weights must be finite and at least 0, got {weight!r}")
    return [float(weight) for weight in weights]


def _metrics(given: Any, names: Sequence[str], losses: Sequence[Loss]) -> List[List[Metric]]:
    """The metrics of each output: those for all, or in a list or dict each one's own.

    An accuracy is of outputs whose loss has one: asked for of all, it is left out of the others.
    """
    if isinstance(given, dict):
        _check_known("metrics", given, names)
        own = [_metric_list(given.get(name)) for name in names]
    elif len(names) > 1 and isinstance(given, (list, tuple)) and len(given) == len(names):
        own = [_metric_list(of_it) for of_it in given]
    else:
        whole = _metric_list(given)
        if len(names) > 1 and len(whole) > 1:
            raise ValueError(
                "compile: metrics must be one for all outputs, or a list with an entry for each of "
                f"{', '.join(names)}, or a dict by these names"
            )
        own = [whole for _ in names]
        if any(loss.has_accuracy for loss in losses):
            own = [[m for m in whole if loss.has_accuracy or not is_accuracy(m)] for loss in losses]
    for name, loss, metrics in zip(names, losses, own):
        for metric in filter(is_accuracy, metrics):
            if not loss.has_accuracy:
                raise ValueError(
                    f"compile: the loss of {name}, {loss.name}, has no {metric}; the losses that have one are "
                    f"{', '.join(names_with_accuracy())}"
                )
    return own


def _check_known(what: str, given: Dict[Any, Any], names: Sequence[str]) -> None:
    for name in given:
        if name not in names:
            raise ValueError(f"compile: {what} has {name!r}, the model's outputs are {', '.join(names)}")


def _metric_list(metrics: Any) -> List[Metric]:
    """An output's metrics: None, one, or a sequence of them."""
    if metrics is None:
        return []
    if isinstance(metrics, str) or callable(metrics):
        return [metrics]
    if not isinstance(metrics, (list, tuple)):
        raise TypeError(f"compile: metrics must be a name, a function or a list of them, got {metrics!r}")
    return list(metrics)


def _top_k(metrics: Sequence[Metric], loss: Loss) -> Tuple[int, List[Metric]]:
    """The k of the top-k accuracy among them, or 0, and the others."""
    top_k = 0
    others: List[Metric] = []
    for metric in metrics:
        match = re.fullmatch(r"top_([1-9]\d{0,8})_accuracy", metric) if isinstance(metric, str) else None
        if not match:
            others.append(metric)
            continue
        if top_k:
            raise ValueError(
                f"compile: there may be one top-k accuracy, metrics have top_{top_k}_accuracy and {metric}"
            )
        if not loss.has_classes:
            raise ValueError(f"compile: {metric} goes with losses of classes, not with {loss.name}")
        top_k = int(match[1])
    return top_k, others


def _weighted(
    loss: Loss, class_weight: Optional[ClassWeight], classes: int
) -> Tuple[str, Dict[str, Any]]:
    """The loss as ``hubel._core`` takes it, with weights of the classes."""
    name, values = loss.as_tuple()
    if class_weight is None:
        return name, values
    if name not in ("cross_entropy", "nll", "categorical_focal_crossentropy"):
        raise ValueError(
            "fit: class_weight goes with losses of classes, cross_entropy, nll and categorical_focal_crossentropy, not "
            f"with {name}; sample_weight goes with all"
        )
    if isinstance(class_weight, (str, bytes)) or not isinstance(class_weight, Iterable):
        raise TypeError(f"fit: class_weight must be a dict or a sequence of numbers, got {class_weight!r}")
    if isinstance(class_weight, dict):
        unknown = [c for c in class_weight if c not in range(classes)]
        if unknown:
            raise ValueError(f"fit: class_weight has the class {unknown[0]!r}, there are {classes}")
        class_weight = [class_weight.get(c, 1.0) for c in range(classes)]
    weights = list(class_weight)
    for weight in weights:
        if not isinstance(weight, (int, float, np.number)):
            raise TypeError(f"fit: class_weight must have numbers, got {weight!r}")
        if not 0 <= float(weight) < np.inf:
            raise ValueError(f"fit: class_weight must be finite and at least 0, got {weight}")
    if len(weights) != classes:
        raise ValueError(f"fit: class_weight has {len(weights)} numbers, it must have one for each class, {classes}")
    return name, {**values, "class_weights": [float(weight) for weight in weights]}


def _are_several(weights: Any) -> bool:
    """Whether weights were given for each output: a dict, or a list of arrays, not one of numbers."""
    if isinstance(weights, dict):
        return True
    return isinstance(weights, (list, tuple)) and any(
        part is None or ((isinstance(part, (list, tuple)) or getattr(part, "ndim", 0) > 0) and len(part) != 1)
        for part in weights
    )
