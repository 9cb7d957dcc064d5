"""Ray: its start, its nodes, what they have, and whom a run trusts."""
