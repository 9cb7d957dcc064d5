"""Every knob of libsep, with its unit, range and default; YAML files hold only what differs."""

from libsep.config.conversion import (
    STEM_FORMAT,
    Config,
    DecodeConfig,
    EncodeConfig,
    RunConfig,
    ScanConfig,
    SeparationConfig,
)
from libsep.config.distillation import DistillationConfig, LabelConfig
from libsep.config.faults import why_unreadable
from libsep.config.genre_training import GenreTrainingConfig, load_training
from libsep.config.library import LibraryConfig
from libsep.config.night import NightConfig
from libsep.config.presence_training import PresenceTrainingConfig, SearchConfig
from libsep.config.restoration import RestorationConfig
from libsep.config.restoration_training import (
    RestorationAdversarialConfig,
    RestorationLossConfig,
    RestorationMaterialConfig,
    RestorationNetworkConfig,
    RestorationTrainingConfig,
)
from libsep.config.routing import AnyGenre, Genre, RoutingConfig
from libsep.config.section import Section, SectionType, UserPath, load, parse
from libsep.config.storage import StorageConfig
from libsep.config.training import (
    AdversarialConfig,
    AugmentConfig,
    FrameAdversarialConfig,
    JudgedConfig,
    LossConfig,
    MaterialConfig,
    NetworkConfig,
    OptimiserConfig,
    TrainingConfig,
)
from libsep.config.transients import TransientsConfig
from libsep.config.transients_training import DrumHitTrainingConfig, DrumSoundTrainingConfig

__all__ = [
    "STEM_FORMAT",
    "AdversarialConfig",
    "AnyGenre",
    "AugmentConfig",
    "Config",
    "DecodeConfig",
    "DistillationConfig",
    "DrumHitTrainingConfig",
    "DrumSoundTrainingConfig",
    "EncodeConfig",
    "FrameAdversarialConfig",
    "Genre",
    "GenreTrainingConfig",
    "JudgedConfig",
    "LabelConfig",
    "LibraryConfig",
    "LossConfig",
    "MaterialConfig",
    "NetworkConfig",
    "NightConfig",
    "OptimiserConfig",
    "PresenceTrainingConfig",
    "RestorationAdversarialConfig",
    "RestorationConfig",
    "RestorationLossConfig",
    "RestorationMaterialConfig",
    "RestorationNetworkConfig",
    "RestorationTrainingConfig",
    "RoutingConfig",
    "RunConfig",
    "ScanConfig",
    "SearchConfig",
    "Section",
    "SectionType",
    "SeparationConfig",
    "StorageConfig",
    "TrainingConfig",
    "TransientsConfig",
    "UserPath",
    "load",
    "load_training",
    "parse",
    "why_unreadable",
]
