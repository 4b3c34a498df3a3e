"""What a stylization trains on: photographs to repaint and pictures of the styles, in one data set."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from pipeline.contracts import PHOTOGRAPH, Item, Source
from pipeline.data.nested import Nested
from pipeline.errors import DataError


class ContentsAndStyles(Source):
    """The pictures of `contents`, all of class `photograph`, and those of `styles`, a class per style."""

    name: Literal["contents_and_styles"] = "contents_and_styles"
    contents: Nested
    styles: Nested

    def total(self) -> int:
        return sum(source.total() for source in self._parts())

    def items(self) -> Iterator[Item]:
        contents, styles = self._parts()
        for item in contents.items():
            yield replace(item, label=PHOTOGRAPH)
        for item in styles.items():
            if item.label == PHOTOGRAPH:
                raise DataError(f"{item.origin}: a style is called '{PHOTOGRAPH}', as the contents are; rename it")
            yield item

    def _parts(self) -> tuple[Source, Source]:
        shape = {"size": self.size, "channels": self.channels}
        return self.contents.model_copy(update=shape), self.styles.model_copy(update=shape)
