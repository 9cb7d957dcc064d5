"""What a separator's process does with PyTorch, which the driver of a run does without.

The driver hands the classes of the actors to Ray, so their modules do not import this one; their
processes do, when they start.
"""

from collections.abc import Iterable

from libsep.batch.separators.batching import Batcher
from libsep.config import SeparationConfig
from libsep.restoration.model import RestorationModel, located_restoration_model
from libsep.separation.cpu import return_free_memory, tune_allocator, use_one_thread
from libsep.separation.faults import is_sticky
from libsep.separation.registry import Model, located
from libsep.separation.separator import Separator
from libsep.separation.weights import check_networks
from libsep.stem_maker import StemMaker

__all__ = ["check_all", "is_sticky", "loaded", "set_up_process"]


def set_up_process() -> None:
    """Let this process compute in one thread, and keep the memory that it frees."""
    use_one_thread()
    tune_allocator()


def loaded(
    model: Model, config: SeparationConfig, restoration_model: RestorationModel | None
) -> tuple[Separator, Batcher]:
    """Load a model; return it, and what separates segments of several threads in one batch.

    Raises
    ------
    ModelError, ConfigError
        A model cannot be loaded, or the device is not there.
    """
    separator = Separator(
        located(model),
        device=config.device,
        precision=config.precision,
        reconstruct=config.reconstruct,
    )
    restoration_model = restoration_model and located_restoration_model(restoration_model)
    maker = StemMaker.loaded(separator, restoration_model)
    return_free_memory()  # the weights as they were read, several times what is kept of them
    return separator, Batcher(maker.separate, separator.segments_per_batch)


def check_all(models: Iterable[Model]) -> None:
    """Load each model once, to know that it can be.

    Raises
    ------
    ModelError
        One cannot be loaded.
    """
    for model in models:
        check_networks(located(model))
