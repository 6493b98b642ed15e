"""The client for asyncio; the source of the other one."""
