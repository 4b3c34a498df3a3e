"""Sources that hold other sources: how params.yaml writes the inner ones."""

from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny, ValidationInfo

from pipeline.contracts import Source
from pipeline.errors import RecipeError
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
            f"{where}.{key}", "does not belong here", "write it one level up, for all nested sources alike"
        )
    return source


Nested = Annotated[SerializeAsAny[Source], BeforeValidator(_source)]
"""A source inside of another, which decides its `size` and `channels`."""
