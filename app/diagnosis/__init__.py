"""What ``fewstroke doctor`` examines."""

from app.diagnosis.examination import examine
from app.diagnosis.findings import Finding, Verdict

__all__ = ["Finding", "Verdict", "examine"]
