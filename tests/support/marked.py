"""Pictures whose metadata say where they come from, or what may not be done with them."""

from __future__ import annotations

import json
from io import BytesIO

import c2pa

from app.imaging.encode import encode
from app.imaging.formats import OutputFormat
from app.provenance.c2pa_settings import OFFLINE
from app.provenance.signer import Signer
from tests.support.pictures import encoded, picture

_PACKET = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" xmlns:tdm="http://www.w3.org/ns/tdmrep/"
xmlns:cc="http://creativecommons.org/ns#"
xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"{attributes}>{elements}</rdf:Description>
</rdf:RDF></x:xmpmeta>"""


def with_xmp(attributes: str = "", elements: str = "", output: OutputFormat = OutputFormat.JPEG) -> bytes:
    """A photo with these properties."""
    packet = _PACKET.format(attributes=" " + attributes, elements=elements).encode()
    return encode(picture(64, 48), output, xmp=packet)


def with_manifest(signer: Signer, entries: dict[str, str] | None = None, label: str = "cawg") -> bytes:
    """A signed photo of a camera, whose manifest says what may be done with it."""
    assertions = []
    if entries is not None:
        data = {"entries": {f"{label}.{name}": {"use": use} for name, use in entries.items()}}
        assertions.append({"label": f"{label}.training-mining", "data": data})
    made = {"claim_generator_info": [{"name": "A Camera"}], "assertions": assertions}
    signed = BytesIO()
    with (
        c2pa.Context.from_dict(OFFLINE) as context,
        c2pa.Builder(json.dumps(made), context=context) as builder,
    ):
        builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CAPTURE)
        builder.sign(signer._signer, "image/jpeg", BytesIO(encoded(picture(64, 48), "JPEG")), signed)
    return signed.getvalue()
