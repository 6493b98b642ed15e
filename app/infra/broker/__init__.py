"""Queue, events, cancel requests and heartbeats on NATS JetStream, embedded or a cluster."""

from app.infra.broker.client import Broker
from app.infra.broker.discovery import BrokerAddress, broker_dir, find_broker
from app.infra.broker.errors import BrokerError, BrokerStartError, BrokerUnavailableError
from app.infra.broker.events import TERMINAL_STATES, EndWatch, Event
from app.infra.broker.heartbeats import heartbeats
from app.infra.broker.messages import CancelWatch, Delivery
from app.infra.broker.nats_server import EmbeddedServer
from app.infra.broker.topology import LANES

__all__ = [
    "LANES",
    "TERMINAL_STATES",
    "Broker",
    "BrokerAddress",
    "BrokerError",
    "BrokerStartError",
    "BrokerUnavailableError",
    "CancelWatch",
    "Delivery",
    "EmbeddedServer",
    "EndWatch",
    "Event",
    "broker_dir",
    "find_broker",
    "heartbeats",
]
