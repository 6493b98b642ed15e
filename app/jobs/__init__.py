"""Jobs: the ledger of their states, the fair queue, and their routes."""
