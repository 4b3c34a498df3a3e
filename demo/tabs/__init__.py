"""The tabs of the page, in their order."""

from demo.tabs import explore, journey, sample, style
from demo.tabs.tab import Tab

TABS: dict[str, Tab] = {
    "sample": sample.TAB,
    "explore": explore.TAB,
    "journey": journey.TAB,
    "style": style.TAB,
}
