"""An XMP packet that says how a picture was made (ISO 16684-1; IPTC Photo Metadata Standard 2025.1)."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any
from xml.sax.saxutils import escape, quoteattr

COMPOSITE_WITH_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC digital source type: a picture by a camera (or a hand), changed by a trained model."""

NAMESPACE = "urn:fewstroke:provenance:1"
_TC260 = "http://www.tc260.org.cn/ns/AIGC/1.0/"  # China's GB 45438-2025, implicit label


@cache
def tool() -> str:
    """Name and version of this program."""
    return f"Fewstroke {version('fewstroke')}"


def packet(tool: str, record: Mapping[str, Any]) -> bytes:
    """The packet (UTF-8): IPTC's digital source type, China's label, the tool, and ``record`` as JSON in our
    namespace."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:TC260="{_TC260}"
    xmlns:fewstroke="{NAMESPACE}"
    xmp:CreatorTool={quoteattr(tool)}
    Iptc4xmpExt:DigitalSourceType={quoteattr(COMPOSITE_WITH_AI)}>
   <TC260:AIGC>{escape(json.dumps(_label(tool, record)))}</TC260:AIGC>
   <fewstroke:record>{escape(json.dumps(record, sort_keys=True))}</fewstroke:record>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""".encode()


def _label(tool: str, record: Mapping[str, Any]) -> dict[str, str]:
    """The implicit label of GB 45438-2025, appendix E: made by a model ("1"), with what, under which number.
    What a distributor adds stays empty."""
    number = str(record.get("job_id") or record.get("mark") or record.get("note") or "")
    return {
        "Label": "1",
        "ContentProducer": tool,
        "ProduceID": number,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
