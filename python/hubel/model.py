"""`Model` and `Sequential`: a network with weights, trained and used as in Keras.

The network itself is C++ (``hubel._core.Network``); here its arguments are made ready, and one thread at a time is let
in: a call from a second thread waits until the first is done.
"""

from __future__ import annotations

import os
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _core
from ._checks import bound, check_seed, flag, integer, name_or, optional_integer, share
from ._measures import Measured
from ._outputs import ClassWeight, OutputLayer, compiled, outputs_of
from ._paths import Path, path_bytes
from ._progress import Passage, Progress
from ._samples import as_numbers, as_samples, as_weights, unlisted
from ._sources import Batch, Source, gives_batches, raw_samples, source_of, training_source_of, validation_source_of
from .augmentation import Augmentation
from .callbacks import Callback as CallbackObject
from .callbacks import LearningRateScheduler, ModelCheckpoint, ReduceLROnPlateau
from .data import FolderImages
from .graph import Value, are_values, each, entries_of, firsts, inline
from .layers import Layer, SeparableConv2D, layer_of
from .losses import Loss
from .optimizers import Optimizer, optimizer_of

if TYPE_CHECKING:
    from ._types import AnyArray, Array

__all__ = ["Model", "Sequential", "History", "Drawing", "lenet5", "load_model", "model_from_json"]

_NOT_LOGGED = ("epoch", "samples", "seconds")  # what a History and callbacks do not get
_OPTIMIZER, _LOSS = "adam", "sparse_categorical_crossentropy"  # of a model that was not compiled
_NAME_NOTE = "name"  # the note of a model file that holds the model's name

# Called after each epoch with its number, from 0, and {"loss": ..., "accuracy": ..., "val_loss": ..., ...}.
Callback = Union[Callable[[int, Dict[str, float]], Any], Any]

Results = Union[List[float], Dict[str, float]]  # losses and metrics


class History:
    """What `Model.fit` returns: .epoch, the numbers of the epochs from 0, and .history, a list for each of "loss",
    "accuracy", `compile`'s other metrics, "learning_rate" (of the epoch's last step) and, with validation data,
    "val_loss", "val_accuracy", ... Of several outputs "loss" is the weighted sum of each one's own, which has its name
    before it, as "box_loss" and "kind_accuracy" have."""

    def __init__(self) -> None:
        self.epoch: List[int] = []
        self.history: Dict[str, List[float]] = {}

    def _add(self, epoch: int, logs: Dict[str, float]) -> None:
        self.epoch.append(epoch)
        self._add_values(logs)

    def _add_values(self, logs: Dict[str, float]) -> None:
        for key, value in logs.items():
            self.history.setdefault(key, []).append(value)

    def __repr__(self) -> str:
        return f"<hubel.History of {len(self.epoch)} epochs: {', '.join(self.history)}>"


class Drawing(str):
    """A drawing as SVG text, which notebooks show."""

    def _repr_svg_(self) -> str:
        return str(self)


class Model:
    """A network of layers, with weights.

    Parameters
    ----------
    inputs : Value or list of them
        From `hubel.Input`.
    outputs : Value or list of them
        What the layers make of it at last: see `hubel.graph` for how layers are called. `Sequential` is the short way for
        layers one after another.
    seed : int
        Of the starting weights, and of the order of samples in the first `fit`: the same seed, the same bits.
    name : str, optional

    Samples ``x`` are arrays (m, h, w, c), or (m, h, w) when c is 1. Arrays of uint8 are taken as image bytes and scaled
    to [0, 1]; those of other integers, float32 and float64 are taken as they are. Labels ``y`` are integers (m,) or
    (m, 1), or one-hot rows (m, classes); of a model whose output is an image of classes, (m, h, w) integers. Losses of
    elements, such as "mse", take targets of the output's shape instead, and "categorical_crossentropy" rows of
    probabilities, (m, classes) or (m, h, w, classes), too.

    In place of arrays `fit`, `evaluate` and `predict` take, as x alone, a part of `hubel.open_image_folder`; or an
    iterable of batches (x, y) or (x, y, sample_weight): a list, an object such as Keras's Sequence or PyTorch's
    DataLoader, a generator. What is wrong with a batch raises TypeError or ValueError, which tells its number; an
    exception of the iterable's own passes through as it is.

    As in Keras [x] or {name: x} are x too, for the one input, and likewise y; a list of samples is no array.

    With several inputs x is a list of arrays in their order, or a dict by their names, `input_names`; with several
    outputs `predict` returns a list of arrays, and y of `fit` and `evaluate` is a list or a dict by their names,
    `output_names`. sample_weight is then (m,), for all outputs; what is logged of an output has its name before it, as
    in "box_loss". Image folders and augmentation go with one input and one output, class_weight, hard_share and
    skip_above with one output.
    """

    def __init__(
        self,
        inputs: Union[Value, Sequence[Value]],
        outputs: Union[Value, Sequence[Value]],
        seed: int = 0,
        name: Optional[str] = None,
    ) -> None:
        check_seed("Model", seed)
        entries = entries_of(inputs, outputs)  # which also checks what the two are
        network = _core.Network(entries.inputs, entries.layers, entries.outputs, seed)
        self._set_up(network, name_or("Model", name, "model"), seed)
        for prefix, model in entries.parts.items():
            self._take(model, prefix)

    def _set_up(self, network: _core.Network, name: str, next_seed: int = 0) -> None:
        self._network = network
        self._input_shapes, self._input_names = map(list, zip(*network.inputs()))
        infos = network.info()
        entries = network.layers()
        self._output_layers = [
            OutputLayer(infos[i][0], infos[i][2], entries[i][1].get("activation") == "softmax")
            for i in network.outputs()
        ]
        self._output_names = [layer.name for layer in self._output_layers]
        self._output_shapes = [layer.shape for layer in self._output_layers]
        self._lock = threading.RLock()
        self._next_seed = next_seed  # of the next fit's order of samples
        self.name = name
        self.history: Optional[History] = None
        self.stop_training = False
        self._optimizer = optimizer_of(_OPTIMIZER)
        self._outputs = compiled(self._output_layers, _LOSS, None, None)

    # --- what it is

    @property
    def name(self) -> str:
        """What it is called, in summaries and as part of another."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name: it must be a str, got {name!r}")
        self._name = name

    @property
    def layers(self) -> List[Layer]:
        """The layers, as descriptions; one that is there several times, with the same weights, is the same each time."""
        made: List[Layer] = []
        for kind, options, name, _, first in self._network.layers():
            made.append(layer_of(kind, options, name) if first < 0 else made[first])
        return made

    @property
    def layer_names(self) -> List[str]:
        """The layers' names in summaries and of weights: "conv2d_1", "max_pool2d_1", ..."""
        return [info[0] for info in self._network.info()]

    @property
    def input_shape(self) -> Any:
        """One sample's shape; of several inputs a list."""
        return _one_or_all(self._input_shapes)

    @property
    def output_shape(self) -> Any:
        """One sample's output's shape; of several outputs a list."""
        return _one_or_all(self._output_shapes)

    @property
    def input_names(self) -> List[str]:
        """The inputs' names: as given, or "input", "input_2", ..."""
        return list(self._input_names)

    @property
    def output_names(self) -> List[str]:
        """The names of the layers whose outputs are the model's."""
        return list(self._output_names)

    @property
    def class_names(self) -> List[str]:
        """The classes' names, as many as outputs, or none; saved with the model. A copy: assign another to change them."""
        return self._network.class_names

    @class_names.setter
    def class_names(self, names: Sequence[str]) -> None:
        if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"class_names: it must be a list of str, got {names!r}")
        if names and len(self._output_names) > 1:
            raise ValueError("class_names: they are of one output, but the model has several")
        if names and len(names) != self.output_shape[-1]:
            raise ValueError(f"class_names: {len(names)} names for {self.output_shape[-1]} outputs")
        self._network.class_names = list(names)

    @property
    def notes(self) -> Dict[str, str]:
        """Free text by key, saved with the model. A copy: assign another to change it."""
        return {key: value for key, value in self._network.notes.items() if key != _NAME_NOTE}

    @notes.setter
    def notes(self, notes: Dict[str, str]) -> None:
        if not isinstance(notes, dict):
            raise TypeError(f"notes: it must be a dict, got {notes!r}")
        self._network.notes = {str(key): str(value) for key, value in notes.items()}

    def count_params(self) -> int:
        """The number of weights."""
        return self._network.parameter_count()

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Prints the table of layers: output shapes, parameters, multiply-adds, totals."""
        print_fn(f"{self.name}\n{self._network.summary()}")

    def plot(
        self,
        path: Optional[Path] = None,
        merge: bool = True,
        options: bool = True,
        shapes: bool = True,
    ) -> Drawing:
        """The network drawn, as SVG text; written to a file as well where there is a path.

        From top to bottom a box for each layer, branches side by side. merge: norms, activations, dropouts and
        flattenings stand in the box of the layer that they alone follow. options, shapes: whether boxes tell these.
        Raises ValueError for a path with another ending than .svg.

        >>> import hubel
        >>> hubel.lenet5().plot().count("<rect")
        8
        """
        drawing = Drawing(self._network.svg(merge, options, shapes))
        if path is not None:
            where = path_bytes("plot", "path", path)
            ending = os.path.splitext(os.fsdecode(where))[1]
            if ending.lower() not in ("", ".svg"):
                raise ValueError(f"plot: a drawing is SVG, and path must end in .svg, not in {ending}")
            _core.write_text(where, drawing)
        return drawing

    def __repr__(self) -> str:
        shape = f"{self.input_shape} -> {self.output_shape}"
        return f"<hubel.{type(self).__name__} {self.name!r}, {shape}, {self.count_params():,} parameters>"

    # --- weights

    def parameters(self) -> Dict[str, Array]:
        """Copies of the weights by name, such as "conv2d_1.kernel"."""
        with self._lock:
            return dict(self._network.parameters())

    def get_weights(self) -> List[Array]:
        """Copies of the weights, in order."""
        return list(self.parameters().values())

    def set_weights(self, weights: Union[Sequence[AnyArray], Dict[str, AnyArray]]) -> None:
        """Sets all weights, from a list as `get_weights` gives it or a dict as `parameters` does.

        Raises ValueError, and changes nothing, when their number, names or shapes are others.
        """
        with self._lock:
            if isinstance(weights, (str, bytes)) or not isinstance(weights, (dict, Iterable)):
                raise TypeError(f"set_weights: weights must be a list or dict of arrays, got {weights!r}")
            if isinstance(weights, dict):
                names = [name for name, _ in self._network.parameters()]
                if sorted(weights) != sorted(names):
                    raise ValueError(f"set_weights: the names must be {', '.join(names)}; got {', '.join(weights)}")
                weights = [weights[name] for name in names]
            self._network.set_parameters(list(weights))

    def copy_weights(self, other: Union[Model, Path]) -> List[str]:
        """Takes from another model, or a file, the weights of each layer whose name, and whose weights' names and shapes, are
        the same there.

        So begins a model that has other last layers than one that was trained; see `freeze` too. Layers without names of
        their own are called by their kind and number, and those of two models may be others by the same name. Returns the
        names of those of its own weights that it left as they are. Raises OSError and ValueError as `load` does.
        """
        if not isinstance(other, Model):
            other = _load("copy_weights", "other", other)
        with self._lock:
            return self._network.copy_weights(other._network, "")

    def _take(self, part: Model, prefix: str) -> None:
        """The weights of a model whose layers are here with this before their names, and which of them are frozen."""
        with part._lock:
            self._network.copy_weights(part._network, prefix)
            own = {name for name, _ in self._network.parameters()}
            for name in part._network.frozen():
                if prefix + name in own:
                    self._network.set_frozen(prefix + name, True)

    def freeze(self, *names: str) -> None:
        """Holds layers fixed: `fit` leaves their weights as they are, to the bit.

        Names of layers, or of weights, as `summary` and `parameters` have them; * stands for any characters, and no name
        for all: ``model.freeze("conv2d_*", "dense_1.bias")``. A frozen batch normalisation uses its running statistics in
        training too, as in Keras. Training goes back no further than to the first layer that learns. It holds from the
        next `fit` on, and for `train_on_batch`, which then begins with fresh moments; it is not saved with the model.
        Raises ValueError, and changes nothing, for a name that is not there.
        """
        self._set_frozen(names, True)

    def unfreeze(self, *names: str) -> None:
        """Lets layers learn again that `freeze` holds; takes names as it does."""
        self._set_frozen(names, False)

    def _set_frozen(self, names: Sequence[str], frozen: bool) -> None:
        for name in names:
            if not isinstance(name, str):
                raise TypeError(f"freeze, unfreeze: names must be a str, got {name!r} ({type(name).__name__})")
        with self._lock:
            before = self._network.frozen()
            self._network.end_steps()
            try:
                for name in names or ("*",):
                    self._network.set_frozen(name, frozen)
            except (TypeError, ValueError):
                self._network.set_frozen("*", False)
                for name in before:
                    self._network.set_frozen(name, True)
                raise

    @property
    def trainable(self) -> bool:
        """Whether there are weights that learn. To set it is to `freeze`, or `unfreeze`, all of them."""
        frozen = self.frozen
        return not frozen or len(frozen) < len(self._network.parameters())

    @trainable.setter
    def trainable(self, learns: bool) -> None:
        self._set_frozen((), not flag("Model", "trainable", learns))

    @property
    def frozen(self) -> List[str]:
        """The names of the weights that `freeze` holds."""
        with self._lock:
            return self._network.frozen()

    # --- training

    def compile(
        self,
        optimizer: Union[str, Optimizer] = _OPTIMIZER,
        loss: Any = _LOSS,
        metrics: Any = None,
        loss_weights: Union[Sequence[float], AnyArray, Dict[str, float], None] = None,
    ) -> None:
        """Chooses what training goes by. A model that was not compiled trains with the defaults.

        Parameters
        ----------
        optimizer : str or Optimizer
            "sgd", "adam", "adamw", "rmsprop", "adagrad", "lamb", "nadam", "adamax", "adadelta", "lion", "radam", or
            an object such as ``hubel.SGD(0.1, momentum=0.9)``.
        loss : str or Loss
            A name of Keras's, such as "mse", or an object such as ``hubel.losses.Huber(0.5)``: see `hubel.losses`. Of
            several outputs a list of one for each, a dict by their names, or one for all.
        metrics : str, function or sequence of them
            "accuracy" (or as Keras has it for the loss, "sparse_categorical_accuracy", "categorical_accuracy"), which
            is reported whenever the loss has one, unasked too, and by the name it is asked for; "top_5_accuracy", or
            with another number, for losses of classes; "binary_accuracy", "mse" and "mae" (or "mean_squared_error",
            "mean_absolute_error"), for which labels are one-hot rows; and functions
            ``f(y_true, y_pred) -> float``, such as those of `hubel.metrics`, which go by their ``__name__``. They get a
            batch's labels, int32 (m,) or (m, h, w), or its targets, and its outputs, (m, ...output_shape), float32; in
            training the outputs that were learned from. Where the loss has an ignore_class they get the other labels
            alone, (n,), and their outputs, (n, classes). As in Keras what is reported is the mean over the batches,
            weighted by their samples (or those labels): of an area under a curve that is not the area of all. It goes
            without weights of samples; of an epoch that is gone on with after its middle it is of the steps since.
            Of several outputs one for all, a list with an entry for each, which is None, a metric or a list of them,
            or a dict of such entries by names; "top_5_accuracy" goes with one output only. ValueError for an accuracy
            of an output whose loss has none (those of distances, such as "mse"), unless it is one for all and some have
            it; and for names that would be logged twice, such as b_loss of an output "a" beside an output "a_b".
        loss_weights : list, array or dict of float, optional
            What each output's loss counts in the sum that is learned from; finite and at least 0. Without them, and for
            outputs that a dict leaves out, 1.
        """
        chosen = optimizer_of(optimizer)
        outputs = compiled(self._output_layers, loss, loss_weights, metrics)
        outputs.check_names("compile")
        self._outputs, self.optimizer = outputs, chosen

    @property
    def optimizer(self) -> Optimizer:
        """`compile`'s, also to be set by name."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Union[str, Optimizer]) -> None:
        self._optimizer = optimizer_of(optimizer)
        self._end_steps()

    @property
    def loss(self) -> Any:
        """`compile`'s, also to be set by name; of several outputs a list."""
        return _one_or_all(self._outputs.losses)

    @loss.setter
    def loss(self, loss: Any) -> None:
        own = self._outputs
        self._outputs = compiled(self._output_layers, loss, own.weights, dict(zip(self._output_names, own.metrics)))
        self._end_steps()

    def _end_steps(self) -> None:
        """What `train_on_batch` goes by is another from here on."""
        with self._lock:
            self._network.end_steps()

    def _take_seed(self) -> int:
        """The seed of a training that was given none."""
        self._next_seed += 1
        return self._next_seed - 1

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: Optional[int] = None,
        epochs: int = 1,
        verbose: Union[int, str] = "auto",
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        *,
        seed: Optional[int] = None,
        schedule: str = "constant",
        warmup: float = 0.0,
        hard_share: float = 1.0,
        skip_above: float = 1.0,
        callbacks: Union[Callback, Sequence[Callback], None] = None,
        restore_best_weights: bool = False,
        class_weight: Optional[ClassWeight] = None,
        sample_weight: Any = None,
        clipnorm: float = 0.0,
        clipvalue: float = 0.0,
        parameter_clipnorm: float = 0.0,
        ema_decay: float = 0.0,
        swa_start: int = 0,
        gradient_accumulation_steps: int = 1,
        checkpoint: Optional[Path] = None,
        checkpoint_epochs: int = 1,
        resume_from: Optional[Path] = None,
        augmentation: Optional[Augmentation] = None,
        steps_per_epoch: Optional[int] = None,
        validation_steps: Optional[int] = None,
    ) -> History:
        """Trains, and returns the `History`.

        Parameters
        ----------
        x, y
            Samples and labels, or without y an image folder's part or an iterable of batches: see the class. Of several
            inputs or outputs a list of arrays each, or a dict by names. Images of uint8 are scaled by 1/255; of any
            other type they are taken as they are.
        batch_size : int, optional
            32 unless it is given. Of an iterable the largest batch, which is the first unless it is given.
        epochs : int
        verbose : "auto", 0, 1 or 2
            0 prints nothing, 1 (and "auto") shows a bar on a terminal and a line an epoch elsewhere, 2 prints lines.
        validation_split : float
            This fraction of the samples, the last ones, is kept for validation.
        validation_data : (x, y), (x, y, sample_weight), image folder's part or iterable of batches
            Samples for validation, instead.
        shuffle : bool
            Draws the samples in another order each epoch. Batches of an iterable come in the order that it gives.
        seed : int, optional
            Of that order: the same seed and weights train to the same bits, on any number of threads. Without it a
            model's first fit has the model's seed, the next fit one more, and so on.
        schedule : str
            How the learning rate goes over the whole of this training: "constant", "linear", "cosine", "one_cycle", "step",
            "milestones", "exponential", "polynomial" or "triangular". Options stand behind a colon:
            "cosine:restarts=2,growth=2,end=0.01", "step:every=10,gamma=0.5", "milestones:at=30/60,gamma=0.1",
            "exponential:gamma=0.9", "polynomial:power=2,end=0.1"; every and at are epochs. "triangular:cycles=3,low=0.25"
            goes from low up to 1 and down again in straight lines in each cycle, with gamma=0.5 half as high in each as
            in the one before: a cyclic learning rate (Smith 2017).
        warmup : float in [0, 1)
            Over this share of the steps the learning rate rises first; the schedule has the rest.
        hard_share : float in (0, 1]
            Epochs after the first go through this share of the samples only, those whose loss was highest when they
            were last trained on.
        skip_above : float in (0, 1]
            A sample whose label has a probability above this has no gradient, and little is computed backward for it.
        callbacks : callback or sequence of them
            Each a function, called after each epoch with its number from 0 and a dict as in the history, to which it
            may add, for those after it and the history; or an object with some of the methods of
            `hubel.callbacks.Callback`, such as those of `hubel.callbacks`. Setting ``model.stop_training = True`` in
            one ends the training; in on_train_begin and on_epoch_begin before the next step, and in on_train_batch_end
            after that step, so that the epoch has no end.
        restore_best_weights : bool
            At the end the weights are those of the epoch with the best validation accuracy; of several outputs, which
            have none together, with the lowest validation loss.
        class_weight : {class: weight} or sequence
            A factor for the loss of each class's samples, 1 for those a dict leaves out. The mean is a weighted one.
            For the categorical cross-entropies and focal loss, and "nll".
        sample_weight : array, optional
            A factor for the loss of each sample, (m,), or of each of its labels or rows of targets, as of pixels,
            (m, h, w); finite and at least 0. What has the weight 0 is not learned from. As in Keras the mean is not a
            weighted one: the sum is divided by the number of samples (rows, elements), so that twice the weights are
            twice the loss, or with class_weight, whose factors are multiplied with these, by the sum of the classes'
            weights. The accuracy goes without weights. Weights of an iterable's samples come in its batches. Mixup and
            cutmix do not go with them.
        clipnorm, clipvalue : float
            Bounds of the norm of all gradients together, and of each element; 0 is without.
        parameter_clipnorm : float
            Bound of the norm of each parameter's gradient by itself, which Keras calls clipnorm; 0 is without. Elements
            are bounded first, then each parameter's gradient, then all together.
        ema_decay : float in [0, 1)
            Unless 0, an average of the weights that fades by this is validated and kept in the end.
        swa_start : int
            Unless 0, the plain mean of the weights at the ends of epochs, from this one (counted from 1) on, is validated
            and kept in the end: stochastic weight averaging (Izmailov et al. 2018), for which the learning rate should
            stay above 0. Running statistics of batch normalisation are averaged too. Not together with ema_decay.
        gradient_accumulation_steps : int
            After every so many batches the weights go a step, with the mean of these batches' gradients, as with
            Keras's option of optimizers of that name: a large batch in the memory of a small one. Batches are counted on from
            epoch to epoch, and those after the last step come to nothing. Running statistics move with every batch. Of
            schedules and on_train_batch_end a step is still a batch.
        checkpoint : path
            The file that all of the training's state is written to after every `checkpoint_epochs` epochs, and when it
            is stopped. OSError when another training is writing to it, ValueError for a file that is there and is no
            checkpoint, and would be lost.
        resume_from : path
            A checkpoint that this training, with the same arguments, goes on from, to the same bits as without the
            interruption. It does not hold what callbacks remember: EarlyStopping and ModelCheckpoint(save_best_only=True)
            are refused.
        augmentation : Augmentation, optional
            Random changes to the images that are trained on, other ones in each epoch, drawn from the seed: the same
            bits on any number of threads. With mixup or cutmix labels become rows of probabilities, and the reported
            accuracy of the training is of the likelier class of each mixture. Samples for validation are not changed,
            but normalised where it has a mean or stddev. `evaluate` and `predict` know nothing of it: what they are
            given has to be normalised before, as with
            ``hubel.Augmentation(mean=mean, stddev=stddev).apply(x)``. Only for samples with one label, or one row of
            targets: labels of pixels would have to be moved with the pixels.
        steps_per_epoch : int, optional
            How many batches of an iterable make an epoch; the next one goes on from there, and what has come to its end
            is begun again, but for a generator, whose early end is an error. Without it an epoch is the iterable's
            len(), gone through from its beginning. A generator has no len().
        validation_steps : int, optional
            How many batches of an iterable in validation_data are a validation; without it all. A validation begins at
            the beginning, but for a generator, which goes on: it must be told, since a generator may have no end.

        An iterable's samples cannot be asked for by number, so that checkpoint, resume_from, hard_share and
        validation_split do not go with it. Ctrl-C ends the training at once with KeyboardInterrupt, and an exception of
        the iterable's or of a callback's does so too, or OSError for a checkpoint that cannot be written: the model then
        has the weights trained so far (the best so far, with restore_best_weights), and the last checkpoint stays. Each
        fit starts with fresh moments of the optimizer.
        """
        self._outputs.check_names("fit")
        self._outputs.check_options(
            class_weight=class_weight is not None, hard_share=hard_share != 1, skip_above=skip_above != 1
        )
        with self._lock:
            size = optional_integer("fit", batch_size, "batch_size")
            steps = optional_integer("fit", steps_per_epoch, "steps_per_epoch")
            train = training_source_of("fit", (x, y, sample_weight), self._ready, steps, size)
            steps = optional_integer("fit", validation_steps, "validation_steps")
            train, validation = self._split(train, validation_split, validation_data, steps)
            if train.is_stream or (validation is not None and validation.is_stream):
                _check_by_number(checkpoint=checkpoint, resume_from=resume_from)
            if train.is_stream:
                _check_by_number(hard_share=None if hard_share == 1 else hard_share)
            keeps_best = flag("fit", "restore_best_weights", restore_best_weights)
            if keeps_best and validation is None:
                raise ValueError("fit: restore_best_weights needs validation_split or validation_data")
            if ema_decay != 0 and swa_start != 0:
                raise ValueError("fit: ema_decay and swa_start are two averages of the weights, there may be one")
            seed = self._take_seed() if seed is None else seed
            check_seed("fit", seed)
            called = _callback_list(callbacks)
            if resume_from is not None:
                _check_resumable(called)
            if checkpoint is not None:
                _check_distinct(called, path_bytes("fit", "checkpoint", checkpoint))
            settings = {
                "epochs": epochs,
                "batch_size": train.largest or size or 32,
                "optimizer": self.optimizer.as_tuple(),
                **self._outputs.settings(class_weight),
                "schedule": schedule,
                "warmup": warmup,
                "hard_share": hard_share,
                "skip_above": skip_above,
                "shuffle": False if train.is_stream else shuffle,
                "seed": seed,
                "keep_best": keeps_best,
                "clipnorm": bound("fit", "clipnorm", clipnorm),
                "clipvalue": bound("fit", "clipvalue", clipvalue),
                "parameter_clipnorm": bound("fit", "parameter_clipnorm", parameter_clipnorm),
                "ema_decay": share("fit", "ema_decay", ema_decay),
                "swa_start": swa_start,
                "gradient_accumulation_steps": integer(
                    "fit", gradient_accumulation_steps, "gradient_accumulation_steps"
                ),
                "checkpoint": None if checkpoint is None else path_bytes("fit", "checkpoint", checkpoint),
                "checkpoint_epochs": integer("fit", checkpoint_epochs, "checkpoint_epochs"),
                "resume_from": None if resume_from is None else path_bytes("fit", "resume_from", resume_from),
                "augmentation": _augmentation_options(augmentation),
                "learning_rate": _learning_rates(called, schedule, warmup),
                **_plateau(called, validation is not None),
            }
            return self._train(train, validation, settings, _Callbacks(self, called), verbose)

    def _train(
        self,
        train: Source,
        validation: Optional[Source],
        settings: Dict[str, Any],
        callbacks: _Callbacks,
        verbose: Union[int, str],
    ) -> History:
        outputs = self._outputs
        measured = {prefix: outputs.begin() for prefix in ("", "val_")}
        names = outputs.scores("", 0, [(0, 0)] * len(outputs.names), [of.means() for of in measured[""]])
        progress = Progress(verbose, settings["epochs"], tuple(names)[1:])
        history = self.history = History()
        self.stop_training = False

        def on_epoch_begin(epoch: int) -> bool:
            callbacks.call("on_epoch_begin", epoch - 1, {})
            return not self.stop_training

        def on_step(
            epoch: int,
            step: int,
            steps: int,
            samples: int,
            loss: float,
            results: List[Tuple[float, float]],
            seconds: float,
        ) -> bool:
            logs = outputs.scores("", loss, results, [of.means() for of in measured[""]])
            if progress.wants_steps:
                progress.step(epoch, step, steps, samples, logs, seconds)
            callbacks.call("on_train_batch_end", step - 1, logs)
            return not self.stop_training

        def on_epoch(result: Dict[str, Any]) -> bool:
            numbers = {"epoch": result["epoch"], "samples": result["samples"]}
            for prefix in ("", "val_"):
                if prefix + "loss" in result:
                    loss, results, top_k = (result[prefix + key] for key in ("loss", "outputs", "top_k"))
                    others = [of.take() for of in measured[prefix]]
                    numbers.update(outputs.scores(prefix, loss, results, others, top_k))
            numbers.update({key: result[key] for key in ("learning_rate", "seconds")})
            progress.epoch(numbers)
            logs = {key: value for key, value in numbers.items() if key not in _NOT_LOGGED}
            epoch = result["epoch"] - 1
            history._add(epoch, logs)
            known = set(logs)
            callbacks.call("on_epoch_end", epoch, logs)
            history._add_values({key: value for key, value in logs.items() if key not in known})
            return not self.stop_training

        settings = {
            **settings,
            "on_epoch_begin": on_epoch_begin,
            "every_step": callbacks.have("on_train_batch_end"),
            "on_batch": outputs.adding_to(measured[""]),
            "on_validation_batch": outputs.adding_to(measured["val_"]),
        }
        try:
            callbacks.call("on_train_begin")
            wants_steps = progress.wants_steps or settings["every_step"]
            validated = None if validation is None else validation.parts
            self._network.fit(train.parts, validated, settings, on_step if wants_steps else None, on_epoch)
        finally:
            progress.close()
            callbacks.call("on_train_end")
        return history

    def _ready(self, who: str, x: Any, y: Any, weights: Any, of_batch: bool = False) -> Batch:
        """Samples, their labels or targets, and their weights or None, as _core reads them: lists of several inputs or
        outputs. A folder's have no y. A batch's samples may be anything that NumPy makes an array of."""
        if isinstance(x, FolderImages):
            self._check_folder(who, x)
            return x._part, None, None if weights is None else as_weights(who, weights, len(x), self.output_shape[:-1])
        if of_batch:
            parts = each(who, "x", self._unlisted(x), self._input_names)
            x = _one_or_all([np.asanyarray(part) for part in parts])
        x = self._samples(who, x)
        xs = x if isinstance(x, list) else [x]
        alone = len(self._output_names) == 1 and isinstance(y, (list, tuple)) and len(y) == 1
        if alone and isinstance(y[0], np.ndarray) and len(xs[0]) != 1:  # [y], as Keras has it, and no list of answers
            y = y[0]
        ys = self._outputs.answers(who, y, len(xs[0]))
        if weights is not None:
            weights = self._outputs.sample_weights(who, weights, len(xs[0]))
        return (xs[0], ys[0], weights) if len(xs) == len(ys) == 1 else (xs, ys, weights)

    def _check_folder(self, who: str, images: FolderImages) -> None:
        if len(self._input_names) > 1 or len(self._output_names) > 1:
            raise ValueError(f"{who}: a folder's images go with one input and one output, and the model has several")
        names, classes = images.class_names, self.output_shape[-1]
        if len(names) > classes:
            raise ValueError(f"{who}: the folder has {len(names)} classes, the model has {classes} outputs")

    def _split(self, train: Source, fraction: float, data: Any, steps: Optional[int]) -> Tuple[Source, Optional[Source]]:
        """What is trained on, and what of it, or besides it, is for validation."""
        if data is not None:
            inputs = len(self._input_names)
            validation = validation_source_of("fit (validation)", data, self._ready, steps, inputs)
            if not validation.is_stream and validation.count == 0:
                raise ValueError("fit: validation_data has no samples")
            return train, validation
        if steps is not None:
            raise ValueError("fit: validation_steps goes with batches in validation_data, of which there are none")
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float, np.integer, np.floating)):
            raise TypeError(f"fit: validation_split must be a number, got {fraction!r}")
        if not 0 <= fraction < 1:
            raise ValueError(f"fit: validation_split must be in [0, 1), got {fraction}")
        if fraction == 0:
            return train, None
        if train.y is None:
            raise ValueError("fit: validation_split goes with arrays only; give validation_data")
        count = train.count
        kept = count - int(count * fraction)
        if kept == count:
            raise ValueError(f"fit: validation_split = {fraction} of {count} samples is less than one")
        return train[:kept], train[kept:]

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        return_dict: bool = False,
        *,
        learning_rate: Optional[float] = None,
    ) -> Results:
        """One step of `compile`'s optimizer on all of these samples together, for a loop of one's own.

        Returns what they came to before it, in the list or dict that `evaluate` returns; it is of these samples alone.
        x, y and sample_weight are arrays as in `fit`. The optimizer's moments, and the number of the step that its
        corrections and dropout's masks are of, are kept from call to call; `compile`, `fit`, `freeze` and another
        optimizer or loss begin anew, and they are not saved. learning_rate, finite and at least 0, takes the place of the
        optimizer's in this step.

        The steps are those of ``fit(x, y, shuffle=False)`` over the same batches, to the bit: also with dropout, whose
        seed is the one that `fit` would have had. Raises as `fit` does, with the weights as they were.

        >>> import hubel, numpy as np
        >>> model = hubel.Sequential([hubel.Dense(1)], input_shape=(3,))
        >>> model.compile(hubel.SGD(0.1), "mse")
        >>> x = np.eye(3)
        >>> losses = [model.train_on_batch(x, x.sum(axis=1))[0] for step in range(50)]
        >>> losses[-1] < 0.1 * losses[0]
        True
        """
        with self._lock:
            samples = self._one_batch("train_on_batch", x, y, sample_weight)
            as_dict = flag("train_on_batch", "return_dict", return_dict)
            scale = 1.0 if learning_rate is None else self._scale(learning_rate)
            if not self._network.has_steps():
                settings = {"optimizer": self.optimizer.as_tuple(), "seed": self._take_seed()}
                self._network.begin_steps({**settings, **self._outputs.settings()})
            measured = self._outputs.begin()
            result = self._network.train_on_batch(samples, scale, self._outputs.adding_to(measured))
            return _listed(self._scores(result, measured), as_dict)

    def test_on_batch(self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False) -> Results:
        """`evaluate` of all of these samples together, as one batch."""
        with self._lock:
            samples = self._one_batch("test_on_batch", x, y, sample_weight)
            as_dict = flag("test_on_batch", "return_dict", return_dict)
            return _listed(self._evaluated(samples, _samples_of(samples), None), as_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """`predict` of all of these samples together, as one batch."""
        with self._lock:
            samples = self._samples("predict_on_batch", x)
            count = len(samples[0] if isinstance(samples, list) else samples)
            return self._network.predict(samples, max(count, 1), None, None)

    def _scale(self, learning_rate: float) -> float:
        """That of a step, by which the optimizer's learning rate is multiplied."""
        wanted = bound("train_on_batch", "learning_rate", learning_rate)
        if wanted > float(np.finfo(np.float32).max):
            raise ValueError(f"train_on_batch: learning_rate must be finite as a float32, got {learning_rate}")
        own = float(self.optimizer.as_tuple()[1]["learning_rate"])
        if own == 0:
            raise ValueError("train_on_batch: with learning_rate the optimizer's own must be above 0")
        return wanted / own

    def _one_batch(self, who: str, x: Any, y: Any, weights: Any) -> Batch:
        samples = self._ready(who, x, y, weights)
        if _samples_of(samples) == 0:
            raise ValueError(f"{who}: x has no samples")
        return samples

    # --- use

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 256,
        return_dict: bool = False,
        *,
        sample_weight: Any = None,
        steps: Optional[int] = None,
        verbose: Union[int, str] = "auto",
    ) -> Results:
        """[loss, accuracy] over the samples, of which there must be one at least, or a dict of them.

        There is no accuracy where the loss has none. After it come a top-k accuracy and then the other metrics that
        `compile` was told of, in their order there; a dict tells which is which. Of several outputs it is the sum of
        their losses, weighted by loss_weights, then the loss of each, then what else there is of each.
        x may be an image folder's part or an iterable of batches, without y: see the class. sample_weight are factors
        of the loss, as in `fit`. steps is how many batches are taken of an iterable; without it all are. verbose is as
        in `predict`; a line tells what has come out too.
        """
        with self._lock:
            size, as_dict = integer("evaluate", batch_size), flag("evaluate", "return_dict", return_dict)
            taken = optional_integer("evaluate", steps, "steps")
            source = source_of("evaluate", (x, y, sample_weight), self._ready, taken)
            count = None if source.is_stream else source.count
            if count == 0:
                raise ValueError("evaluate: x has no samples")
            size = min(size, source.largest or size)
            with Passage("evaluate", verbose, count) as passage:
                passage.results = self._evaluated(source.parts, size, passage.report)
        return _listed(passage.results, as_dict)

    def _evaluated(
        self, samples: Batch, batch_size: int, on_progress: Optional[Callable[[int], None]]
    ) -> Dict[str, float]:
        measured = self._outputs.begin()
        settings = {
            "batch_size": batch_size,
            **self._outputs.settings(),
            "on_batch": self._outputs.adding_to(measured),
            "on_progress": on_progress,
        }
        return self._scores(self._network.evaluate(samples, settings), measured)

    def _scores(self, result: _core.Evaluated, measured: Sequence[Measured]) -> Dict[str, float]:
        loss, results, top_k = result
        return self._outputs.scores("", loss, results, [of.take() for of in measured], top_k)

    def predict(
        self,
        x: Any,
        batch_size: int = 256,
        out: Any = None,
        *,
        steps: Optional[int] = None,
        verbose: Union[int, str] = "auto",
    ) -> Any:
        """The output for each sample, (m, ...output_shape), float32: probabilities when the model ends in softmax.

        Of several outputs a list of such, in the order of `output_names`. out, if given, is a C-contiguous float32 array
        of that shape that the result is written to, or a list of them that share no memory. x may be an image folder's
        part, or an iterable of batches x or (x, y), which goes without out and with one input: see the class. steps is how
        many batches are taken of an iterable; without it all are.

        verbose: 0 prints nothing; "auto" shows, on a terminal, a bar for what takes longer than a second, and takes it
        away at the end; 1 is "auto" with a line at the end, 2 prints the line alone.
        """
        with self._lock:
            size = integer("predict", batch_size)
            if steps is None:
                x = self._unlisted(x)
            if len(self._input_names) == 1 and (gives_batches(x) or steps is not None):
                with Passage("predict", verbose, None) as passage:
                    return self._predict_batches(x, size, out, steps, passage)
            if steps is not None:
                raise ValueError("predict: steps goes with batches, which are for models with one input")
            x, count = self._samples_to_predict(x)
            if out is not None:
                x, out = self._checked_out(x, out, count)
            if verbose == "auto" and count <= size:  # nothing is told within a batch, and one may be of microseconds
                return self._network.predict(x, size, out, None)
            with Passage("predict", verbose, count) as passage:
                return self._network.predict(x, size, out, passage.report)

    def _samples_to_predict(self, x: Any) -> Tuple[Any, int]:
        """x as _core reads it, and how many samples it has."""
        if not isinstance(x, FolderImages):
            x = self._samples("predict", x)
            return x, len(x[0] if isinstance(x, list) else x)
        if len(self._input_names) > 1:
            raise ValueError("predict: a folder's images go with one input, and the model has several")
        if x.image_shape != self.input_shape:
            raise ValueError(f"predict: the images have shape {x.image_shape}, they must have {self.input_shape}")
        return x._part, len(x)

    def _unlisted(self, x: Any) -> Any:
        """Of a model with one input what [x] and {name: x} hold."""
        if len(self._input_names) > 1:
            return x
        return unlisted(x, self._input_shapes[0]) if not isinstance(x, dict) else x

    def _samples(self, who: str, x: Any) -> Any:
        """x as _core reads it: an array, or of several inputs a list of them, with as many samples each."""
        x = self._unlisted(x)
        if len(self._input_names) == 1 and not isinstance(x, dict):
            return as_samples(who, x, self._input_shapes[0])
        given = zip(self._input_names, each(who, "x", x, self._input_names), self._input_shapes)
        arrays = [as_samples(f"{who} ({name})", array, shape) for name, array, shape in given]
        counts = [len(array) for array in arrays]
        if len(set(counts)) > 1:
            raise ValueError(f"{who}: the inputs have {', '.join(map(str, counts))} samples, they must have as many each")
        return _one_or_all(arrays)

    def _checked_out(self, x: Any, out: Any, count: int) -> Tuple[Any, Any]:
        """x and out, as _core takes them. What is read must not be written: x is copied where it shares memory with out."""
        outs = each("predict", "out", out, self._output_names)
        for name, array, shape in zip(self._output_names, outs, self._output_shapes):
            _check_out("predict" if len(outs) == 1 else f"predict ({name})", array, (count, *shape))
        if any(np.may_share_memory(a, b) for i, a in enumerate(outs) for b in outs[:i]):
            raise ValueError("predict: arrays in out share memory, each output needs its own")
        xs = [
            array.copy() if isinstance(array, np.ndarray) and any(np.may_share_memory(array, o) for o in outs) else array
            for array in (x if isinstance(x, list) else [x])
        ]
        return _one_or_all(xs), _one_or_all(outs)

    def _predict_batches(self, x: Any, batch_size: int, out: Any, steps: Optional[int], passage: Passage) -> Any:
        if not gives_batches(x):
            raise ValueError("predict: steps goes with batches only, from an iterable")
        if out is not None:
            raise ValueError("predict: out does not go with batches from an iterable")
        results, done = [], 0
        for who, samples in raw_samples("predict", x, optional_integer("predict", steps, "steps")):
            samples = as_samples(who, samples, self.input_shape)
            results.append(self._network.predict(samples, batch_size, None, None))
            done += len(samples)
            passage.report(done)
        passage.samples = done
        if len(self._output_names) == 1:
            results = [[result] for result in results]
        return _one_or_all(
            [
                np.concatenate([np.empty((0, *shape), np.float32), *(result[i] for result in results)])
                for i, shape in enumerate(self._output_shapes)
            ]
        )

    def __call__(self, x: Any, *options: Any, name: Optional[str] = None, **named: Any) -> Any:
        """Called on samples: `predict`. Called on a `Value`, as a layer is: what the model makes of it, as part of another;
        with several inputs on a list or dict of values, with several outputs it returns a list.

        Its layers become layers of the other model, called ``name/conv2d_1``, ...; without a name that is the model's,
        with a number behind it where it is there twice. The other model has copies of the weights, as they are when it is
        made, and holds fixed what is frozen here; what either learns the other does not. (In Keras the two share them.)
        Called several times within one model, it has the same weights each time; its layers called by themselves, or a
        part of it that `up_to` made, have weights of their own.
        Raises ValueError for a value of another shape than the model's input.
        """
        if not are_values(x):
            if name is not None:
                raise TypeError("predict: name goes with a model that is called on a hubel.Value")
            return self.predict(x, *options, **named)
        if options or named:
            raise TypeError(f"{self.name}: called on a value it takes a name and nothing else")
        return inline(self, x, name)

    def layer_output(self, x: Any, layer: Union[int, str], batch_size: int = 256) -> Array:
        """What the layer with that index (negative: from the end) or name makes of the samples."""
        index = self._layer_index("layer_output", layer)
        with self._lock:
            x = self._samples("layer_output", x)
            return self._network.layer_output(x, integer("layer_output", batch_size), index)

    def up_to(self, layer: Union[int, str, Sequence[Union[int, str]]], name: Optional[str] = None) -> Model:
        """The model that ends in this layer, given by index (negative: from the end) or name; or in several of them.

        It has the layers that lead there, by their names, with copies of their weights (those that several layers share
        by the name of the first that is left), and holds fixed what is frozen here; what either learns the other does not. So a network goes on with other last layers, or tells what inner ones
        make. As any model it is called on a value to become part of another. Raises ValueError for a name and IndexError
        for an index that is not there.

        >>> import hubel
        >>> base = hubel.zoo.resnet18(classes=10, input_shape=(64, 64, 3))
        >>> base.up_to("global_avg_pool2d_1")
        <hubel.Model 'resnet18', (64, 64, 3) -> (512,), 11,186,112 parameters>
        >>> image = hubel.Input((64, 64, 3))
        >>> hubel.Model(image, hubel.Dense(3, "softmax")(base.up_to(-2)(image))).output_shape
        (3,)
        """
        layers = list(layer) if isinstance(layer, (list, tuple)) else [layer]
        indices = [self._layer_index("up_to", one) for one in layers]
        if not indices:
            raise ValueError("up_to: there are no layers, one at least must be given")
        with self._lock:
            return _model_of(self._network.up_to(indices), name_or("up_to", name, self.name), self._next_seed)

    def _layer_index(self, who: str, layer: Any) -> int:
        names = self.layer_names
        if isinstance(layer, str):
            if layer in self._input_names:
                raise ValueError(f"{who}: {layer!r} is an input of the model, no layer; there are {', '.join(names)}")
            if layer not in names:
                raise ValueError(f"{who}: no layer is named {layer!r}, there are {', '.join(names)}")
            return names.index(layer)
        if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)):
            raise TypeError(f"{who}: layer must be an integer or a name, got {layer!r}")
        if not -len(names) <= layer < len(names):
            raise IndexError(f"{who}: layer = {layer}, the model has {len(names)}: {', '.join(names)}")
        return int(layer % len(names))

    def gradients(
        self, x: Any, dout: Any, dropout_seed: int = 0, dropout_step: int = 0
    ) -> Tuple[Any, Any, Dict[str, Array]]:
        """(output, dx, {name: gradient}): the samples through the network as in training, and back.

        dout, (m, ...output_shape), is dL/d(output) for any L that is a function of the output; dx is dL/dx and the dict
        has dL/d(weight) for each of `parameters` that is not frozen. Of several outputs output is a list, and so is dout,
        or a dict by their names; of several inputs dx is a list. As in training batch normalisation uses the batch's
        statistics and Dropout is at work, with masks from (dropout_seed, dropout_step). What stands for the gradient of a
        running statistic is the step that the batch would move it back by.
        """
        with self._lock:
            x = self._samples("gradients", x)
            xs = x if isinstance(x, list) else [x]
            douts = []
            given = zip(self._output_names, each("gradients", "dout", dout, self._output_names), self._output_shapes)
            for name, array, shape in given:
                who = "gradients" if len(self._output_names) == 1 else f"gradients ({name})"
                array = np.require(as_numbers(who, "dout", unlisted(array, shape)), np.float32, ["C", "A", "W"])
                shape = (len(xs[0]), *shape)
                if array.shape != shape:
                    raise ValueError(f"{who}: dout has shape {array.shape}, it must be {shape}")
                douts.append(array)
            for seed in (dropout_seed, dropout_step):
                check_seed("gradients", seed)
            outputs, dxs, gradients = self._network.gradients(xs, douts, dropout_seed, dropout_step)
            named = {n: g for n, g in zip(self.parameters(), gradients) if g is not None}
            return _one_or_all(outputs), _one_or_all(dxs), named

    # --- files and copies

    def save(self, path: Path) -> None:
        """Writes architecture, weights, class names and notes to one file (safetensors), all or nothing."""
        with self._lock:
            notes = self.notes
            self._network.notes = {**notes, _NAME_NOTE: self.name}
            self._network.save(path_bytes("save", "path", path))

    @staticmethod
    def load(path: Path) -> Model:
        """The model of a file that `save`, or the command hubel, wrote; a `Sequential` where it is one.

        Raises OSError when it cannot be read and ValueError when it is no such file. Weights are taken as they are, NaN
        too: so can be looked at what a training that diverged has left.
        """
        return _load("load", "path", path)

    def save_weights(self, path: Path) -> None:
        """Writes the weights alone to a file (safetensors), by their names, all or nothing. OSError when it cannot."""
        with self._lock:
            self._network.save_weights(path_bytes("save_weights", "path", path))

    def load_weights(self, path: Path) -> None:
        """Takes its weights from a file that `save_weights` or `save` wrote, or another safetensors file.

        Its tensors must be exactly this model's weights by name and shape; of another model's file, as `save` writes it,
        `copy_weights` takes those that fit. As with `load` values are taken as they are. Raises OSError when it cannot be
        read and ValueError when it does not fit; the weights are then as they were.
        """
        with self._lock:
            self._network.load_weights(path_bytes("load_weights", "path", path))

    def to_json(self) -> str:
        """The architecture as JSON text, without weights and names of classes: see docs/model-format.md.

        >>> import hubel
        >>> hubel.Sequential([hubel.Flatten()], input_shape=(2, 2, 1)).to_json()
        '{"input_shape":[2,2,1],"layers":[{"kind":"flatten"}]}'
        """
        return self._network.to_json()

    def __getstate__(self) -> Dict[str, Any]:
        with self._lock:
            return {
                "name": self.name,
                "inputs": self._network.inputs(),
                "layers": self._network.layers(),
                "outputs": self._network.outputs(),
                "weights": self.get_weights(),
                "frozen": self.frozen,
                "class_names": self.class_names,
                "notes": self.notes,
                "optimizer": self.optimizer,
                "loss": self._outputs.losses,
                "loss_weights": self._outputs.weights,
                "metrics": self._outputs.metrics,
                "next_seed": self._next_seed,
            }

    def __setstate__(self, state: Dict[str, Any]) -> None:
        inputs = state["inputs"] if "inputs" in state else [(state["input_shape"], None)]  # older pickles have one
        network = _core.Network(inputs, state["layers"], state.get("outputs"), 0)
        self._set_up(network, state["name"], state["next_seed"])
        self.set_weights(state["weights"])
        if state["frozen"]:
            self.freeze(*state["frozen"])
        self.class_names, self.notes = state["class_names"], state["notes"]
        self._optimizer = state["optimizer"]
        count, losses, metrics = len(self._output_names), state["loss"], state.get("metrics")
        if isinstance(losses, Loss):  # an older pickle, which has the top-k accuracy by itself
            top_k = [f"top_{state['top_k']}_accuracy"] if state["top_k"] else []
            losses, metrics = [losses] * count, [[*(metrics or ()), *top_k]] * count
        weights = state.get("loss_weights", [1.0] * count)
        self._outputs = outputs_of(self._output_layers, losses, weights, metrics or [[]] * count)


class Sequential(Model):
    """A network of layers one after another, with weights. See `Model` for samples and labels.

    Parameters
    ----------
    layers : sequence of layers
        `hubel.Conv2D`, `hubel.MaxPool2D`, `hubel.Flatten`, `hubel.Dense`, ...: see `hubel.layers`.
    input_shape : tuple
        One sample's shape: (h, w, c), or (n,) for dense layers. It may be given as `hubel.Input`, the first of the
        layers, instead.
    seed : int
        Of the starting weights, and of the order of samples in the first `fit`: the same seed, the same bits.
    name : str, optional

    Examples
    --------
    >>> import numpy as np, hubel
    >>> model = hubel.Sequential(
    ...     [hubel.Conv2D(4, 3, activation="relu"), hubel.MaxPool2D(), hubel.Flatten(), hubel.Dense(2, "softmax")],
    ...     input_shape=(8, 8, 1),
    ... )
    >>> x = np.zeros((20, 8, 8, 1), dtype=np.float32)
    >>> x[10:, :, 4:] = 1
    >>> history = model.fit(x, [0] * 10 + [1] * 10, epochs=20, verbose=0)
    >>> model.evaluate(x, [0] * 10 + [1] * 10)[1]
    1.0
    >>> model.predict(x[:1]).shape
    (1, 2)
    """

    def __init__(
        self,
        layers: Iterable[Union[Layer, SeparableConv2D, Value]],
        input_shape: Optional[Tuple[int, ...]] = None,
        seed: int = 0,
        name: Optional[str] = None,
    ) -> None:
        if isinstance(layers, (str, Layer)) or not isinstance(layers, Iterable):
            raise TypeError(f"Sequential: layers must be a list of layers, such as [hubel.Dense(10)], got {layers!r}")
        given: List[Any] = list(layers)
        input_name: Optional[str] = None
        if given and isinstance(given[0], Value) and given[0].layer is None and input_shape is None:
            first = given.pop(0)
            input_shape, input_name = first.shape, first.name
        if input_shape is None:
            raise TypeError("Sequential: input_shape must be a tuple such as (28, 28, 1), or the first layer a hubel.Input")
        single: List[Layer] = []
        for layer in given:
            single.extend(layer.layers if isinstance(layer, SeparableConv2D) else (layer,))
        for one in single:
            if not isinstance(one, Layer):
                raise TypeError(f"Sequential: layers must be hubel's, such as hubel.Dense(10), got {one!r}")
        check_seed("Sequential", seed)
        entries: List[_core.LayerEntry] = [
            (one.kind, one.get_config(), one.given_name if first < 0 else None, [i - 1], first)
            for i, (one, first) in enumerate(zip(single, firsts(single, [id(one) for one in single])))
        ]
        network = _core.Network([(input_shape, input_name)], entries, None, seed)
        self._set_up(network, name_or("Sequential", name, "sequential"), seed)


def lenet5(classes: int = 10, seed: int = 0, input_shape: Tuple[int, ...] = (28, 28, 1)) -> Sequential:
    """LeNet-5 as trained today: LeCun, Bottou, Bengio & Haffner 1998, with ReLU and max pooling.

    conv 6@5x5 same, max-pool 2x2/2, conv 16@5x5 valid, max-pool 2x2/2, dense 120, 84, `classes` with softmax; he-normal
    weights from `seed`.

    >>> import hubel
    >>> hubel.lenet5()
    <hubel.Sequential 'lenet5', (28, 28, 1) -> (10,), 61,706 parameters>
    """
    check_seed("lenet5", seed)
    shape, entries = _core.zoo_graph("lenet5", classes, input_shape, False)
    model = _model_of(_core.Network([(shape, None)], entries, None, seed), "lenet5", seed)
    assert isinstance(model, Sequential)
    return model


def load_model(path: Path) -> Model:
    """The model of a file: see `Model.load`."""
    return _load("load_model", "path", path)


def model_from_json(text: str, seed: int = 0, name: Optional[str] = None) -> Model:
    """A model of the architecture that `Model.to_json` gave, or written by hand; a `Sequential` where it is one.

    Its weights are fresh ones from `seed`. What the text leaves out has its default. Raises ValueError, with the key at
    fault, for what is no architecture, and TypeError for what is no text.

    >>> import hubel
    >>> hubel.model_from_json(hubel.lenet5().to_json(), name="lenet")
    <hubel.Sequential 'lenet', (28, 28, 1) -> (10,), 61,706 parameters>
    """
    if not isinstance(text, str):
        raise TypeError(f"model_from_json: text must be a str, got {type(text).__name__}")
    check_seed("model_from_json", seed)
    return _model_of(_core.Network.from_json(text, seed), name, seed)


def _load(who: str, argument: str, path: Any) -> Model:
    network = _core.Network.load(path_bytes(who, argument, path))
    return _model_of(network, network.notes.get(_NAME_NOTE), 0)


def _model_of(network: _core.Network, name: Optional[str], next_seed: int) -> Model:
    """The model around a network that is there already: a `Sequential` where its layers come one after another."""
    chain = all(entry[3] == [i - 1] for i, entry in enumerate(network.layers()))
    chain = chain and len(network.inputs()) == 1 and len(network.outputs()) == 1
    model: Model = object.__new__(Sequential if chain else Model)
    model._set_up(network, name_or(type(model).__name__, name, type(model).__name__.lower()), next_seed)
    return model


def _one_or_all(of_each: List[Any]) -> Any:
    """What there is of one input or output, or the list of what there is of several."""
    return of_each[0] if len(of_each) == 1 else of_each


_CALLS = ("on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_epoch_end", "on_train_end")


def _callback_list(callbacks: Any) -> List[Callback]:
    """fit's callbacks: None, one, or a sequence of them."""
    if callbacks is None:
        return []
    one = callable(callbacks) or isinstance(callbacks, (CallbackObject, LearningRateScheduler, ReduceLROnPlateau))
    return [callbacks] if one or _methods(callbacks) or not isinstance(callbacks, Iterable) else list(callbacks)


def _methods(callback: Any) -> Dict[str, Callable[..., Any]]:
    """What of it is to be called: not what `hubel.callbacks.Callback` has for those that have nothing to do."""
    own = {name: getattr(callback, name) for name in _CALLS if hasattr(callback, name)}
    return {n: call for n, call in own.items() if getattr(call, "__func__", None) is not getattr(CallbackObject, n)}


class _Callbacks:
    """What a training calls, and when."""

    def __init__(self, model: Model, callbacks: Sequence[Callback]) -> None:
        self._calls: Dict[str, List[Callable[..., Any]]] = {name: [] for name in _CALLS}
        for callback in callbacks:
            if isinstance(callback, (LearningRateScheduler, ReduceLROnPlateau)):
                continue
            if isinstance(callback, type):
                raise TypeError(f"fit: callbacks has the class {callback.__name__}, it must be an object: call it")
            methods = _methods(callback)
            if not methods and not isinstance(callback, CallbackObject):
                methods = {"on_epoch_end": callback}
            for call in methods.values():
                if not callable(call):
                    raise TypeError(
                        f"fit: a callback must be a function or have methods such as on_epoch_end, got {callback!r}"
                    )
            if hasattr(callback, "set_model"):
                callback.set_model(model)
            for name, call in methods.items():
                self._calls[name].append(call)

    def have(self, method: str) -> bool:
        return bool(self._calls[method])

    def call(self, method: str, *arguments: Any) -> None:
        for call in self._calls[method]:
            call(*arguments)


def _learning_rates(
    callbacks: Sequence[Callback], schedule: str, warmup: float
) -> Optional[Callable[[int, float], float]]:
    """The function of a LearningRateScheduler, if one is among them, of epochs from 1."""
    schedulers = [callback for callback in callbacks if isinstance(callback, LearningRateScheduler)]
    if not schedulers:
        return None
    if len(schedulers) > 1:
        raise ValueError(f"fit: there may be one LearningRateScheduler, callbacks have {len(schedulers)}")
    if schedule != "constant" or warmup != 0 or any(isinstance(callback, ReduceLROnPlateau) for callback in callbacks):
        raise ValueError("fit: LearningRateScheduler takes the place of schedule, warmup and ReduceLROnPlateau")
    return lambda epoch, rate: schedulers[0].rate(epoch - 1, rate)


def _plateau(callbacks: Sequence[Callback], validates: bool) -> Dict[str, Any]:
    """The setting of a ReduceLROnPlateau, if one is among them."""
    plateaus = [callback for callback in callbacks if isinstance(callback, ReduceLROnPlateau)]
    if len(plateaus) > 1:
        raise ValueError(f"fit: there may be one ReduceLROnPlateau, callbacks have {len(plateaus)}")
    if not plateaus:
        return {}
    values = asdict(plateaus[0])
    monitor = values.pop("monitor")
    if validates and not monitor.startswith("val_"):
        raise ValueError(
            f"fit: ReduceLROnPlateau watches the validation where there is one: give monitor='val_{monitor}' in place "
            f"of {monitor!r}"
        )
    if not validates and monitor.startswith("val_"):
        raise ValueError(f"fit: ReduceLROnPlateau(monitor={monitor!r}) needs validation samples")
    return {"plateau": {**values, "maximum": not monitor.endswith("loss")}}


def _check_resumable(callbacks: Sequence[Callback]) -> None:
    """What callbacks count is not in a checkpoint: to begin anew with it would be another training, told by nobody."""
    for callback in callbacks:
        if getattr(callback, "remembers", False):
            raise ValueError(
                f"fit: resume_from does not go with {type(callback).__name__}, whose best value so far no checkpoint has"
            )


def _check_distinct(callbacks: Sequence[Callback], checkpoint: bytes) -> None:
    """One file for two things would lose one of them."""
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint) and os.path.realpath(callback.path) == os.path.realpath(checkpoint):
            raise ValueError(f"fit: checkpoint and ModelCheckpoint write the same file, {os.fsdecode(callback.path)}")


def _augmentation_options(augmentation: Optional[Augmentation]) -> Optional[Dict[str, Any]]:
    if augmentation is None:
        return None
    if not isinstance(augmentation, Augmentation):
        raise TypeError(f"fit: augmentation must be a hubel.Augmentation or None, got {augmentation!r}")
    return augmentation._options()


def _check_by_number(**options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"fit: {name} needs arrays or a folder's images; batches cannot be gone back to by number")


def _check_out(who: str, out: AnyArray, shape: Tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != np.float32:
        raise TypeError(f"{who}: out must be a float32 array, got {getattr(out, 'dtype', type(out).__name__)}")
    if out.shape != shape:
        raise ValueError(f"{who}: out has shape {out.shape}, it must be {shape}")
    flags = out.flags
    if not (flags.c_contiguous and flags.writeable and flags.aligned):
        raise ValueError(f"{who}: out must be writeable and C-contiguous")


def _listed(scores: Dict[str, float], as_dict: bool) -> Results:
    return scores if as_dict else list(scores.values())


def _samples_of(batch: Batch) -> int:
    return len(batch[0][0] if isinstance(batch[0], list) else batch[0])
