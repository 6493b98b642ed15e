"""What ``fewstroke doctor`` examines."""

from app.doctor.report import Finding, Verdict
from app.doctor.runner import examine

__all__ = ["Finding", "Verdict", "examine"]
