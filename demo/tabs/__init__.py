"""The tabs of the page, in their order."""

from demo.tabs import sample, style, translate
from demo.tabs.tab import Tab

TABS: dict[str, Tab] = {
    "sample": sample.TAB,
    "style": style.TAB,
    "translate": translate.TAB,
}
