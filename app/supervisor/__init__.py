"""``fewstroke serve``: broker, workers and API as child processes of one supervisor."""

from app.supervisor.errors import DataFolderBusyError, SupervisorError
from app.supervisor.supervisor import Supervisor

__all__ = ["DataFolderBusyError", "Supervisor", "SupervisorError"]
