"""The exporter process: one style file on stdin, one ONNX file on stdout; NumPy and onnx end with it.

An error is one JSON object on stderr and exit status 1. Run by :mod:`app.styles.export`
with the arguments PRECISION [CHECKPOINT].
"""

import json
import sys
from pathlib import Path

from model.errors import ModelError
from model.image.export import Precision, export_style


def main() -> None:
    """Export once."""
    precision, *rest = sys.argv[1:]
    checkpoint = Path(rest[0]) if rest else None
    try:
        file = export_style(sys.stdin.buffer.read(), precision=Precision(precision), checkpoint=checkpoint)
    except ModelError as error:
        print(json.dumps({"error": type(error).__name__, "detail": str(error)}), file=sys.stderr)
        sys.exit(1)
    sys.stdout.buffer.write(file)


if __name__ == "__main__":
    main()
