"""From the ledger to numbers that people read."""
