"""Sources of pictures, by the name that a recipe uses."""

from pipeline.contracts import Source
from pipeline.data.cifar10 import Cifar10
from pipeline.data.contents_and_styles import ContentsAndStyles
from pipeline.data.crops import Crops
from pipeline.data.digits import Digits
from pipeline.data.folder import Folder
from pipeline.data.idx import Idx
from pipeline.data.joined import Joined
from pipeline.data.parquet import Parquet
from pipeline.data.photographs import Photographs
from pipeline.data.procedural import Procedural

SOURCES: dict[str, type[Source]] = {
    "cifar10": Cifar10,
    "contents_and_styles": ContentsAndStyles,
    "crops": Crops,
    "digits": Digits,
    "folder": Folder,
    "idx": Idx,
    "joined": Joined,
    "parquet": Parquet,
    "photographs": Photographs,
    "procedural": Procedural,
}
