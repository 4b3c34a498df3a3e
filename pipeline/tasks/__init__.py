"""Tasks of paired translation, by the name that a recipe uses: `network: {name: unet, translation: {name: ...}}`."""

from pipeline.contracts import Translation
from pipeline.tasks.colorize import Colorize
from pipeline.tasks.inpaint import Inpaint
from pipeline.tasks.sketch import Sketch
from pipeline.tasks.superres import Superres

TASKS: dict[str, type[Translation]] = {
    "colorize": Colorize,
    "inpaint": Inpaint,
    "sketch": Sketch,
    "superres": Superres,
}
