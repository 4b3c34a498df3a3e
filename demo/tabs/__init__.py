"""The tabs of the page, in their order."""

from demo.tabs import explore, sample, style
from demo.tabs.tab import Tab

TABS: dict[str, Tab] = {
    "sample": sample.TAB,
    "explore": explore.TAB,
    "style": style.TAB,
}
