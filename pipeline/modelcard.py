"""The model card as people read it, generated from the card inside the file, the figures and the gate's verdict."""

from collections.abc import Mapping, Sequence

from demo.card import ModelCard

LONGEST_DESCRIPTION = 5000
"""Characters that MLflow's tables take."""


def markdown(card: ModelCard, metrics: Mapping[str, float], reasons: Sequence[str] = ()) -> str:
    """Return the model card in Markdown; `reasons` are the sentences of the gate."""
    ports = [("in", port) for port in card.inputs] + [("out", port) for port in card.outputs]
    lines = [
        f"# {card.recipe}",
        "",
        card.description or "A model without a description.",
        "",
        f"Task: {card.task}. Pictures: {'RGB' if card.channels == 3 else 'grey'}, {card.size} pixels a side.",
        *(["", "Choices: " + ", ".join(choice.name for choice in card.choices) + "."] if card.choices else []),
        *(["", "The gate:", "", *(f"- {reason}" for reason in reasons)] if reasons else []),
        *["", "| | name | shape | kind |", "|---|---|---|---|"],
        *(f"| {way} | {port.name} | {' x '.join(map(str, port.shape))} | {port.kind} |" for way, port in ports),
        *["", "| metric | value |", "|---|---|"],
        *(f"| {name} | {value:.6g} |" for name, value in metrics.items()),
        *["", "| made from | |", "|---|---|"],
        *(f"| {name} | {value} |" for name, value in card.provenance.items()),
    ]
    return "\n".join(lines) + "\n"


def description(card: ModelCard, metrics: Mapping[str, float], reasons: Sequence[str] = ()) -> str:
    """Return the card as the description of a version, without the last lines where it is too long for one."""
    text = markdown(card, metrics, reasons)
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    return text[: text.rindex("\n", 0, LONGEST_DESCRIPTION - 2) + 1] + "…\n"
