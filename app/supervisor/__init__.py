"""``fewstroke serve``: broker, workers and API as child processes of one supervisor."""

from app.supervisor.errors import DataFolderBusyError, SupervisorError
from app.supervisor.supervisor import Supervisor, fewstroke_command

__all__ = ["DataFolderBusyError", "Supervisor", "SupervisorError", "fewstroke_command"]
