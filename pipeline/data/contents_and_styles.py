"""What a stylization trains on: photographs to repaint and pictures of the styles, in one data set."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, SerializeAsAny, ValidationInfo

from pipeline.contracts import PHOTOGRAPH, Item, Source
from pipeline.errors import DataError, RecipeError
from pipeline.sections import Place, parse_part


def _source(content: Any, info: ValidationInfo) -> Source:
    if isinstance(content, Source):
        return content
    if not isinstance(info.context, Place):
        raise TypeError("give a Source, or read the section with pipeline.sections.parse_part")
    where = f"{info.context.where}.{info.field_name}"
    source: Source = parse_part(info.context.registry, content, where)
    for key in source.model_fields_set & set(Source.model_fields) - {"name"}:
        raise RecipeError(
            f"{where}.{key}", "does not belong here", "write it one level up, for contents and styles alike"
        )
    return source


Nested = Annotated[SerializeAsAny[Source], BeforeValidator(_source)]


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
