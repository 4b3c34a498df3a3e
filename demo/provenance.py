"""What every picture says of itself: what made it, how to make it again, and that an algorithm painted it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from demo import __version__

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's word for pictures made by a trained model (https://cv.iptc.org/newscodes/digitalsourcetype)."""

RECIPE_KEY = "ganvas.recipe"
XMP_KEY = "XML:com.adobe.xmp"


def picture_texts(title: str, recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return the text chunks of a PNG."""
    return {
        "Software": f"Ganvas {__version__}",
        "Title": title,
        RECIPE_KEY: json.dumps(recipe, ensure_ascii=False),
        "DigitalSourceType": SOURCE_TYPE,
        XMP_KEY: xmp_packet(title),
    }


def recipe_mark(recipe: Mapping[str, Any]) -> str:
    """Return six letters that tell the files of different recipes apart."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:6]


def film_text(recipe: Mapping[str, Any]) -> str:
    """Return what a film says in its comment, or in its title where its kind has no comments: JSON."""
    told = {"software": f"Ganvas {__version__}", "digitalSourceType": SOURCE_TYPE, "recipe": dict(recipe)}
    return json.dumps(told, ensure_ascii=False)


def xmp_packet(title: str) -> str:
    """Return XMP that image software and search engines read: the title, the program and IPTC's source type."""
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"<xmp:CreatorTool>Ganvas {__version__}</xmp:CreatorTool>"
        f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>"
        f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )
